"""live(): a byte source and a bundle's graph -> verdicts, until something ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from wearkit.errors import LinkLostError, PortError, WearkitError
from wearkit.link.reader import ByteSource
from wearkit.live_report import LiveReport
from wearkit.live_session import LiveSession, LiveWindow

FIRST_LINE_S = 5.0  # without one readable line, a port carries nothing for us
SILENCE_S = 10.0
POLL_S = 0.1
_ENOUGH_BYTES = 200
_PRINTABLE_SHARE = 0.5  # at a wrong baud rate at most a third of the bytes are printable

OnUpdate = Callable[[list[LiveWindow]], None]


class Ended(StrEnum):
    """Why a session ended."""

    WINDOWS = "windows"
    STOPPED = "stopped"
    LOST = "lost"
    REFUSED = "refused"


def live(
    source: ByteSource,
    session: LiveSession,
    *,
    on_update: OnUpdate,
    stop: Callable[[], bool] = lambda: False,
    first_line_s: float = FIRST_LINE_S,
    silence_s: float = SILENCE_S,
) -> LiveReport:
    """Run until `session.is_full`, `stop()`, or an error, which the report carries.

    on_update is called several times a second with the new windows, often none.
    report.error: LinkLostError when the source went away or fell silent, PortError when nothing
    readable came, DataError when unit or columns could not be settled.
    """
    ended, error = Ended.STOPPED, None
    try:
        ended = _run(source, session, on_update, stop, _Watch(session, first_line_s, silence_s))
    except WearkitError as caught:
        error = caught
        ended = Ended.LOST if isinstance(caught, LinkLostError) else Ended.REFUSED
    on_update(session.finish())
    return session.report(ended, error)


def _run(
    source: ByteSource,
    session: LiveSession,
    on_update: OnUpdate,
    stop: Callable[[], bool],
    watch: _Watch,
) -> Ended:
    while not stop():
        chunks = source.take(POLL_S)
        for chunk in chunks:
            on_update(session.feed(chunk.data, chunk.arrival_s))
            if session.is_full:
                return Ended.WINDOWS
            if stop():
                return Ended.STOPPED
        watch.check()
        on_update([])
    return Ended.STOPPED


class _Watch:
    """Notices a port that is open and says nothing useful."""

    def __init__(self, session: LiveSession, first_line_s: float, silence_s: float) -> None:
        self._session = session
        self._first_line_s, self._silence_s = first_line_s, silence_s
        self._lines = 0
        self._since_s = time.monotonic()

    def check(self) -> None:
        """Raises PortError before the first readable line, LinkLostError after it."""
        now_s = time.monotonic()
        lines = self._session.stream.valid_lines
        if lines != self._lines:
            self._lines, self._since_s = lines, now_s
            return
        silent_s = now_s - self._since_s
        if lines == 0 and silent_s > self._first_line_s:
            said = self._session.stream.device_error
            raise PortError(_nothing_readable(self._session.report(), self._first_line_s, said))
        if lines > 0 and silent_s > self._silence_s:
            raise LinkLostError(f"No readable line came for {self._silence_s:.0f} s.")


def _nothing_readable(report: LiveReport, waited_s: float, device_error: str) -> str:
    if device_error:
        return f"The device sends no samples but an error: {device_error.rstrip('.')}."
    received = report.bytes_received
    if received == 0:
        return (
            f"Nothing came from the port in {waited_s:.0f} s: check that the board is powered, "
            "runs its sketch and is the one on this port."
        )
    share = report.printable_bytes / received
    seen = f"{received} bytes came in {waited_s:.0f} s, {share:.0%} of them printable"
    if received >= _ENOUGH_BYTES and share < _PRINTABLE_SHARE:
        return (
            f"No readable line: {seen}; this looks like a wrong baud rate, so try --baud 9600, "
            "57600, 230400 or the rate in the board's sketch."
        )
    why = ", ".join(f"{count} {reason}" for reason, count in report.rejected.items())
    return (
        f"No readable line: {seen}; lines refused: {why or 'none was complete'}; print three "
        "numbers x,y,z a line."
    )
