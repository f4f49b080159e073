"""Opening a port: by device name or pyserial URL, for us alone, with a remedy when it fails."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import serial

from wearkit.errors import PortError

BAUD = 115200
POLL_S = 0.02
_READ_BYTES = 4096
_PTY = re.compile(r"/dev/(pts/\d+|ttys\d+)")


class Port:
    """An open port that is read only. Close it with `close()`; read errors are OSErrors.

    joins_in_mid_line: the first byte read need not be the first one sent (a UART).
    """

    def __init__(self, url: str, handle: Any, *, is_device: bool, is_pty: bool) -> None:
        self.url = url
        self.joins_in_mid_line = is_device and not is_pty
        self._handle = handle
        self._is_device = is_device
        self._excludes = self.joins_in_mid_line
        if self._excludes:
            # pyserial's `exclusive` is an flock, which other programs need not respect. Not on a
            # pty: there the flag outlives a reader that was killed, and locks out the next one.
            with suppress(OSError):
                fcntl.ioctl(handle.fd, termios.TIOCEXCL)

    def read(self) -> bytes:
        """What has arrived, waiting up to POLL_S (0.2 s on a device) for the first byte.

        Raises OSError or termios.error when the other side is gone.
        """
        if not self._is_device:
            return bytes(self._handle.read(_READ_BYTES))
        first = self._handle.read(1)
        if not first:
            return b""
        waiting = min(self._handle.in_waiting, _READ_BYTES)
        return bytes(first + self._handle.read(waiting)) if waiting else bytes(first)

    def close(self) -> None:
        with suppress(OSError, termios.error):
            if self._excludes:
                fcntl.ioctl(self._handle.fd, termios.TIOCNXCL)
        with suppress(OSError, termios.error):
            self._handle.close()


class _Device(serial.Serial):  # type: ignore[misc]
    """A local port whose waiting bytes are read, not thrown away, when it is opened.

    Nothing stale can wait: before the first open the system keeps nothing of a UART, and a
    pty's bytes were all sent to its reader.
    """

    def _reset_input_buffer(self) -> None:
        pass


def open_port(url: str, baud: int = BAUD) -> Port:
    """Open `/dev/...` or a pyserial URL such as `socket://host:port`.

    Raises PortError naming the cause (missing, busy, forbidden, not a port) and a remedy.
    """
    is_device = "://" not in url
    try:
        if is_device:
            handle = _Device(None, baudrate=baud, timeout=0.2, exclusive=True)
            handle.port = url
            handle.open()
        else:
            handle = serial.serial_for_url(url, baudrate=baud, timeout=POLL_S)
    except (OSError, ValueError, termios.error) as error:
        raise PortError(_why(url, error)) from error
    is_pty = is_device and _PTY.fullmatch(os.path.realpath(url)) is not None
    return Port(url, handle, is_device=is_device, is_pty=is_pty)


def _why(url: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return f"There is no port {url}: {_ports_here()}."
    if code in (errno.EACCES, errno.EPERM):
        return f"You may not open {url}: {_permission_remedy(url)}."
    if code in (errno.EAGAIN, errno.EBUSY):
        return f"{url} is in use{_holder(url)}: close the other program, then try again."
    if "://" in url:
        return f"Cannot open {url} ({_brief(error)}): check the address and that it is listening."
    return f"{url} cannot be used as a serial port ({_brief(error)}): name a /dev/tty... device."


def _brief(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).rstrip(".")[:160]


def _ports_here() -> str:
    # Imported late: it walks /sys, and only a failure needs it.
    from serial.tools import list_ports

    found = [f"{port.device} ({port.description})" for port in sorted(list_ports.comports())]
    if found:
        return f"this machine has {', '.join(found)}"
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
