import binascii
import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wearkit.capture.file import (
    MAGIC,
    MARK,
    MAX_PAYLOAD_BYTES,
    CaptureReader,
    CaptureWriter,
    Kind,
    _record,
)
from wearkit.errors import DataError, StorageError


def make(path: Path, records: int = 20) -> list[bytes]:
    log = CaptureWriter(path)
    log.note(Kind.SESSION, {"a": 1})
    pieces = [b"%d,%d,256\n" % (i, -i) * (1 + i % 3) for i in range(records)]
    for i, piece in enumerate(pieces):
        log.chunk(piece, i / 10, resumed=i == 7)
    log.note(Kind.END, {"b": 2})
    log.close()
    return pieces


def payloads(path: Path) -> list[bytes]:
    return [record.payload for record in CaptureReader(path) if record.kind == Kind.BYTES]


def test_everything_comes_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    pieces = make(path)
    reader = CaptureReader(path)
    records = list(reader)
    assert (reader.torn_bytes, reader.damaged_bytes) == (0, 0)
    kinds = [record.kind for record in records]
    assert kinds.index(Kind.RESUMED) == 8
    assert (kinds[0], kinds[-1], kinds.count(Kind.BYTES)) == (Kind.SESSION, Kind.END, 20)
    assert records[0].json() == {"a": 1}
    assert [r.host_us for r in records if r.kind == Kind.BYTES] == [i * 100_000 for i in range(20)]
    assert payloads(path) == pieces


def test_cut_anywhere_it_gives_every_whole_record(tmp_path: Path) -> None:
    path, cut = tmp_path / "a.wkrec", tmp_path / "cut.wkrec"
    pieces = make(path, records=6)
    data = path.read_bytes()
    whole = 0
    for size in range(len(MAGIC), len(data)):
        cut.write_bytes(data[:size])
        reader = CaptureReader(cut)
        records = list(reader)
        found = [record.payload for record in records if record.kind == Kind.BYTES]
        assert found == pieces[: len(found)]
        assert len(found) >= whole
        whole = len(found)
        used = len(MAGIC) + sum(len(MARK) + 13 + len(r.payload) + 4 for r in records)
        assert used + reader.torn_bytes == size
        assert reader.damaged_bytes == 0
    assert whole == 6


def test_any_flipped_byte_costs_its_own_record_and_is_counted(tmp_path: Path) -> None:
    path, bad = tmp_path / "a.wkrec", tmp_path / "bad.wkrec"
    pieces = make(path, records=6)
    data = path.read_bytes()
    random = np.random.default_rng(2)
    for position in range(len(MAGIC), len(data)):
        damaged = bytearray(data)
        damaged[position] ^= int(random.integers(1, 256))
        bad.write_bytes(damaged)
        reader = CaptureReader(bad)
        records = list(reader)
        used = len(MAGIC) + sum(len(MARK) + 13 + len(r.payload) + 4 for r in records)
        assert used + reader.torn_bytes + reader.damaged_bytes == len(data)
        assert reader.torn_bytes + reader.damaged_bytes > 0
        kept = [record.payload for record in records if record.kind == Kind.BYTES]
        assert len(kept) >= 5
        assert set(kept) <= set(pieces)


def test_all_damage_is_summed_and_the_rest_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    for _ in range(6):
        log.chunk(b"12345", 1.0)  # 26 bytes each
    log.close()
    data = bytearray(path.read_bytes())
    data[len(MAGIC) + 26 + 9] ^= 1
    data[len(MAGIC) + 3 * 26 + 9] ^= 1
    path.write_bytes(data[:-3])
    reader = CaptureReader(path)
    assert len(list(reader)) == 3
    assert (reader.damaged_bytes, reader.torn_bytes) == (52, 23)
    assert len(list(reader)) == 3
    assert (reader.damaged_bytes, reader.torn_bytes) == (52, 23)


def test_a_record_begins_wherever_its_mark_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    make(path, records=1)
    data = path.read_bytes()
    for junk in range(1, 9):
        path.write_bytes(MAGIC + b"W" * junk + MARK[:1] * junk + data[len(MAGIC) :])
        reader = CaptureReader(path)
        assert [record.kind for record in reader] == [Kind.SESSION, Kind.BYTES, Kind.END]
        assert (reader.damaged_bytes, reader.torn_bytes) == (2 * junk, 0)


def test_a_large_piece_comes_back_and_a_length_past_the_cap_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    log.chunk(b"x" * 100_000, 1.0)
    log._append(_record(Kind.BYTES, 0, b"y" * (MAX_PAYLOAD_BYTES + 1)))
    log.chunk(b"z", 2.0)
    log.close()
    assert [len(payload) for payload in payloads(path)] == [100_000, 1]


def test_a_file_larger_than_any_session_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wkrec"
    make(path)
    monkeypatch.setattr("wearkit.capture.file.MAX_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(DataError, match="larger than"):
        CaptureReader(path)


@pytest.mark.parametrize("first", [b"time,x,y,z\n", b"WKREC/2\n", b"WKREC/1", b""])
def test_other_files_are_refused(tmp_path: Path, first: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(first)
    with pytest.raises(DataError, match="not a recording"):
        CaptureReader(path)
    with pytest.raises(DataError, match="No such file"):
        CaptureReader(tmp_path / "absent")


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "mine.wkrec"
    path.write_text("precious")
    with pytest.raises(StorageError, match="--force"):
        CaptureWriter(path)
    assert path.read_text() == "precious"
    path.write_text("longer than what comes: " * 9)
    CaptureWriter(path, force=True).close()
    assert path.read_bytes() == MAGIC


def test_kill_9_loses_nothing_that_was_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "killed.wkrec"
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from wearkit.capture.file import CaptureWriter\n"
        f"log = CaptureWriter(Path({str(path)!r}))\n"
        "for i in range(500): log.chunk(b'%d\\n' % i, i / 50)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert b"".join(payloads(path)) == b"".join(b"%d\n" % i for i in range(500))


def test_it_is_synced_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 10.0
    synced: list[float] = []
    monkeypatch.setattr("wearkit.capture.file.time.monotonic", lambda: now_s)
    monkeypatch.setattr("wearkit.capture.file.os.fsync", lambda _: synced.append(now_s))
    log = CaptureWriter(tmp_path / "a.wkrec")
    for _ in range(300):
        log.chunk(b"x", now_s)
        log.tick()
        now_s += 0.01
    assert len(synced) == 2
    now_s = 13.5
    log.tick()
    now_s = 20.0
    log.tick()
    assert len(synced) == 3  # nothing new since
    log.close()
    assert len(synced) == 4


@pytest.mark.parametrize(("name", "stops"), [("a.wkrec", True), ("/dev/null", False)])
def test_a_sync_that_fails_stops_a_file_and_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stops: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log = CaptureWriter(tmp_path / name, force=True)
    log.chunk(b"x", 1.0)
    monkeypatch.setattr("wearkit.capture.file.os.fsync", fail)
    log.sync()
    assert (log.error is not None) == stops
    log.chunk(b"y", 1.0)
    log.close()
    if stops:
        assert payloads(tmp_path / name) == [b"x"]


@pytest.mark.parametrize("limit_bytes", range(600, 640, 7))
def test_a_full_disk_leaves_whole_records(tmp_path: Path, limit_bytes: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "full.wkrec"
    log = CaptureWriter(path)
    # The system then cuts a write short, as a full disk does, and refuses the next.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        for i in range(40):
            log.chunk(b"%d\n" % i, i / 50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.close()
    assert log.error is not None
    assert log.error.fault == "DISK_FULL"
    assert "stopped early" in str(log.error)
    reader = CaptureReader(path)
    found = [record.payload for record in reader]
    assert (reader.torn_bytes, reader.damaged_bytes) == (0, 0)
    assert found == [b"%d\n" % i for i in range(len(found))]
    assert limit_bytes - 30 < path.stat().st_size <= limit_bytes


def _books(path: Path) -> tuple[list[bytes], int, int]:
    reader = CaptureReader(path)
    return [record.payload for record in reader], reader.damaged_bytes, reader.torn_bytes


@pytest.mark.parametrize("read_bytes", [1, 7, 64, 1000])
def test_records_are_the_same_however_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    path = tmp_path / "a.wkrec"
    make(path, records=40)
    random = np.random.default_rng(3)
    for _ in range(20):
        data = bytearray(path.read_bytes())
        data[int(random.integers(len(MAGIC), len(data)))] ^= 255
        place = int(random.integers(len(MAGIC), len(data)))
        data[place:place] = MARK + b"\x02" + int(random.integers(0, 300)).to_bytes(4, "little")
        path.write_bytes(data)
        expected = _books(path)
        assert expected[1] + expected[2] > 0
        with monkeypatch.context() as patch:
            patch.setattr("wearkit.capture.file._READ_BYTES", read_bytes)
            patch.setattr("wearkit.capture.file._MAX_RECORD_BYTES", 200)
            assert _books(path) == expected


def _false_marks(marks: int, length: int) -> bytes:
    return (MARK + b"\x02" + length.to_bytes(4, "little") + bytes(8)) * marks


def test_marks_of_records_that_are_none_cost_no_more_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16,000 of them took a CRC of 16 GB, and time grew with the square of the file."""
    path = tmp_path / "a.wkrec"
    make(path, records=1)
    path.write_bytes(path.read_bytes() + _false_marks(16_000, 1 << 20) + bytes(1 << 20))
    taken_bytes = 0
    crc32 = binascii.crc32

    def counted(data: bytes) -> int:
        nonlocal taken_bytes
        taken_bytes += len(data)
        return crc32(data)

    monkeypatch.setattr("wearkit.capture.file.binascii.crc32", counted)
    with pytest.raises(DataError, match="full of marks"):
        list(CaptureReader(path))
    assert taken_bytes < (64 << 20) + 5 * path.stat().st_size


@pytest.mark.parametrize("marks", [1, 60])
def test_some_false_marks_cost_only_themselves(tmp_path: Path, marks: int) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    log.chunk(b"before", 1.0)
    log.close()
    junk = _false_marks(marks, 1 << 20)
    (tmp_path / "b.wkrec").write_bytes(
        path.read_bytes() + junk + _record(Kind.BYTES, 5, b"after" * 1000) * 300
    )
    payload, damaged_bytes, torn_bytes = _books(tmp_path / "b.wkrec")
    assert payload == [b"before", *[b"after" * 1000] * 300]
    assert (damaged_bytes, torn_bytes) == (len(junk), 0)
