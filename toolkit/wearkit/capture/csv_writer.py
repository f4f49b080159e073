"""Recorder: what live received, as our own CSV, safe against kill -9 and a full disk."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from wearkit.errors import StorageError
from wearkit.link.sample import Counts

FLUSH_S = 1.0
_COLUMNS = b"time,x,y,z\n"


class Recorder:
    """Appends whole lines and hands them to the system once a second.

    A process that dies leaves a file that ends with a whole line, at most one second early. When
    the disk is full the file is cut back to its last whole line, `error` is set, and further
    samples are not written: live goes on.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Create the file. Raises StorageError when it exists (without `force`) or cannot be."""
        self.path = path
        self.error: StorageError | None = None
        self.samples = 0
        self._lines: list[bytes] = []
        self._whole_bytes = 0
        self._flushed_s = time.monotonic()
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        try:
            self._file = os.open(path, flags, 0o666)
        except FileExistsError as error:
            raise StorageError(
                f"{path} exists already: give --record another name, or add --force."
            ) from error
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error

    def add(self, time_s: float, counts: Counts, *, simulated: bool = False) -> None:
        """One sample. time_s: session seconds, increasing. simulated: what the sensor says."""
        if self.error is not None:
            return
        if self.samples == 0:
            sensor = b" sensor=simulated" if simulated else b""
            self._lines = [b"# units=counts%b\n" % sensor, _COLUMNS]
        self._lines.append(b"%.6f,%d,%d,%d\n" % (time_s, *counts))
        self.samples += 1

    def tick(self) -> None:
        """Flush when a second went by; to be called several times a second."""
        if time.monotonic() - self._flushed_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits. Never raises; a failure is kept in `error`."""
        data, self._lines = b"".join(self._lines), []
        self._flushed_s = time.monotonic()
        if self.error is not None or not data:
            return
        try:
            _write_all(self._file, data)
            self._whole_bytes += len(data)
        except OSError as error:
            self.error = StorageError(
                f"The recording {self.path} stopped early: {error.strerror or error}; what was "
                "written before can be read.",
                fault="DISK_FULL",
            )
            self._cut_back()

    def close(self) -> None:
        """Flush and close; a file that never got a sample is removed."""
        self.flush()
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)
        if not self.samples and self.path.is_file():
            self.path.unlink(missing_ok=True)

    def _cut_back(self) -> None:
        # A device such as /dev/full cannot be cut; there is nothing half-written in it either.
        with suppress(OSError):
            os.ftruncate(self._file, self._whole_bytes)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
