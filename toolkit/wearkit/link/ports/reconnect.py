"""SerialSource: a port that may be unplugged and come back, perhaps under another name.

A board with a USB serial number is found by it (ttyACM0 may return as ttyACM1, and another board
may have taken its name meanwhile); one without, and a pty or socket, by its old name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wearkit.errors import LinkLostError, PortError
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.ports.reader import Chunk, PortReader, Readable

LOOK_S = 0.25  # between two looks for a port that is not there
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0  # between two attempts to open one that is


@dataclass(frozen=True, slots=True)
class Identity:
    """How to find a port again. usb: (vendor, product, serial number), None when it has none."""

    url: str
    usb: tuple[int, int, str] | None = None

    def find(self) -> str | None:
        """The device's name now, or None while it is not there."""
        if "://" in self.url:
            return self.url
        if self.usb is None:
            return self.url if Path(self.url).exists() else None
        return next((name for name, usb in _usb_ports() if usb == self.usb), None)


def identify(url: str) -> Identity:
    """Who is behind a port that is there now."""
    if "://" in url:
        return Identity(url)
    device = str(Path(url).resolve())
    return Identity(url, next((usb for name, usb in _usb_ports() if name == device), None))


def wait_for(url: str, stop: Callable[[], bool]) -> None:
    """Return once the port is there, or on `stop`. Says nothing meanwhile."""
    while not stop() and Identity(url).find() is None:
        time.sleep(LOOK_S)


def _usb_ports() -> list[tuple[str, tuple[int, int, str]]]:
    # Imported late: it walks /sys, and most sessions need it once.
    from serial.tools import list_ports

    return [
        (port.device, (port.vid, port.pid, port.serial_number))
        for port in list_ports.comports()
        if port.serial_number
    ]


class SerialSource:
    """A ByteSource that opens its port again for up to give_up_s; 0: not at all.

    The first chunk after a reopening is marked `resumed`. Faults: UNPLUGGED, once each time.
    """

    def __init__(
        self,
        port: Readable,
        identity: Identity,
        open_again: Callable[[str], Readable],
        faults: FaultLog,
        *,
        give_up_s: float,
    ) -> None:
        self._reader: PortReader | None = PortReader(port)
        self._identity = identity
        self._open_again = open_again
        self._faults = faults
        self._give_up_s = give_up_s
        self._lost: LinkLostError | None = None
        self._lost_s = self._next_try_s = 0.0
        self._retry_s = FIRST_RETRY_S
        self._resumed = False
        self.reopened = 0

    @property
    def is_away(self) -> bool:
        return self._reader is None

    def take(self, timeout_s: float) -> list[Chunk]:
        if self._reader is None:
            self._look(timeout_s)
        if self._reader is None:
            return []
        try:
            chunks = self._reader.take(timeout_s)
        except LinkLostError as error:
            self._faults.add(Fault.UNPLUGGED, str(error).rstrip("."))
            if not self._give_up_s:
                raise
            self._wait(error)
            return []
        if chunks and self._resumed:
            self._resumed = False
            chunks[0] = Chunk(chunks[0].data, chunks[0].arrival_s, resumed=True)
        return chunks

    def reopen(self) -> bool:
        """Close and open again a port that has fallen silent. False when told not to."""
        if not self._give_up_s:
            return False
        if self._reader is not None:
            self._wait(LinkLostError(f"{self._identity.url} stays silent."))
        return True

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _wait(self, error: LinkLostError) -> None:
        self.close()
        now_s = time.monotonic()
        self._lost, self._lost_s, self._next_try_s = error, now_s, now_s
        self._retry_s = FIRST_RETRY_S

    def _look(self, timeout_s: float) -> None:
        """One look for the port, after at most timeout_s; raises when its time is over."""
        assert self._lost is not None
        now_s = time.monotonic()
        if now_s - self._lost_s > self._give_up_s:
            raise self._lost
        if now_s < self._next_try_s:
            time.sleep(min(timeout_s, self._next_try_s - now_s))
            return
        url = self._identity.find()
        self._next_try_s = now_s + (LOOK_S if url is None else self._retry_s)
        if url is None:
            return
        try:
            self._reader = PortReader(self._open_again(url))
        except PortError:
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
            return
        self.reopened += 1
        self._resumed = True
