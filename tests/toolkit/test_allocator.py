"""Freed memory is kept: what a training step frees, the next one gets without a page fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from wearkit.training.device import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit("not glibc")
def step():
    return [b"x" * (12 << 20) for _ in range(4)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_not_fetched_from_the_kernel_again() -> None:
    faults = {}
    for how in ("kept", "plain"):
        done = subprocess.run(
            [sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=False
        )
        if "not glibc" in done.stderr:
            pytest.skip("another C library")
        faults[how] = int(done.stdout)
    assert faults["kept"] < 100 < 10_000 < faults["plain"]
