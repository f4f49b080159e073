"""Live: an open session, its windows one by one, and how it ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, VerificationError, WearkitError
from wearkit.link.faults import FaultLog
from wearkit.link.ledger import Ended
from wearkit.link.options import StreamOptions
from wearkit.link.ports.reconnect import SerialSource, identify
from wearkit.link.ports.serial_port import Port, open_port
from wearkit.link.text.header import parse_axes, parse_fields
from wearkit.live.loop import LiveRun
from wearkit.live.placement import TASK, PlacementCheck
from wearkit.live.recording import SessionRecording
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.units import Unit
from wearkit.verification.certificate import Certificate
from wearkit.verification.proof import prove
from wearkit.verification.verifier import Verifier

RECONNECT_S = 3600.0  # a board on a cable is worth an hour's wait; a program that ended is not
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Proving:
    """What compares device and host. path: of the certificate, None to write none."""

    verifier: Verifier
    path: Path | None


class Live:
    """An open session: a context manager, and an iterator over its windows.

    The iteration ends as the session ends; `report`, `certificate` and the recording are complete
    then, and `error` says what went wrong. Leaving the block closes port and recording whatever
    happened, and raises `error` unless the block itself raised: a lost device, a difference or a
    full disk is not overlooked, and the windows, the report and the certificate are in hand.
    """

    def __init__(
        self,
        bundle: Bundle,
        port: Port,
        run: LiveRun,
        recording: SessionRecording,
        resources: ExitStack,
        *,
        proving: Proving | None,
        is_limited: bool,
    ) -> None:
        """resources: closed at the end. is_limited: a number of windows was asked for."""
        self._bundle, self.port, self._run = bundle, port, run
        self._recording, self._resources = recording, resources
        self._proving, self._is_limited = proving, is_limited
        self._updates = self._until_the_end()
        self._waiting: deque[LiveWindow] = deque()
        self._proof_error: WearkitError | None = None
        self._is_settled = False
        self.certificate: Certificate | None = None

    @property
    def session(self) -> LiveSession:
        return self._run.session

    @property
    def report(self) -> LiveReport:
        """Where the session stands; final, with `ended` set, once it has ended."""
        return self._run.report or self.session.report()

    @property
    def is_complete_run(self) -> bool:
        """Whether every window was compared and the program behind a pseudo-terminal ended, as
        wearkit emulate does when its recording is over. A board's port does not close by itself.
        """
        if self._is_limited or self._proving is None or not self._proving.verifier.tally.is_whole:
            return False
        report = self.report
        return self.port.is_pty and report.ended == Ended.LOST and "UNPLUGGED" in report.faults

    @property
    def error(self) -> WearkitError | None:
        """Why the session is not what was wanted: a proof that could not be had, else what cost
        data, else what ended it. None while it runs, when it ended well, and for a complete run,
        whose port closes because nothing is left to say."""
        if self._run.report is None:
            return None
        first = self._proof_error or self._recording.error
        if first is not None or self.is_complete_run:
            return first
        return self.report.error

    def updates(self) -> Iterator[list[LiveWindow]]:
        """The new windows several times a second, often none, for what redraws meanwhile. Take
        the windows from here or by iterating, not both."""
        return self._updates

    def __iter__(self) -> Iterator[LiveWindow]:
        return self

    def __next__(self) -> LiveWindow:
        while not self._waiting:
            self._waiting.extend(next(self._updates))
        return self._waiting.popleft()

    def close(self) -> None:
        """End the session if it runs, and let go of the port and the recording. Safe at any time
        and more than once; raises nothing of wearkit.errors."""
        with self._resources:
            self._updates.close()
            self._waiting.clear()
            self._settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
        error = self.error
        if kind is None and error is not None:
            error.certificate = self.certificate
            raise error

    def _until_the_end(self) -> Generator[list[LiveWindow], None, None]:
        yield from self._run.updates()
        self._settle()

    def _settle(self) -> None:
        """Close the accounts, and write the proof if there is one."""
        if self._is_settled:
            return
        self._is_settled = True
        self._run.end()
        if self._proving is None:
            return
        hello, verifier = self.session.stream.hello, self._proving.verifier
        try:
            self.certificate = prove(
                self._bundle, self.port.url, hello, self.report, verifier, self._proving.path
            )
        except WearkitError as error:
            self._proof_error = error
            return
        if self.certificate is None and self.report.error is None:
            self._proof_error = VerificationError(
                "No window could be compared: the device sends no predictions, or no samples they "
                "belong to."
            )


def stream_options(
    rate_hz: float,
    units: str | None,
    fields: str | None,
    axes: str | None,
    only: str | None = None,
) -> StreamOptions:
    """What a user says of a device's lines, as text. Raises DataError for what is none."""
    try:
        unit = None if units in (None, AUTO) else Unit(units)
    except ValueError:
        raise DataError(f"Units are one of auto, {', '.join(Unit)}, not {units!r}.") from None
    return StreamOptions(
        rate_hz=rate_hz,
        unit=unit,
        fields=None if fields is None else parse_fields(fields),
        axes=None if axes is None else parse_axes(axes, "--axes is "),
        only=only,
    )


def placement_check(bundle: Bundle, declared: str, faults: FaultLog) -> PlacementCheck:
    """Raises DataError when the model has no placement head, or no such place."""
    scale = bundle.head_scales.get(TASK, 1.0)
    return PlacementCheck(bundle.graph.model, declared, scale, faults)


def source_of(
    port: Port, faults: FaultLog, *, dtr: bool, reconnect_s: float | None, send: bytes = b""
) -> SerialSource:
    """Reads the port. reconnect_s: how long to look for it when it went away; None for an hour
    where a board is behind it, and not at all for a program or a connection. dtr, send: how it is
    opened again."""
    rate = port.baud
    if reconnect_s is None:
        reconnect_s = RECONNECT_S if port.joins_in_mid_line else 0.0
    return SerialSource(
        port,
        identify(port.url),
        lambda url: open_port(url, rate, dtr=dtr, send=send),
        faults,
        give_up_s=reconnect_s,
    )
