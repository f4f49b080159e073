"""Opening a port: by device name or pyserial URL, for us alone, with a remedy when it fails."""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import re
import select
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import serial

from wearkit.errors import PortError
from wearkit.link.faults import Fault
from wearkit.link.ports.question import Question

BAUD = 115200
POLL_S = 0.2
WRITE_S = 0.5  # a port that takes nothing for so long is lost
_POLL_MS = round(POLL_S * 1000)
_READ_BYTES = 4096
_PTY = re.compile(r"/dev/(pts/\d+|ttys\d+)")


class Port:
    """An open port. Close it with `close()`. One thread may read while another writes.

    joins_in_mid_line: the first byte read need not be the first one sent (a UART). Such a port
    has no way to hold its sender back, either. is_pty: a program of this computer is behind it.
    """

    def __init__(
        self, url: str, handle: Any, *, is_device: bool, is_pty: bool, send: bytes = b""
    ) -> None:
        """send: asks a board that says nothing by itself (wearkit.link.ports.question)."""
        self.url = url
        self._question = Question(send)
        self.is_pty = is_pty
        is_uart = is_device and not is_pty
        self.joins_in_mid_line = is_uart or url.lower().startswith("rfc2217://")
        self._handle = handle
        self._poll: select.poll | None = None
        with suppress(OSError):  # rfc2217:// and loop:// have no descriptor
            poll = select.poll()
            poll.register(handle.fileno(), select.POLLIN)
            self._poll = poll
        # The read of pyserial's rfc2217:// throws away what it holds when the connection ends.
        received = getattr(handle, "_read_buffer", None)
        self._received = received if isinstance(received, queue.Queue) else None
        self._has_ended = False
        self._unread = b""
        # pyserial's own wait collects bytes and loses them when the peer goes away meanwhile;
        # told not to wait, its read is one read.
        handle.timeout = POLL_S if self._poll is None else 0
        self._excludes = is_uart
        if self._excludes:
            # pyserial's `exclusive` is an flock, which other programs need not respect. Not on a
            # pty: there the flag outlives a reader that was killed, and locks out the next one.
            with suppress(OSError):
                fcntl.ioctl(handle.fileno(), termios.TIOCEXCL)

    def read(self) -> bytes:
        """What has arrived, waiting up to POLL_S for the first byte.

        Raises OSError or termios.error when the other side is gone.
        """
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._question.is_due(time.monotonic()):
            self.write(self._question.text)
        data = self._read()
        if data:
            self._question.answered()
        return data

    def _read(self) -> bytes:
        if self._poll is not None:
            return bytes(self._handle.read(_READ_BYTES)) if self._poll.poll(_POLL_MS) else b""
        if self._received is not None:
            return self._take_received(self._received)
        return bytes(self._handle.read(max(1, min(self._handle.in_waiting, _READ_BYTES))))

    def _take_received(self, received: queue.Queue[bytes | None]) -> bytes:
        """What the thread of pyserial's rfc2217:// has put there byte by byte, None at the end."""
        chunks: list[bytes] = []
        with suppress(queue.Empty):
            while len(chunks) < _READ_BYTES and not self._has_ended:
                byte = received.get(timeout=POLL_S) if not chunks else received.get_nowait()
                self._has_ended = byte is None
                chunks.append(byte or b"")
        data = b"".join(chunks)
        if self._has_ended and not data:
            raise OSError("socket disconnected")
        return data

    def write(self, data: bytes) -> None:
        """Hand over all of it, waiting up to WRITE_S for room (rfc2217://: 5 s).

        Raises OSError or termios.error when the other side is gone or takes nothing.
        """
        self._handle.write(data)

    @property
    def baud(self) -> int:
        return int(self._handle.baudrate)

    def set_baud(self, baud: int) -> None:
        """Listen at another rate; what waits was received at the old one and is thrown away."""
        self._handle.baudrate = baud
        self._unread = b""
        self._question.ask_anew()
        if self._poll is None or self._poll.poll(0):
            self.read()

    def give_back(self, data: bytes) -> None:
        """Let the next read give these bytes, which were read before, once more."""
        self._unread = data + self._unread

    def close(self) -> None:
        with suppress(OSError, termios.error):
            if self._excludes:
                fcntl.ioctl(self._handle.fileno(), termios.TIOCNXCL)
        with suppress(OSError, termios.error):
            self._handle.close()


def open_port(url: str, baud: int = BAUD, *, dtr: bool = True, send: bytes = b"") -> Port:
    """Open `/dev/...` or a pyserial URL such as `socket://host:port`.

    dtr: False to leave DTR low, which resets many boards; Linux raises it for a moment anyhow.
    send: to a board that says nothing until it is asked, at once and while nothing comes.
    Raises PortError naming the cause (missing, busy, forbidden, not a port) and a remedy.
    """
    is_device = "://" not in url
    try:
        handle = serial.serial_for_url(
            url,
            baudrate=baud,
            timeout=POLL_S,
            # pyserial's rfc2217:// knows no limit but its socket's own.
            write_timeout=None if url.lower().startswith("rfc2217://") else WRITE_S,
            exclusive=True if is_device else None,
            do_not_open=True,
        )
        # Opening would throw away the bytes that wait. Nothing stale can: the system keeps
        # nothing of a UART before it is opened, and a pty's or socket's bytes were sent to us.
        handle._reset_input_buffer = handle.reset_input_buffer = _keep_input
        if not dtr:
            handle.dtr = False
        handle.open()
    except (OSError, ValueError, termios.error) as error:
        raise PortError(_why(url, error), fault=_code(error)) from error
    is_pty = is_device and _PTY.fullmatch(os.path.realpath(url)) is not None
    return Port(url, handle, is_device=is_device, is_pty=is_pty, send=send)


def _keep_input() -> None:
    pass


_ABSENT = (errno.ENOENT, errno.ENXIO, errno.ENODEV)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_PORT_GROUPS = ("dialout", "uucp", "plugdev", "tty")  # whose members may do no more than use ports
_BUSY = (errno.EAGAIN, errno.EBUSY)


def _code(error: Exception) -> Fault:
    code = getattr(error, "errno", None)
    if code in _FORBIDDEN:
        return Fault.PERMISSION
    return Fault.BUSY if code in _BUSY else Fault.NO_PORT


def _why(url: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code in _ABSENT:
        return f"There is no port {url}: {_ports_here()}."
    if code in _FORBIDDEN:
        return f"You may not open {url}: {_permission_remedy(url)}."
    if code in _BUSY:
        return f"{url} is in use{_holder(url)}: close the other program, then try again."
    if "://" in url:
        return f"Cannot open {url} ({_brief(error)}): check the address and that it is listening."
    return f"{url} cannot be used as a serial port ({_brief(error)}): name a /dev/tty... device."


def _brief(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).rstrip(".")[:160]


def _ports_here() -> str:
    # Imported late: it walks /sys, and only a failure needs it.
    from serial.tools import list_ports

    ports = [f"{port.device} ({port.description})" for port in sorted(list_ports.comports())]
    if ports:
        return f"this machine has {', '.join(ports)}"
    return (
        "this machine has no serial port; plug the board in, and if it still does not show, "
        "stop brltty and ModemManager, which take some USB adapters for themselves"
    )


def _permission_remedy(url: str) -> str:
    import grp

    try:
        group = grp.getgrgid(Path(url).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "ask the owner of the device"
    if group not in _PORT_GROUPS:
        return f"it belongs to group {group}: ask who looks after this computer for access to it"
    return f"it belongs to group {group}; run `sudo usermod -aG {group} $USER`, then log out and in"


def _holder(url: str) -> str:
    """` by NAME (process N)` where /proc lets us see it; other users' processes stay hidden."""
    target = os.path.realpath(url)
    for process in sorted(Path("/proc").glob("[0-9]*")):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                if os.path.realpath(handle) == target:
                    name = (process / "comm").read_text().strip()
                    return f" by {name} (process {process.name})"
    return ""
