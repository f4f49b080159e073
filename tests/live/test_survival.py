"""The benches of survival and of false alarms, in their shortest form."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


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
    found = bench(repository, "link_false_alarms.py", "--hours", "0.05")
    (day,) = found.values()
    assert day["samples"] == 9000
    assert (day["windows"], day["windows_without_verdict"]) == (149, 0)
    assert day["false_by_code"] == {}
