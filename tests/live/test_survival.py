"""The benches of survival and of false alarms, in their shortest form."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def bench(repository: Path, name: str, *arguments: str) -> dict[str, Any]:
    script = repository / "tests" / "bench" / name
    done = subprocess.run(
        [sys.executable, str(script), *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_unplugging_kill_9_and_full_disks_lose_nothing(repository: Path) -> None:
    counts = ("--cycles", "3", "--kills", "12", "--disks", "6")
    found = bench(repository, "link_survival.py", *counts)
    assert found["unplug"]["unplugged_events"] == 3
    assert found["unplug"]["same_bytes"]
    assert found["unplug"]["descriptors_left"] == 0
    assert found["kill"]["unreadable_files"] == found["kill"]["files_with_other_samples"] == 0
    assert found["disk"]["held"]


def test_a_clean_stream_raises_no_alarm(repository: Path) -> None:
    found = bench(repository, "link_false_alarms.py", "--hours", "0.05", "--simulated-only")
    (day,) = found.values()
    assert day["samples"] == 9000
    assert (day["windows"], day["windows_without_verdict"]) == (149, 0)
    assert day["false_by_code"] == {}


def test_nor_does_a_recording_of_a_good_sensor(
    repository: Path, archive: Callable[[str], Path]
) -> None:
    path = archive("hapt-accel.tar.xz")
    found = bench(repository, "link_false_alarms.py", str(path), "--hours", "0", "--limit", "2")
    (recording,) = found.values()
    assert recording["sessions"] == 2
    assert recording["windows"] > 600
    assert recording["clipped_windows_reported"] == recording["clipped_windows_by_hand"]
    assert recording["false_by_code"] == {}


def test_recordings_that_are_not_there_are_skipped_with_a_reason(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEARKIT_DATA", str(tmp_path))
    found = bench(repository, "link_false_alarms.py", "--hours", "0")
    assert len(found) == 4
    assert all("WEARKIT_DATA" in part["skipped"] for part in found.values())
