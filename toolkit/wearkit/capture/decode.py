"""Recordings of `wearkit live --record` read again: the samples they hold, as live saw them."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

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

_MAX_HOP = 100_000  # samples
_FED_BYTES = 1 << 16  # live reads 4 KiB at most; a record may hold 1 MiB of lines of 6 bytes
_BLOCK_SAMPLES = 4096


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
        "axes": None if options.axes is None else options.axes.text,
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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CaptureSummary:
    """What a recording holds besides its samples.

    samples: how many, the last one at seconds. missing, restarts: as in LiveReport.
    rejected: lines left out. damaged_bytes, torn_bytes: as in CaptureReader. ended: the session
    closed its recording itself. gaps: in order, and gaps_not_listed where there was a limit.
    rate: by the device's clock, None without one.
    nominal_rate_hz: what the device says, else what the model expects. unit: as sent, None when
    there is no sample. axes: from the sensor's to the model's, in which counts are.
    recording_sha256: of the bytes that were read.
    """

    samples: int
    seconds: float
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
    gaps_not_listed: int = 0
    rate: MeasuredRate | None = None
    nominal_rate_hz: float = 0.0
    unit: str | None = None
    unit_evidence: str | None = None
    axes: AxisMap = SAME_AXES
    hello: Hello | None = None
    recording_sha256: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Capture(CaptureSummary):
    """Everything a recording holds.

    time_s: (T,) float64 seconds, increasing. counts: (T, 3) int16. A step over 1.5 periods in
    time_s is a gap: samples that never came.
    """

    time_s: NDArray[np.float64]
    counts: NDArray[np.int16]

    @property
    def acc_g(self) -> NDArray[np.float32]:
        """(T, 3) float32 in g."""
        return (self.counts / COUNTS_PER_G).astype(np.float32)


class SampleBlock(NamedTuple):
    """Some samples in order. time_s: (n,) float64 seconds. counts: (n, 3) int16."""

    time_s: NDArray[np.float64]
    counts: NDArray[np.int16]


class RecordingDecoder:
    """Decodes a recording's bytes as live did, a block of samples after the other.

    Memory: the reader's, what the link keeps, the samples of one block, and max_gaps gaps.
    """

    def __init__(self, path: Path, *, max_gaps: int | None = None) -> None:
        """max_gaps: how many are listed, None for all; the others are counted.

        Raises DataError when the file is none of ours.
        """
        self._reader = CaptureReader(path)
        self._records = iter(self._reader)
        first = next(self._records, None)
        if first is None or first.kind != Kind.SESSION:
            raise DataError(f"{path} holds no session: it ended before live had begun.")
        self._session = first.json()
        self._options = options_of(self._session)
        self._collector = _Collector(self._options, _hop_of(self._session), max_gaps)
        self._ended = False

    def blocks(self) -> Iterator[SampleBlock]:
        """The samples, once. Raises DataError when unit or columns cannot be settled."""
        collector = self._collector
        for record in self._records:
            if record.kind == Kind.BYTES:
                for begin in range(0, len(record.payload), _FED_BYTES):
                    piece = record.payload[begin : begin + _FED_BYTES]
                    collector.take(collector.stream.feed(piece, record.host_us / 1e6))
                    if collector.waiting >= _BLOCK_SAMPLES:
                        yield collector.block()
            elif record.kind == Kind.RESUMED:
                collector.stream.resume()
            self._ended = record.kind == Kind.END
        collector.take(collector.stream.finish())
        if collector.waiting:
            yield collector.block()

    def summary(self) -> CaptureSummary:
        """After the last block."""
        collector, reader = self._collector, self._reader
        stream = collector.stream
        header, choice = stream.header, stream.choice
        header_hz = None if header is None else header.rate_hz
        return CaptureSummary(
            samples=collector.samples,
            seconds=collector.seconds,
            rate_hz=self._options.rate_hz,
            simulated=header is not None and header.simulated,
            missing=collector.missing,
            restarts=collector.restarts,
            rejected=stream.ledger.rejected.total(),
            damaged_bytes=reader.damaged_bytes,
            torn_bytes=reader.torn_bytes,
            ended=self._ended,
            session=self._session,
            gaps=tuple(collector.gaps),
            gaps_not_listed=collector.gaps_not_listed,
            rate=collector.rate,
            nominal_rate_hz=header_hz or self._options.rate_hz,
            unit=None if choice is None else str(choice.unit),
            unit_evidence=None if choice is None else choice.evidence,
            axes=stream.axes,
            hello=stream.hello,
            recording_sha256=reader.sha256,
        )


class _Collector:
    """waiting: samples since the last block."""

    def __init__(self, options: StreamOptions, hop: int, max_gaps: int | None) -> None:
        self._hop = hop
        self._max_gaps = max_gaps
        self.stream = AutoStream(options)
        self._clock = SessionClock(options.rate_hz)
        self._index = -1
        # Numbers side by side, not tuples of objects: 14 bytes a sample instead of about 200.
        self._time_s = array("d")
        self._counts = array("h")
        self.samples = 0
        self.seconds = 0.0
        self.gaps: list[Gap] = []
        self.gaps_not_listed = 0
        self.missing = self.restarts = 0

    @property
    def rate(self) -> MeasuredRate | None:
        return self._clock.device.measure()

    @property
    def waiting(self) -> int:
        return len(self._time_s)

    def block(self) -> SampleBlock:
        """What waits, which then waits no more."""
        block = SampleBlock(
            np.array(self._time_s, dtype=np.float64),
            np.array(self._counts, dtype=np.int16).reshape(-1, 3),
        )
        self._time_s, self._counts = array("d"), array("h")
        return block

    def take(self, steps: list[PlacedSample]) -> None:
        for step in steps:
            index = session_index(step, self._index + 1, self._hop)
            elapsed, self._index = index - self._index, index
            sample = step.sample
            self.seconds = self._clock.advance(
                self._index, elapsed, sample.t_us, restarted=step.restarted
            )
            self._time_s.append(self.seconds)
            self._counts.extend(sample.counts)
            if step.missing or step.restarted:
                self._note_gap(Gap(self.seconds, step.missing, step.restarted))
            self.missing += step.missing
            self.restarts += step.restarted
        self.samples += len(steps)

    def _note_gap(self, gap: Gap) -> None:
        if self._max_gaps is None or len(self.gaps) < self._max_gaps:
            self.gaps.append(gap)
        else:
            self.gaps_not_listed += 1


_NO_SAMPLES = SampleBlock(np.empty(0), np.empty((0, 3), np.int16))


def read_recording(path: Path) -> Capture:
    """Decode a recording's bytes as live did.

    Raises DataError when the file is none of ours, or unit or columns cannot be settled.
    """
    decoder = RecordingDecoder(path)
    blocks = [_NO_SAMPLES, *decoder.blocks()]
    summary = decoder.summary()
    return Capture(
        time_s=np.concatenate([block.time_s for block in blocks]),
        counts=np.concatenate([block.counts for block in blocks]),
        **{each.name: getattr(summary, each.name) for each in fields(CaptureSummary)},
    )
