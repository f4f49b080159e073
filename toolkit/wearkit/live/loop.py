"""live(): a byte source and a bundle's graph -> verdicts, until something ends it."""

from __future__ import annotations

import termios
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress

from wearkit.capture.file import CaptureWriter, Kind
from wearkit.errors import DataError, LinkLostError, PortError, WearkitError
from wearkit.link.faults import Fault
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature
from wearkit.link.frames.from_host import Start
from wearkit.link.ledger import Ended
from wearkit.link.ports.reader import MAX_WAITING_BYTES, ByteSource, Chunk
from wearkit.link.printable import is_noise
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow

START_S = 3.0  # a device that says HELLO, every two seconds, and sends no samples is stopped
FIRST_LINE_S = 5.0  # without one readable line, a port carries nothing for us
STALL_S = 2.0
SILENCE_S = 10.0
MAX_BEHIND_S = 60.0  # further behind than this, windows get no verdict until caught up
POLL_S = 0.1

OnUpdate = Callable[[list[LiveWindow]], None]


class LiveRun:
    """A session over a source, as the updates it gives. report: None until it has ended.

    log: gets every byte before anything is computed from it. write: to the device, which is sent
    nothing but a START where it was left stopped; None sends nothing.
    """

    def __init__(
        self,
        source: ByteSource,
        session: LiveSession,
        *,
        stop: Callable[[], bool] = lambda: False,
        write: Callable[[bytes], None] | None = None,
        first_line_s: float = FIRST_LINE_S,
        stall_s: float = STALL_S,
        silence_s: float = SILENCE_S,
        log: CaptureWriter | None = None,
    ) -> None:
        self._source, self.session, self._stop, self._log = source, session, stop, log
        self._limits_s = (first_line_s, stall_s, silence_s)
        self._write = write
        self.report: LiveReport | None = None
        if log is not None:
            session.faults.listeners.append(lambda event: log.note(Kind.EVENT, event.to_json()))

    def updates(self) -> Iterator[list[LiveWindow]]:
        """The new windows several times a second, often none, until `session.is_full`, `stop()`
        or an error, which the report carries."""
        ended, error = Ended.STOPPED, None
        try:
            ended = yield from self._read()
        except WearkitError as caught:
            error = caught
            ended = Ended.LOST if isinstance(caught, LinkLostError) else Ended.REFUSED
            _count_error(self.session, caught)
        yield self.end(ended, error)

    def end(
        self, ended: Ended = Ended.STOPPED, error: WearkitError | None = None
    ) -> list[LiveWindow]:
        """Close the accounts, once. The windows that only waited for a last confirmation."""
        if self.report is not None:
            return []
        session, log = self.session, self._log
        windows: list[LiveWindow] = []
        try:
            windows = session.finish()
        except WearkitError as caught:
            ended, error = Ended.REFUSED, caught
            _count_error(session, caught)
            windows = session.finish()
        report = session.report(ended, error)
        if log is not None:
            log.note(Kind.END, report.to_json())
            if log.error is not None:
                _check_disk(session, log)
                report = session.report(ended, error)
        self.report = report
        return windows

    def _read(self) -> Generator[list[LiveWindow], None, Ended]:
        session = self.session
        intake = _Intake(self._source, self._log)
        watch = _Watch(session, self._source, self._write, *self._limits_s)
        while not self._stop():
            chunk = intake.next()
            windows: list[LiveWindow] = []
            if chunk is not None:
                if chunk.resumed:
                    session.resume()
                keeps_up = time.monotonic() - chunk.arrival_s <= MAX_BEHIND_S
                windows = session.feed(chunk.data, chunk.arrival_s, judge=keeps_up)
            _check_disk(session, self._log)
            yield windows
            if session.is_full:
                return Ended.WINDOWS
            watch.check()
        return Ended.STOPPED


def live(
    source: ByteSource,
    session: LiveSession,
    *,
    on_update: OnUpdate,
    stop: Callable[[], bool] = lambda: False,
    first_line_s: float = FIRST_LINE_S,
    stall_s: float = STALL_S,
    silence_s: float = SILENCE_S,
    log: CaptureWriter | None = None,
) -> LiveReport:
    """Run until `session.is_full`, `stop()`, or an error, which the report carries.

    on_update is called several times a second with the new windows, often none. log: as in LiveRun.
    report.error: LinkLostError when the source went away or fell silent, PortError when nothing
    readable came, DataError when unit or columns could not be settled.
    """
    run = LiveRun(
        source,
        session,
        stop=stop,
        first_line_s=first_line_s,
        stall_s=stall_s,
        silence_s=silence_s,
        log=log,
    )
    for windows in run.updates():
        on_update(windows)
    assert run.report is not None
    return run.report


def _count_error(session: LiveSession, error: WearkitError) -> None:
    unnamed = Fault.FORMAT if isinstance(error, DataError) else None
    session.faults.add_error(error, unnamed)


class _Intake:
    """Hands out chunks one by one; records those that wait before the next is computed."""

    def __init__(self, source: ByteSource, log: CaptureWriter | None) -> None:
        self._source, self.log = source, log
        self._waiting: deque[Chunk] = deque()
        self._waiting_bytes = 0
        self._lost: LinkLostError | None = None

    def next(self) -> Chunk | None:
        """Raises LinkLostError once the source did and all its chunks were handed out."""
        if self._lost is None and self._waiting_bytes < MAX_WAITING_BYTES:
            try:
                self._keep(self._source.take(0.0 if self._waiting else POLL_S))
            except LinkLostError as error:
                self._lost = error
        if self.log is not None:
            self.log.tick()
        if not self._waiting:
            if self._lost is not None:
                raise self._lost
            return None
        chunk = self._waiting.popleft()
        self._waiting_bytes -= len(chunk.data)
        return chunk

    def _keep(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            if self.log is not None:
                self.log.chunk(chunk.data, chunk.arrival_s, resumed=chunk.resumed)
            self._waiting.append(chunk)
            self._waiting_bytes += len(chunk.data)


def _check_disk(session: LiveSession, log: CaptureWriter | None) -> None:
    for writer in (log, session.recorder):
        if writer is not None and writer.error is not None:
            session.faults.add_once(Fault.DISK_FULL, str(writer.error).rstrip("."))


class _Watch:
    """Notices a port that is open and says nothing useful."""

    def __init__(
        self,
        session: LiveSession,
        source: ByteSource,
        write: Callable[[bytes], None] | None,
        first_line_s: float,
        stall_s: float,
        silence_s: float,
    ) -> None:
        self._session, self._source, self._write = session, source, write
        self._first_line_s, self._stall_s, self._silence_s = first_line_s, stall_s, silence_s
        self._messages = 0
        self._stalled = False
        self._since_s = time.monotonic()

    def check(self) -> None:
        """Raises PortError before the first readable line, LinkLostError after it."""
        now_s = time.monotonic()
        messages = self._session.stream.sample_messages
        if messages != self._messages:
            self._messages, self._since_s, self._stalled = messages, now_s, False
            return
        if self._source.is_away:
            self._since_s = now_s
            return
        silent_s = now_s - self._since_s
        if messages == 0:
            if silent_s > min(START_S, self._first_line_s) and self._start_device():
                self._since_s = now_s
            elif silent_s > self._first_line_s:
                raise _nothing_readable(self._session, self._first_line_s)
            return
        if silent_s > self._stall_s and not self._stalled:
            self._stalled = True
            self._session.faults.add(Fault.STALL, f"no readable line for {self._stall_s:g} s")
        if silent_s > self._silence_s:
            if not self._source.reopen():
                raise LinkLostError(f"No readable line came for {self._silence_s:.0f} s.")
            self._since_s = now_s

    def _start_device(self) -> bool:
        """Whether it was just asked to start: once, if it is stopped and takes commands."""
        stream, write = self._session.stream, self._write
        hello = stream.hello
        if write is None or hello is None or stream.device_error:
            return False
        if not hello.features & Feature.COMMANDS:
            return False
        self._write = None
        with suppress(OSError, termios.error):
            write(encode_message(Start(), 0))
            detail = "the device says HELLO and sends no samples: START was sent"
            self._session.faults.add(Fault.STALL, detail)
        return True


def _nothing_readable(session: LiveSession, waited_s: float) -> PortError:
    device_error = session.stream.device_error
    if device_error:
        return PortError(f"The device sends no samples but an error: {device_error.rstrip('.')}.")
    tally = session.stream.tally
    if tally is not None:
        return PortError(
            f"The device sent {tally.whole} good frames in {waited_s:.0f} s and no samples among "
            "them: it was left stopped, or replays a test set; reset the board.",
            fault=Fault.NO_VALID_DATA,
        )
    report = session.report()
    received = report.bytes_received
    if received == 0:
        return PortError(
            f"Nothing came from the port in {waited_s:.0f} s: check that the board is powered, "
            "runs its sketch and is the one on this port; one that waits to be asked is sent a "
            "line with --send, such as --send '\\n'.",
            fault=Fault.NO_VALID_DATA,
        )
    share = report.printable_bytes / received
    summary = f"{received} bytes came in {waited_s:.0f} s, {share:.0%} of them printable"
    if is_noise(report.printable_bytes, received):
        return PortError(
            f"No readable line: {summary}; this looks like a wrong baud rate, so try --baud 9600, "
            "57600, 230400 or the rate in the board's sketch, or let --baud auto find it.",
            fault=Fault.BAUD_MISMATCH_SUSPECTED,
        )
    why = ", ".join(f"{count} {reason}" for reason, count in report.rejected.items())
    if not report.messages:
        return PortError(
            f"No readable line: {summary}; no line end came: end each line with a line feed.",
            fault=Fault.NO_VALID_DATA,
        )
    refused = session.stream.refused
    return PortError(
        f"No readable line: {summary}; lines refused: {why or 'none was complete'}"
        f"{'; ' if refused else ''}{refused}; print three numbers x,y,z a line.",
        fault=Fault.NO_VALID_DATA,
    )
