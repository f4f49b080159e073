import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wearkit.capture.csv_writer import Recorder
from wearkit.counts import g_to_counts
from wearkit.errors import StorageError
from wearkit.recordings.formats import open_dataset


def read_counts(path: Path) -> list[list[int]]:
    (recording,) = list(open_dataset(path))
    counts: list[list[int]] = g_to_counts(recording.acc_g).tolist()
    return counts


def test_what_is_recorded_is_what_our_own_reader_reads(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    recorder = Recorder(path)
    rows = [(-512, 511, 0), (1, -1, 256), (3, 7, -255)]
    for index, row in enumerate(rows):
        recorder.add(index / 50, row, simulated=True)
    recorder.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(recorder._file)
    (recording,) = list(open_dataset(path))
    assert read_counts(path) == [list(row) for row in rows]
    assert recording.time_s.tolist() == [0.0, 0.02, 0.04]
    assert recording.simulated
    assert not recording.dropped


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("precious")
    with pytest.raises(StorageError, match="--force"):
        Recorder(path)
    assert path.read_text() == "precious"
    recorder = Recorder(path, force=True)
    recorder.add(0.0, (1, 2, 3))
    recorder.add(0.02, (1, 2, 3))
    recorder.close()
    assert read_counts(path) == [[1, 2, 3]] * 2


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Recorder(tmp_path / "absent" / "a.csv")


def test_a_file_that_never_got_a_sample_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    Recorder(path).close()
    assert not path.exists()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    Recorder(path, force=True).close()
    os.close(reader)
    assert path.exists()  # it was no file of ours


def test_after_kill_9_every_flushed_line_is_there(tmp_path: Path) -> None:
    path = tmp_path / "killed.csv"
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from wearkit.capture.csv_writer import Recorder\n"
        f"recorder = Recorder(Path({str(path)!r}))\n"
        "for index in range(1000):\n"
        "    recorder.add(index / 50, (index % 500, -5, 256))\n"
        "    if index == 799: recorder.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_counts(path) == [[index % 500, -5, 256] for index in range(800)]


def test_the_tick_flushes_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("wearkit.capture.csv_writer.time.monotonic", lambda: now_s)
    path = tmp_path / "ticks.csv"
    recorder = Recorder(path)
    recorder.add(0.0, (1, 2, 3))
    recorder.add(0.02, (1, 2, 3))
    recorder.tick()
    assert path.stat().st_size == 0
    now_s = 101.0
    recorder.tick()
    assert read_counts(path) == [[1, 2, 3]] * 2
    recorder.close()


@pytest.mark.parametrize("limit_bytes", [3000, 3001, 3007, 3013])
def test_a_full_disk_leaves_a_file_that_ends_with_a_whole_line(
    tmp_path: Path, limit_bytes: int
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "full.csv"
    recorder = Recorder(path)
    # The system then cuts a write short, as a full disk does, and refuses the next.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        for index in range(400):
            recorder.add(index / 50, (index, -5, 256))
            if index % 40 == 39:
                recorder.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    recorder.close()
    assert recorder.error is not None
    assert "stopped early" in str(recorder.error)
    text = path.read_bytes()
    assert text.endswith(b"\n")
    assert limit_bytes - 40 * 20 < len(text) <= limit_bytes
    rows = read_counts(path)
    assert rows == [[index, -5, 256] for index in range(len(rows))]
    assert len(rows) % 40 == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
def test_a_device_that_is_always_full_is_an_error_not_a_crash() -> None:
    recorder = Recorder(Path("/dev/full"), force=True)
    recorder.add(0.0, (1, 2, 3))
    recorder.flush()
    recorder.add(0.02, (1, 2, 3))
    assert recorder.error is not None and recorder.error.fault == "DISK_FULL"
    assert recorder.samples == 1  # what comes after is not kept
    recorder.close()
    assert "No space left" in str(recorder.error)
    assert Path("/dev/full").exists()
