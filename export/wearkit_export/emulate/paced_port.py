"""PacedPort: an emulated device's serial line on a pseudo-terminal, at the pace asked for."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from wearkit.link.ports.pty import PseudoTerminal, ReaderLeftError, StopCheck

_FLUSH_BYTES = 4096
_FLUSH_S = 0.1  # a slow computer must not look like a dead device
_READ_BYTES = 512


class PacedPort:
    """speed: times real time, 0 for as fast as the reader takes it."""

    def __init__(self, port: PseudoTerminal, speed: float, stop: StopCheck) -> None:
        self._port, self._speed, self._stop = port, speed, stop
        self._out = bytearray()
        self._flushed_s = time.monotonic()
        self._origin_s: float | None = None
        self.reader_left = False

    def send(self, data: bytes) -> None:
        """What the device sends; it is handed over in pieces."""
        self._out += data

    def flush(self) -> None:
        """Hand over what was sent, however long the reader takes."""
        self._flushed_s = time.monotonic()
        data, self._out = bytes(self._out), bytearray()
        if not data or self.reader_left:
            return
        try:
            self._port.write(data, self._stop)
        except ReaderLeftError:
            self.reader_left = True

    def turn(self, now_us: float) -> bytes:
        """The computer's turn at this time of the device: what came for it.

        The device's time at the first turn is its boot's, for which nobody waits.
        """
        late = time.monotonic() - self._flushed_s > _FLUSH_S
        if self._speed or late or len(self._out) >= _FLUSH_BYTES:
            self.flush()
        received = b""
        with suppress(BlockingIOError, OSError):  # a reader that left shows when writing
            received = os.read(self._port.fileno(), _READ_BYTES)
        if self._speed:
            self._keep_pace(now_us * 1e-6 / self._speed)
        return received

    def _keep_pace(self, device_s: float) -> None:
        if self._origin_s is None:
            self._origin_s = time.monotonic() - device_s
        time.sleep(max(0.0, self._origin_s + device_s - time.monotonic()))
