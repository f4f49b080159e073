"""A folder of CSV of any size: memory does not grow with the text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROWS = 20_000
_SCRIPT = """
import sys
from wearkit.windows.cut import cut
from wearkit.recordings.info import describe
from wearkit.recordings.formats import open_dataset
if sys.argv[1] == "describe":
    print(describe(open_dataset(sys.argv[2])).rows)
else:
    print(cut(open_dataset(sys.argv[2])).counts.nbytes)
# Not getrusage: its figure begins with the size of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


def folder(path: Path, files: int) -> int:
    """Writes the files; the size of their text in bytes."""
    lines = [
        f"{number / 50:.2f},{number % 97 / 97:.9f},0.{number % 89:09},0.987654321,"
        f"{'sitting_or_something' if number % 2000 < 1000 else 'walking_or_something'}\n"
        for number in range(ROWS)
    ]
    text = "# units=g\ntime,x,y,z,label\n" + "".join(lines)
    path.mkdir()
    for number in range(files):
        (path / f"person{number}.csv").write_text(text)
    return files * len(text)


def measured(what: str, path: Path) -> tuple[int, int]:
    """What it said, and its largest resident set in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, what, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, peak_bytes = done.stdout.split()
    return int(said), int(peak_bytes)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("what", ["describe", "cut"])
def test_memory_does_not_grow_with_the_text(tmp_path: Path, what: str) -> None:
    small_bytes = folder(tmp_path / "small", 2)
    large_bytes = folder(tmp_path / "large", 16)
    added_bytes = large_bytes - small_bytes
    assert added_bytes > 15 << 20
    small, small_peak = measured(what, tmp_path / "small")
    large, large_peak = measured(what, tmp_path / "large")
    assert large == pytest.approx(8 * small)
    # The windows themselves are the result and stay; nothing else may.
    result_bytes = large - small if what == "cut" else 0
    assert large_peak - small_peak < 1.5 * result_bytes + added_bytes / 8
