"""Broken files by the thousand; tests/bench/fuzz_readers.py breaks them and runs as many as asked.

Run as the script it is: its cases run in a forked child, and pytest has threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

REACHED = 0.4  # of each target's files; without it the fuzzer would only test headers


@pytest.fixture
def bench(repository: Path, needs_module: Callable[[str, str], None]) -> Path:
    needs_module("torch", "pip install 'wearkit[train]'")
    return repository / "tests" / "bench"


def check(bench: Path, scratch: Path, files: int, seed: int) -> None:
    command = [sys.executable, str(bench / "fuzz_readers.py"), "--n", str(files)]
    command += ["--seed", str(seed), "--save", str(scratch), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    print(done.stdout)
    assert found["failures"] == [] and done.returncode == 0
    assert found["files"] == files
    for name, row in found["targets"].items():
        assert row["accepted"] + row["refused"] == row["files"], name
        assert row["accepted"] and row["refused"], f"{name} says the same to every file"
        assert row["past_header"] >= REACHED * row["files"], f"{name} is fuzzed at its header only"


def test_two_thousand_broken_files(bench: Path, tmp_path: Path) -> None:
    check(bench, tmp_path, 2100, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_broken_files(bench: Path, tmp_path: Path) -> None:
    check(bench, tmp_path, 100_000, seed=2)


_HARNESS = """
import os, sys, time
sys.path.insert(0, {bench!r})
from pathlib import Path
from fuzzing import Answer, Limits, Target, attempt, generator_of, watched
from wearkit.errors import DataError
import fuzzing, warnings

def read(path):
    match int((path / "n").read_bytes()):
        case 1: raise DataError("There is a good reason of this kind.")
        case 2: raise DataError("bad")
        case 3: raise KeyError("x")
        case 4: warnings.warn("careful")
        case 5: time.sleep(600)
        case 6: os._exit(7)
        case 7: grown.append(b"x" * (200 << 20))
        case 8: bytearray(1 << 40)
        case 9: raise DataError("There is a reason, but it is in \\x1b[31mred\\x07.")

grown = []
target = Target("all", lambda generator: {{}}, read, (os, "getpid"))
def one(number, folder):
    return attempt(target, number, {{"n": str(number).encode()}}, folder)
limits = Limits(hang_s=8.0, growth_bytes=100 << 20)
for answer in watched(range(11), one, lambda number: "all", limits):
    print(answer.number, answer.reason, "/", answer.failure)
"""


def test_numbers_that_are_no_floats_are_broken_too(
    bench_script: Callable[[str], ModuleType],
) -> None:
    broken_json = bench_script("breaking").broken_json
    huge = json.dumps({"n": 10**320}).encode()
    found = {broken_json(huge, np.random.default_rng(seed)) for seed in range(60)}
    assert len(found) > 5


def test_the_harness_sees_every_kind_of_failure_and_goes_on(bench: Path) -> None:
    command = [sys.executable, "-c", _HARNESS.format(bench=str(bench))]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    expected = [
        "0  / ",
        "1 There is a good reason of this kind. / ",
        "2  / refused without a reason: 'bad'",
        "3  / KeyError: 'x'",
        "4  / UserWarning: careful",
        "5  / no answer within 8 s",
        "6  / the process died",
        "7  / memory grew by",
        "8  / MemoryError",
        # wearkit's own errors are printable by themselves.
        "9 There is a reason, but it is in # / ",
        "10  / ",
    ]
    lines = done.stdout.splitlines()
    assert len(lines) == len(expected)
    for line, begin in zip(lines, expected, strict=True):
        assert line.startswith(begin), (line, begin)
