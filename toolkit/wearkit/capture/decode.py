"""Recordings of `wearkit live --record` read again: the samples they hold, as live saw them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit import __version__
from wearkit.capture.file import CaptureReader, Kind
from wearkit.counts import COUNTS_PER_G
from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.clock import SessionClock
from wearkit.link.frames.from_device import Hello
from wearkit.link.options import StreamOptions
from wearkit.link.rate import MeasuredRate
from wearkit.link.sample import PlacedSample, session_index
from wearkit.link.stream import AutoStream
from wearkit.link.text.header import parse_axes, parse_fields
from wearkit.units import Unit

_AXES = "xyz"
_MAX_HOP = 100_000  # samples


def session_record(
    options: StreamOptions, port: str, model_id: str, hop: int = 1
) -> dict[str, Any]:
    """The SESSION record: everything that decides how the bytes are read. hop: samples between two
    windows, on whose grid live goes on after a restart."""
    return {
        "wearkit": __version__,
        "started_unix_s": round(time.time(), 3),
        "port": port,
        "model_id": model_id,
        "rate_hz": options.rate_hz,
        "units": None if options.unit is None else str(options.unit),
        "fields": None if options.fields is None else ",".join(options.fields),
        "axes": None if options.axes is None else axes_text(options.axes),
        "only": options.only,
        "skip_head": options.skip_head,
        "settle_s": options.settle_s,
        "hop": hop,
    }


def options_of(record: dict[str, Any]) -> StreamOptions:
    """The inverse of session_record. Raises DataError when a value is not one of ours."""
    units, fields, axes = record.get("units"), record.get("fields"), record.get("axes")
    try:
        rate_hz = float(record["rate_hz"])
        if not 0 < rate_hz < 1e5:
            raise ValueError(rate_hz)
        return StreamOptions(
            rate_hz=rate_hz,
            unit=None if units is None else Unit(units),
            fields=None if fields is None else parse_fields(str(fields)),
            axes=None if axes is None else parse_axes(str(axes), "The recording says axes="),
            only=None if record.get("only") is None else str(record["only"]),
            skip_head=bool(record["skip_head"]),
            settle_s=float(record["settle_s"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The recording's first record is damaged: {error!r}.") from error


def _hop_of(record: dict[str, Any]) -> int:
    """1 in a recording of before it was written down."""
    hop = record.get("hop", 1)
    if type(hop) is not int or not 1 <= hop <= _MAX_HOP:
        raise DataError(f"The recording's first record is damaged: its windows are {hop!r} apart.")
    return hop


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that never came. time_s: of the first one after them. restart: how many, nobody
    knows, as the device began to count again."""

    time_s: float
    missing: int
    restart: bool


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """Everything a recording holds.

    time_s: (T,) float64 seconds, increasing. counts: (T, 3) int16. A step over 1.5 periods in
    time_s is a gap: samples that never came. missing, restarts: as in LiveReport.
    rejected: lines left out. damaged_bytes, torn_bytes: as in CaptureReader. ended: the session
    closed its recording itself. gaps: in order. rate: by the device's clock, None without one.
    nominal_rate_hz: what the device says, else what the model expects. unit: as sent, None when
    there is no sample. axes: from the sensor's to the model's, in which counts are.
    """

    time_s: NDArray[np.float64]
    counts: NDArray[np.int16]
    rate_hz: float
    simulated: bool
    missing: int
    restarts: int
    rejected: int
    damaged_bytes: int
    torn_bytes: int
    ended: bool
    session: dict[str, Any] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    rate: MeasuredRate | None = None
    nominal_rate_hz: float = 0.0
    unit: str | None = None
    unit_evidence: str | None = None
    axes: AxisMap = SAME_AXES
    hello: Hello | None = None

    @property
    def acc_g(self) -> NDArray[np.float32]:
        """(T, 3) float32 in g."""
        return (self.counts / COUNTS_PER_G).astype(np.float32)


class _Collector:
    def __init__(self, options: StreamOptions, hop: int) -> None:
        self._hop = hop
        self.stream = AutoStream(options)
        self._clock = SessionClock(options.rate_hz)
        self._index = -1
        self.time_s: list[float] = []
        self.counts: list[tuple[int, int, int]] = []
        self.gaps: list[Gap] = []
        self.missing = self.restarts = 0

    @property
    def rate(self) -> MeasuredRate | None:
        return self._clock.device.measure()

    def take(self, steps: list[PlacedSample]) -> None:
        for step in steps:
            index = session_index(step, self._index + 1, self._hop)
            elapsed, self._index = index - self._index, index
            sample = step.sample
            self.time_s.append(
                self._clock.advance(self._index, elapsed, sample.t_us, restarted=step.restarted)
            )
            self.counts.append(sample.counts)
            if step.missing or step.restarted:
                self.gaps.append(Gap(self.time_s[-1], step.missing, step.restarted))
            self.missing += step.missing
            self.restarts += step.restarted


def read_recording(path: Path) -> Capture:
    """Decode a recording's bytes as live did.

    Raises DataError when the file is none of ours, or unit or columns cannot be settled.
    """
    reader = CaptureReader(path)
    records = iter(reader)
    first = next(records, None)
    if first is None or first.kind != Kind.SESSION:
        raise DataError(f"{path} holds no session: it ended before live had begun.")
    session = first.json()
    options = options_of(session)
    collector = _Collector(options, _hop_of(session))
    ended = False
    for record in records:
        if record.kind == Kind.BYTES:
            collector.take(collector.stream.feed(record.payload, record.host_us / 1e6))
        elif record.kind == Kind.RESUMED:
            collector.stream.resume()
        ended = record.kind == Kind.END
    collector.take(collector.stream.finish())
    stream = collector.stream
    header, choice = stream.header, stream.choice
    header_hz = None if header is None else header.rate_hz
    return Capture(
        time_s=np.array(collector.time_s, dtype=np.float64),
        counts=np.array(collector.counts, dtype=np.int16).reshape(-1, 3),
        rate_hz=options.rate_hz,
        simulated=header is not None and header.simulated,
        missing=collector.missing,
        restarts=collector.restarts,
        rejected=stream.ledger.rejected.total(),
        damaged_bytes=reader.damaged_bytes,
        torn_bytes=reader.torn_bytes,
        ended=ended,
        session=session,
        gaps=tuple(collector.gaps),
        rate=collector.rate,
        nominal_rate_hz=header_hz or options.rate_hz,
        unit=None if choice is None else str(choice.unit),
        unit_evidence=None if choice is None else choice.evidence,
        axes=stream.axes,
        hello=collector.stream.hello,
    )


def csv_lines(samples: Capture) -> Iterator[bytes]:
    """The CSV that wearkit train, simulate and data read."""
    yield b"# units=counts%b\n" % (b" sensor=simulated" if samples.simulated else b"")
    yield b"time,x,y,z\n"
    for time_s, (x, y, z) in zip(samples.time_s.tolist(), samples.counts.tolist(), strict=True):
        yield b"%.6f,%d,%d,%d\n" % (time_s, x, y, z)


def axes_text(axes: AxisMap) -> str:
    """The inverse of parse_axes."""
    printed = ["", "", ""]
    for axis, (source, sign) in enumerate(zip(axes.source, axes.sign, strict=True)):
        printed[source] = ("+" if sign > 0 else "-") + _AXES[axis]
    return "".join(printed)
