"""The figures of tests/bench/link.py, part 1, small by default and larger as a soak test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def decoders(
    repository: Path, needs_program: Callable[[str, str], str]
) -> Callable[[float, int], dict[str, Any]]:
    """decoders(scale, seed) -> what the script found."""
    for program in ("make", "gcc"):
        needs_program(program, f"apt-get install {program}")

    def run(scale: float, seed: int) -> dict[str, Any]:
        script = repository / "tests/bench/link_decoders.py"
        arguments = ["--json", "--scale", str(scale), "--seed", str(seed)]
        done = subprocess.run(
            [sys.executable, script, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run


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


def test_no_chosen_byte_is_believed_or_lost(
    decoders: Callable[[float, int], dict[str, Any]],
) -> None:
    assert_sound(decoders(0.001, 3), 1000, 10_000)


@pytest.mark.soak
def test_nor_are_many_of_them(decoders: Callable[[float, int], dict[str, Any]]) -> None:
    assert_sound(decoders(0.1, 4), 100_000, 1_000_000)
