"""wearkit convert and files: bounded memory, the same bytes, nothing lost, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.capture import convert as converting
from wearkit.capture.decode import RecordingDecoder, read_recording, session_record
from wearkit.capture.file import CaptureWriter, Kind
from wearkit.capture.spool import SampleSpool
from wearkit.cli import run
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import replacing
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Hello, Samples
from wearkit.link.options import StreamOptions

_PEAK = """
import sys
from wearkit.cli import run
assert run(["convert", *sys.argv[1:]]) == 0
# Not getrusage: its figure begins with the size of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


def record(path: Path, chunks: list[bytes]) -> Path:
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(StreamOptions(50.0), "/dev/ttyACM0", "ab" * 32))
    for number, chunk in enumerate(chunks):
        log.chunk(chunk, 5.0 + number)
    log.note(Kind.END, {})
    log.close()
    return path


def text(samples: int) -> list[bytes]:
    """With a gap of 5 samples after every 1,000."""
    header = b"#wearkit text/1 units=counts fields=index,x,y,z sensor=simulated\n"
    lines = [
        b"%d,%d,17,%d\n" % (k + 5 * (k // 1000), k % 400 - 200, 250 + k % 5) for k in range(samples)
    ]
    return [header, *(b"".join(lines[k : k + 100]) for k in range(0, samples, 100))]


def frames(samples: int) -> list[bytes]:
    rows = tuple((k, -k, 256) for k in range(25))
    messages = [Hello(boot_id=4, uid=bytes(8), firmware=(1, 2, 3))] + [
        Samples(first, 20_000 * (first + 24) % (1 << 32), rows) for first in range(0, samples, 25)
    ]
    return [encode_message(message, seq % (1 << 16)) for seq, message in enumerate(messages)]


def peak_bytes(recording: Path, table: Path) -> int:
    command = [sys.executable, "-c", _PEAK, str(recording), str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("carrier", "suffix"), [(text, ".csv"), (frames, ".npz")])
def test_memory_does_not_grow_with_the_recording(
    carrier: Callable[[int], list[bytes]], suffix: str, tmp_path: Path
) -> None:
    small = record(tmp_path / "small.wkrec", carrier(6_000))
    large = record(tmp_path / "large.wkrec", carrier(45_000))
    grown = peak_bytes(large, tmp_path / f"l{suffix}") - peak_bytes(small, tmp_path / f"s{suffix}")
    # The reader's window takes in files of this size whole; the samples alone took 6 MB and more.
    assert grown < 2.5e6


@pytest.mark.parametrize("samples", [1, 6, 7, 500])
def test_tables_written_in_pieces_are_those_of_whole_arrays(
    samples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wearkit.capture.decode._BLOCK_SAMPLES", 5)
    monkeypatch.setattr("wearkit.capture.decode._FED_BYTES", 31)
    monkeypatch.setattr(SampleSpool.blocks, "__defaults__", (7,))
    recording = record(tmp_path / "a.wkrec", text(samples))
    whole = read_recording(recording)
    assert len(whole.counts) == whole.samples == samples
    assert (whole.counts[:, 2] == 250 + np.arange(samples) % 5).all()
    for suffix in (".csv", ".npz"):
        assert run(["convert", str(recording), str(tmp_path / f"a{suffix}")]) == 0
    rate = np.array([50.0])
    arrays: dict[str, NDArray[Any]] = {
        "time_s": whole.time_s,
        "counts": whole.counts,
        "rate_hz": rate,
    }
    write_npz(tmp_path / "whole.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    rows = zip(whole.time_s.tolist(), whole.counts.tolist(), strict=True)
    lines = [f"{time_s:.6f},{x},{y},{z}\n" for time_s, (x, y, z) in rows]
    header = "# units=counts sensor=simulated\ntime,x,y,z\n"
    assert (tmp_path / "a.csv").read_text() == header + "".join(lines)


def test_a_parquet_in_pieces_is_that_of_a_whole_table(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow")
    recording = record(tmp_path / "a.wkrec", text(500))
    assert run(["convert", str(recording), str(tmp_path / "a.parquet")]) == 0
    whole, table = read_recording(recording), parquet.read_table(tmp_path / "a.parquet")
    assert table.column("time").to_pylist() == whole.time_s.tolist()
    for k, axis in enumerate("xyz"):
        assert table.column(axis).to_pylist() == whole.acc_g[:, k].tolist()


def test_gaps_past_the_limit_are_counted_and_not_kept(tmp_path: Path) -> None:
    recording = record(tmp_path / "a.wkrec", text(5001))
    decoder = RecordingDecoder(recording, max_gaps=2)
    assert sum(len(block.time_s) for block in decoder.blocks()) == 5001
    summary, whole = decoder.summary(), read_recording(recording)
    assert (len(whole.gaps), whole.gaps_not_listed, whole.missing) == (5, 0, 25)
    assert summary.gaps == whole.gaps[:2]
    assert (summary.gaps_not_listed, summary.missing) == (3, 25)
    assert summary.seconds == whole.time_s[-1] == pytest.approx(5025 / 50)


def test_the_digest_is_of_the_bytes_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = record(tmp_path / "a.wkrec", text(50))
    digest = hashlib.sha256(recording.read_bytes()).hexdigest()

    def written_to(*_: object) -> int:
        with recording.open("ab") as stream:  # live goes on meanwhile
            stream.write(b"more")
        return 0

    monkeypatch.setattr(converting, "clipped_samples", written_to)
    assert run(["convert", str(recording), str(tmp_path / "a.csv")]) == 0
    sidecar = json.loads((tmp_path / "a.csv.json").read_text())
    assert sidecar["recording"]["sha256"] == digest


@pytest.mark.parametrize(("name", "table"), [("a.npz", "a.npz"), ("a.csv.json", "a.csv")])
def test_the_recording_itself_is_never_replaced(
    name: str, table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """live keeps a whole session under any name but .csv."""
    recording = record(tmp_path / name, text(50))
    before = recording.read_bytes()
    assert run(["convert", str(recording), str(tmp_path / table), "--force"]) == 8
    assert "is the recording itself" in capsys.readouterr().err
    assert recording.read_bytes() == before and list(tmp_path.iterdir()) == [recording]


def test_force_says_what_it_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = record(tmp_path / "a.wkrec", text(50))
    command = ["convert", str(recording), str(tmp_path / "a.csv"), "--force"]
    assert run(command) == 0
    assert "Replaced" not in capsys.readouterr().err
    assert run(command) == 0
    assert f"{tmp_path / 'a.csv'}, {tmp_path / 'a.csv.json'}" in capsys.readouterr().err


@pytest.mark.parametrize("late", ["a.csv", "a.csv.json"])
def test_a_file_that_appears_meanwhile_is_kept(
    late: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = record(tmp_path / "a.wkrec", text(50))

    def another_program(*_: object) -> int:
        (tmp_path / late).write_text("mine")
        return 0

    monkeypatch.setattr(converting, "clipped_samples", another_program)
    assert run(["convert", str(recording), str(tmp_path / "a.csv")]) == 8
    assert f"{late} exists already" in capsys.readouterr().err
    assert (tmp_path / late).read_text() == "mine"


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_what_cannot_be_written_is_refused_before_anything_is_decoded(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(converting, "RecordingDecoder", pytest.fail)
    code = run(["convert", str(tmp_path / "a.wkrec"), str(tmp_path / f"a{suffix}")])
    assert code == {".xlsx": 5, ".parquet": 7}[suffix]


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = record(tmp_path / "a.wkrec", text(50))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for place in ("write_npz_pieces", "sidecar_text"):
        with monkeypatch.context() as patch:
            patch.setattr(converting, place, full)
            assert run(["convert", str(recording), str(tmp_path / "a.npz")]) == 8
        assert "No space left" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == [recording]


@pytest.mark.parametrize("step", ["feed", "finish"])
def test_a_kill_while_it_decodes_leaves_nothing(step: str, tmp_path: Path) -> None:
    recording = record(tmp_path / "a.wkrec", text(500))
    script = f"""
import os, signal, sys
from wearkit.cli import run
from wearkit.link.stream import AutoStream
AutoStream.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
run(["convert", *sys.argv[1:]])
"""
    command = [sys.executable, "-c", script, str(recording), str(tmp_path / "a.csv")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == [recording]


def test_where_there_are_no_hard_links_a_file_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with replacing(tmp_path / "a", force=False) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_what_is_no_plain_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert run(["convert", str(tmp_path / "pipe"), str(tmp_path / "a.csv")]) == 5
    assert "no plain file" in capsys.readouterr().err
