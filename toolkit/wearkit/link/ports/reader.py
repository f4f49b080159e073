"""A thread that only reads and stamps, so that thinking never costs bytes."""

from __future__ import annotations

import termios
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from wearkit.errors import LinkLostError

# Two queues, one behind the other, since bytes are recorded before anything is computed of them:
# what the reading thread holds until it is taken, and what was taken and recorded and waits for
# the computer (wearkit.live.loop). Each holds 90 s of a full 115200 baud line.
MAX_QUEUED_BYTES = 1 << 20
MAX_WAITING_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as they were read. arrival_s: time.monotonic() right after the read. resumed: the
    first after the port was opened again."""

    data: bytes
    arrival_s: float
    resumed: bool = False


class ByteSource(Protocol):
    """Where bytes come from: a SerialSource, or a test's list.

    is_away: unplugged, and being waited for.
    """

    @property
    def is_away(self) -> bool: ...

    def take(self, timeout_s: float) -> list[Chunk]:
        """Everything read so far, waiting up to timeout_s for something; [] when nothing came.

        Raises LinkLostError once the other side is gone for good and all its bytes were taken.
        """
        ...

    def reopen(self) -> bool:
        """Try to wake a source that has fallen silent. False when that cannot be done."""
        ...


class Readable(Protocol):
    """An open port, as far as reading is concerned."""

    url: str

    def read(self) -> bytes: ...

    def close(self) -> None: ...


class PortReader:
    """Reads a port until it is lost or closed.

    When MAX_QUEUED_BYTES wait, it stops reading: a pty or socket then holds its sender back, and
    a UART's loss shows in the device's index. Nothing read is ever dropped.
    """

    is_away = False

    def __init__(self, port: Readable) -> None:
        self._port = port
        self._chunks: deque[Chunk] = deque()
        self._queued_bytes = 0
        self._lost: Exception | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read_all, name="wearkit-reader", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> list[Chunk]:
        with self._changed:
            if not self._chunks and self._lost is None:
                self._changed.wait(timeout_s)
            if not self._chunks and self._lost is not None:
                raise LinkLostError(f"{self._port.url} went away: {_cause(self._lost)}.")
            chunks = list(self._chunks)
            self._chunks.clear()
            self._queued_bytes = 0
            self._changed.notify_all()
        return chunks

    def reopen(self) -> bool:
        """A port that was opened once stays as it is."""
        return False

    def close(self) -> None:
        """Stop the thread and close the port, within about a second."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=1.0)
        self._port.close()

    def _read_all(self) -> None:
        while not self._closing:
            try:
                data = self._port.read()
            # A vanished peer is an OSError from read, a plain OSError from the count of waiting
            # bytes, or a termios.error, which is neither.
            except (OSError, termios.error) as error:
                with self._changed:
                    self._lost = error
                    self._changed.notify_all()
                return
            if data:
                self._put(Chunk(data, time.monotonic()))

    def _put(self, chunk: Chunk) -> None:
        with self._changed:
            while self._queued_bytes >= MAX_QUEUED_BYTES and not self._closing:
                self._changed.wait()
            self._chunks.append(chunk)
            self._queued_bytes += len(chunk.data)
            self._changed.notify_all()


def _cause(error: Exception) -> str:
    text = str(error)
    if "returned no data" in text or "Errno 5" in text or "socket disconnected" in text:
        return "it was unplugged or its program ended"
    return text.rstrip(".")[:160]
