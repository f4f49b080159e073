"""Broken files by the thousand; tests/bench/fuzz_import.py breaks them and runs millions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def fuzz(bench_script: Callable[[str], ModuleType]) -> ModuleType:
    return bench_script("fuzz_import")


def check(found: object, files: int) -> None:
    described = found.to_json()  # type: ignore[attr-defined]
    print(described)
    assert described["failures"] == []
    assert described["files"] == files
    assert described["imported"] + described["rejected"] == files
    assert described["reached_operators"] >= 0.3 * files
    assert described["different_reasons"] > 100


def test_two_thousand_broken_files(fuzz: ModuleType) -> None:
    """No file of some 4 KB may make the importer hold more than a few hundred KB."""
    peaks: list[int] = []

    def note() -> None:
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    files = fuzz.seeds()
    tracemalloc.start()
    try:
        check(fuzz.run(2000, seed=1, files=files, each=note), 2000)
    finally:
        tracemalloc.stop()
    assert max(peaks) < 8 << 20


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_broken_files(fuzz: ModuleType) -> None:
    check(fuzz.run(100_000, seed=2, files=fuzz.seeds()), 100_000)


def test_the_harness_sees_a_crash_and_a_missing_reason(
    fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fuzz.seeds()[:1]
    for error in (IndexError("list index out of range"), fuzz.ModelFileError("bad")):

        def fail(_: bytes, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(fuzz, "import_tflite", fail)
        assert len(fuzz.run(3, seed=0, files=files).failures) == 3
