"""The figures of tests/bench/link.py, small by default and larger as a soak test.

Parts 3 and 5 are in test_survival.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., dict[str, Any]]


@pytest.fixture
def bench(repository: Path) -> Bench:
    """bench(script, *arguments) -> what it found; it must find that all holds."""

    def run(script: str, *arguments: object) -> dict[str, Any]:
        path = repository / "tests" / "bench" / script
        done = subprocess.run(
            [sys.executable, path, "--json", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run


@pytest.fixture
def compiler(needs_program: Callable[[str, str], str]) -> None:
    for program in ("make", "gcc"):
        needs_program(program, f"apt-get install {program}")


def assert_sound(found: dict[str, Any], streams: int, damaged: int) -> None:
    assert found["ok"]
    assert found["python"]["streams"] == found["c"]["streams"] == streams
    assert found["python"]["bytes"] == found["python"]["bytes_booked"] > 50 * streams
    assert found["python"]["frames"] > streams / 4
    assert found["c"]["messages"] > streams / 4
    assert len(found["damage"]) == 15
    for row in found["damage"]:
        assert (row["damaged"], row["accepted"], row["lost_after"]) == (damaged, 0, 0)
        assert row["unharmed"] < damaged / 10


def test_no_chosen_byte_is_believed_or_lost(compiler: None, bench: Bench) -> None:
    assert_sound(bench("link_decoders.py", "--scale", 0.001, "--seed", 3), 1000, 10_000)


@pytest.mark.soak
def test_nor_are_many_of_them(compiler: None, bench: Bench) -> None:
    assert_sound(bench("link_decoders.py", "--scale", 0.1, "--seed", 4), 100_000, 1_000_000)


def assert_accounted_for(found: dict[str, Any], samples: int, resets: int) -> None:
    assert found["samples"] == samples
    for session in (found["live"], found["verify"]):
        for name, (injected, reported) in session["figures"].items():
            assert injected == reported, name
        figures = {name: injected for name, (injected, _) in session["figures"].items()}
        done = session["injected"]
        assert done["reset"] == figures["resets"] == resets
        assert figures["frames lost"] >= 0.005 * done["frames"]
        assert figures["frames corrupt"] >= 1
        assert figures["windows"] > 0.8 * samples / 60
        assert session["windows_unlike_the_clean_day"] == 0
        assert session["other_faults"] == {}
        assert min(done[name] for name in ("clock wraps", "index wraps", "seq wraps")) >= 1
    assert found["verify"]["figures"]["windows compared"][0] > 0.8 * samples / 60


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_reported_is_what_was_done_to_the_line(bench: Bench, seed: int) -> None:
    assert_accounted_for(bench("link_soak.py", "--scale", 0.005, "--seed", seed), 21_600, 1)


@pytest.mark.soak
def test_over_hours_too(bench: Bench) -> None:
    assert_accounted_for(bench("link_soak.py", "--scale", 0.25, "--seed", 4), 1_080_000, 6)


def test_what_a_session_costs_is_counted_on_the_same_samples(bench: Bench) -> None:
    found = bench("link_cost.py", "--scale", 0.02, "--rounds", 1)
    assert set(found["us_per_sample"]) == {"frames", "text"}
    assert len(found["us_per_window"]) == 4
    assert found["pace"] == {"skipped": "both commands need --bundle"}


def test_no_pace_loses_a_sample(micro_bundle: Path, bench: Bench) -> None:
    size = ("--scale", 0.005, "--rounds", 1, "--first-speed", 25, "--play", 2)
    pace = bench("link_cost.py", *size, "--bundle", micro_bundle)["pace"]
    assert len(pace["plays"]) >= 2
    for play in pace["plays"]:
        assert play["sent"] == play["received"] == round(play["speed"] * 100)
        assert play["windows"] == (play["sent"] - 100) // 60 + 1
        assert play["faults"] == {}


@pytest.mark.soak
def test_every_part_answers(compiler: None, bench: Bench) -> None:
    found = bench("link.py", "--scale", 0.001)
    assert set(found) == {"1", "2", "3", "5", "6"}
