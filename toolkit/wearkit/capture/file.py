"""The recording of a session: an append-only file of checked records (docs/recording.md).

    file    magic "WKREC/1\\n", then records
    record  F0 9D "WK" | u8 kind | u32 length | u64 host_us | payload | u32 crc32

Numbers are little-endian; the CRC-32 covers kind to payload. The bytes of the link are kept as
they came, so a recording can be read again by any later decoder.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import os
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO

from wearkit.errors import DataError, StorageError

MAGIC = b"WKREC/1\n"
MARK = b"\xf0\x9dWK"
SYNC_S = 1.0
MAX_PAYLOAD_BYTES = 1 << 20
MAX_FILE_BYTES = 4 << 30
_HEAD = struct.Struct("<BIQ")
_CRC = struct.Struct("<I")
_MAX_RECORD_BYTES = len(MARK) + _HEAD.size + MAX_PAYLOAD_BYTES + _CRC.size
_READ_BYTES = 4 << 20
_VAIN_BYTES_FREE = 64 << 20  # half a second of CRC


class Kind(IntEnum):
    """What a record holds. Readers skip kinds they do not know."""

    SESSION = 1  # JSON: what the user said and what was opened
    BYTES = 2  # as received, host_us when
    RESUMED = 3  # empty: the port was opened again
    EVENT = 4  # JSON: a fault, as it happened
    END = 5  # JSON: the summary


@dataclass(frozen=True, slots=True)
class Record:
    """host_us: the host's monotonic clock, microseconds."""

    kind: int
    host_us: int
    payload: bytes

    def json(self) -> dict[str, Any]:
        """Of a SESSION, EVENT or END record. Raises DataError when it is no JSON object."""
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise DataError("A record of the recording is not what it should be: not ours?")
        return value


class CaptureWriter:
    """Writes at once and syncs once a second: a killed process loses nothing it had written, a
    power cut at most a second.

    When the disk is full the file is cut back to its last whole record, `error` is set and
    nothing more is written: live goes on.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Create the file. Raises StorageError when it exists (without `force`) or cannot be."""
        self.path = path
        self.error: StorageError | None = None
        self._whole_bytes = 0
        self._synced_s = time.monotonic()
        self._dirty = False
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        try:
            self._file = os.open(path, flags, 0o666)
        except FileExistsError as error:
            raise StorageError(
                f"{path} exists already: give --record another name, or add --force."
            ) from error
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
        self._append(MAGIC)

    def chunk(self, data: bytes, arrival_s: float, *, resumed: bool = False) -> None:
        """What was read from the port. arrival_s: monotonic seconds."""
        host_us = max(0, round(arrival_s * 1e6))
        if resumed:
            self._append(_record(Kind.RESUMED, host_us, b""))
        self._append(_record(Kind.BYTES, host_us, data))

    def note(self, kind: Kind, value: dict[str, Any]) -> None:
        payload = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._append(_record(kind, round(time.monotonic() * 1e6), payload))

    def tick(self) -> None:
        """Sync when a second went by; to be called several times a second."""
        if self._dirty and time.monotonic() - self._synced_s >= SYNC_S:
            self.sync()

    def sync(self) -> None:
        self._synced_s, self._dirty = time.monotonic(), False
        if self.error is None:
            try:
                os.fsync(self._file)
            except OSError as error:
                # /dev/full and pipes cannot be synced, and say so with EINVAL.
                if self.path.is_file():
                    self._stop(error)

    def close(self) -> None:
        self.sync()
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        if self.error is not None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._stop(error)
            return
        self._whole_bytes += len(data)
        self._dirty = True

    def _stop(self, error: OSError) -> None:
        self.error = StorageError(
            f"The recording {self.path} stopped early: {error.strerror or error}; what was "
            "written before can be read.",
            fault="DISK_FULL",
        )
        with suppress(OSError):
            os.ftruncate(self._file, self._whole_bytes)


def _record(kind: int, host_us: int, payload: bytes) -> bytes:
    body = _HEAD.pack(kind, len(payload), host_us) + payload
    return MARK + body + _CRC.pack(binascii.crc32(body))


class CaptureReader:
    """The whole records of a recording, in order; what is between or behind them is counted.

    damaged_bytes: of pieces that are no whole record, with more records behind them.
    torn_bytes: the rest of a record that was being written when the recording ended.
    sha256: of the bytes that were read, known after the last record; live may still be writing.
    Memory: _READ_BYTES and the largest record, whatever the size of the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError when there is no such file, or it is none of ours or too large."""
        self.path = path
        self.damaged_bytes = self.torn_bytes = 0
        self.sha256 = ""
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode):
                raise DataError(f"{path} is no plain file: convert needs the recording itself.")
            if about.st_size > MAX_FILE_BYTES:
                raise DataError(f"{path} is larger than {MAX_FILE_BYTES >> 30} GiB.")
            with path.open("rb") as stream:
                is_ours = stream.read(len(MAGIC)) == MAGIC
        except OSError as error:
            raise self._unreadable(error) from error
        if not is_ours:
            raise DataError(f"{path} is not a recording of wearkit live --record.")

    def __iter__(self) -> Iterator[Record]:
        """Raises DataError when the file cannot be read to its end, or holds so many marks of
        records that are none that looking behind each would take for ever."""
        self.damaged_bytes = self.torn_bytes = 0
        try:
            with self.path.open("rb") as stream:
                window = _Window(stream, len(MAGIC))
                skipped_bytes = 0
                while window.fill():
                    record = window.take()
                    if record is None:
                        skipped_bytes += window.skip_to_mark()
                        self._refuse_endless(window)
                        continue
                    self.damaged_bytes += skipped_bytes
                    skipped_bytes = 0
                    yield record
        except OSError as error:
            raise self._unreadable(error) from error
        self.torn_bytes = skipped_bytes
        self.sha256 = window.sha256()

    def _refuse_endless(self, window: _Window) -> None:
        """Every damaged record costs one vain CRC of its own length, so an honest file costs less
        than its size. Marks with false lengths, put close together, would cost up to 1 MiB each."""
        if window.vain_bytes > _VAIN_BYTES_FREE + 2 * window.read_bytes:
            raise DataError(
                f"{self.path} is full of marks of records that are none, which no damage explains: "
                "it is not a recording of wearkit live --record."
            )

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"Cannot read {self.path}: {error.strerror or error}.")


class _Window:
    """A stretch of a recording, long enough for any record that begins in it.

    read_bytes: of the file so far. vain_bytes: of payloads whose CRC was taken and was wrong.
    """

    def __init__(self, stream: BinaryIO, begin: int) -> None:
        """begin: of the first record, in bytes."""
        self._stream = stream
        self._digest = hashlib.sha256(stream.read(begin))
        self._data = b""
        self._position = 0
        self._has_ended = False
        self.read_bytes = self.vain_bytes = 0

    def sha256(self) -> str:
        """Of all that was read."""
        return self._digest.hexdigest()

    def fill(self) -> bool:
        """Have a whole record's length at hand, or all that is left; whether anything is."""
        while len(self._data) - self._position < _MAX_RECORD_BYTES and not self._has_ended:
            self._data = self._data[self._position :]
            self._position = 0
            self._read()
        return self._position < len(self._data)

    def _read(self) -> None:
        piece = self._stream.read(_READ_BYTES)
        self._has_ended = not piece
        self._digest.update(piece)
        self.read_bytes += len(piece)
        self._data += piece

    def take(self) -> Record | None:
        """The record that begins here, and go behind it; None, and stay, when it is not whole."""
        data = self._data
        body = self._position + len(MARK)
        payload = body + _HEAD.size
        if data[self._position : body] != MARK or payload > len(data):
            return None
        kind, length, host_us = _HEAD.unpack_from(data, body)
        end = payload + length
        if length > MAX_PAYLOAD_BYTES or end + _CRC.size > len(data):
            return None
        (crc,) = _CRC.unpack_from(data, end)
        if binascii.crc32(memoryview(data)[body:end]) != crc:
            self.vain_bytes += length
            return None
        self._position = end + _CRC.size
        return Record(kind, host_us, data[payload:end])

    def skip_to_mark(self) -> int:
        """Go to the next mark, or as far as none can begin. How many bytes that was."""
        begin = self._position
        mark = self._data.find(MARK, begin + 1)
        if mark >= 0:
            self._position = mark
        elif self._has_ended:
            self._position = len(self._data)
        else:  # a mark may stand across the end of what was read
            self._position = max(begin + 1, len(self._data) - len(MARK) + 1)
        return self._position - begin
