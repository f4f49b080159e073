"""A pseudo-terminal that behaves like a sensor's port: what is written waits for its reader."""

from __future__ import annotations

import array
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wearkit.errors import StorageError

StopCheck = Callable[[], bool]
"""Asked while waiting: True once the caller wants to end."""

SETTLE_S = 0.2  # a reader that just opened the port may still set it up, or flush it
_POLL_MS = 100
_EMPTY_LOOKS = 30  # 0.3 s, in which even a busy kernel hands over what it queued
_LOOK_S = 0.01
_STUCK_S = 2.0


class ReaderLeftError(Exception):
    """The reader closed the port."""


class PseudoTerminal:
    """The writing side. `path` is what a reader opens; `link` a symbolic link to it.

    Raises StorageError when `link` cannot be made; an existing symbolic link is replaced, a file
    is not.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._master, reader = os.openpty()
        self.path = os.ttyname(reader)
        os.close(reader)  # from here on the port hangs up until somebody opens it
        os.set_blocking(self._master, False)
        self._link = link
        self.renew()
        if link is not None:
            self._make_link(link)

    def renew(self) -> None:
        """Raw, and empty of what an earlier reader left behind."""
        reader = self._open_reader()
        if reader is None:
            return
        tty.setraw(reader, termios.TCSANOW)
        termios.tcflush(reader, termios.TCIOFLUSH)
        os.close(reader)

    def wait_for_reader(self, stop: StopCheck, timeout_s: float | None = None) -> bool:
        """True once somebody has the port open; False on `stop` or after the time."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not stop():
            if self._has_reader():
                time.sleep(SETTLE_S)
                return True
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return False
            time.sleep(_LOOK_S)
        return False

    def write(self, data: bytes, stop: StopCheck) -> None:
        """Hand over every byte, waiting while the reader's buffer is full, or until `stop`.

        Raises ReaderLeftError.
        """
        view = memoryview(data)
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        while view and not stop():
            events = dict(poll.poll(_POLL_MS)).get(self._master, 0)
            if events & select.POLLHUP:
                raise ReaderLeftError
            if not events & select.POLLOUT:
                continue
            try:
                view = view[os.write(self._master, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise ReaderLeftError from error

    def drain(self, stop: StopCheck) -> bool:
        """Wait until the reader has taken everything: closing throws away what it has not.

        False when it stopped reading. Its buffer counts as empty when it looks so thirty times in a
        row, because bytes also pass through a queue of the kernel's that cannot be asked.
        """
        empty_looks, before, changed_s = 0, -1, time.monotonic()
        while empty_looks < _EMPTY_LOOKS and not stop() and self._has_reader():
            unread = self._unread_bytes()
            empty_looks = empty_looks + 1 if unread == 0 else 0
            if unread != before:
                before, changed_s = unread, time.monotonic()
            if unread and time.monotonic() - changed_s > _STUCK_S:
                return False
            time.sleep(_LOOK_S)
        return empty_looks == _EMPTY_LOOKS

    def fileno(self) -> int:
        """The writing side, non-blocking, for a program that writes itself."""
        return self._master

    def close(self) -> None:
        """Hang up, and remove the link if it is still ours."""
        os.close(self._master)
        link = self._link
        if link is not None:
            with suppress(OSError):
                if str(link.readlink()) == self.path:
                    link.unlink()

    def _has_reader(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def _unread_bytes(self) -> int:
        reader = self._open_reader()
        if reader is None:
            return 0
        size = array.array("i", [0])
        fcntl.ioctl(reader, termios.FIONREAD, size)
        os.close(reader)
        return size[0]

    def _open_reader(self) -> int | None:
        """The reading side, for a moment; None while its reader keeps others out (TIOCEXCL)."""
        try:
            return os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return None

    def _make_link(self, link: Path) -> None:
        try:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(self.path)
        except OSError as error:
            os.close(self._master)
            raise StorageError(
                f"Cannot make the link {link}: {error.strerror or error}; give --link another name."
            ) from error
