"""simulate(): recordings -> what a sensor would send -> a pseudo-terminal, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from wearkit.counts import COUNTS_PER_G
from wearkit.link.ports.pty import PseudoTerminal, ReaderLeftError, StopCheck
from wearkit.link.sample import WRAP_32
from wearkit.recordings.recording import Recording
from wearkit.spec import WindowSpec
from wearkit.units import Unit
from wearkit.windows.sensor_counts import sensor_counts

HEADER_S = 10.0  # of sensor time between two headers, so that a reader can join late
_MAX_BATCH = 256  # samples in one write: 5 s of samples, far below a pty's buffer
_SHORTEST_SLEEP_S = 0.002
# Digits after the point with which every count comes back exactly (half a count is 0.00195 g).
_DECIMALS = {Unit.G: 5, Unit.MG: 2, Unit.M_S2: 4}


class Encoder(Protocol):
    """Samples in order -> bytes, which may come with a later sample."""

    def encode(self, index: int, counts: tuple[int, int, int]) -> bytes: ...

    def flush(self) -> bytes:
        """What still waits for later samples."""
        ...


class StreamFormat(Protocol):
    """LineFormat, or wearkit.simulation.frame_format.FrameFormat. spec: rate and hop."""

    @property
    def spec(self) -> WindowSpec: ...

    def encoder(self) -> Encoder:
        """A new one for every reader, to whom it says what the samples are."""
        ...


@dataclass(frozen=True, slots=True)
class LineFormat:
    """unit: what x, y, z are printed in; header: whether to say so; spec: rate and hop."""

    spec: WindowSpec
    unit: Unit = Unit.COUNTS
    header: bool = True

    def header_line(self) -> str:
        return (
            f"#wearkit text/1 units={self.unit} rate={self.spec.rate_hz:g} range=2 axes=+x+y+z "
            "fields=index,t_us,x,y,z crc=none sensor=simulated\n"
        )

    def sample_line(self, index: int, counts: Iterable[int]) -> str:
        t_us = round(index * 1e6 / self.spec.rate_hz) % WRAP_32
        if self.unit is Unit.COUNTS:
            axes = [str(count) for count in counts]
        else:
            scale, digits = self.unit.per_g / COUNTS_PER_G, _DECIMALS[self.unit]
            axes = [f"{count * scale:.{digits}f}" for count in counts]
        return f"{index},{t_us},{','.join(axes)}\n"

    def encoder(self) -> Encoder:
        return _LineEncoder(self)


class _LineEncoder:
    """A line per sample, and a header every HEADER_S."""

    def __init__(self, line_format: LineFormat) -> None:
        self._format = line_format
        self._header_every = max(1, round(HEADER_S * line_format.spec.rate_hz))
        self._next_header = 0

    def encode(self, index: int, counts: tuple[int, int, int]) -> bytes:
        line = self._format.sample_line(index, counts)
        if self._format.header and index >= self._next_header:
            line = self._format.header_line() + line
            self._next_header = index + self._header_every
        return line.encode("ascii")

    def flush(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Played:
    """What was sent. lag_s: how far the last line was behind its time (a slow reader)."""

    samples: int
    recordings: int
    lag_s: float
    reader_left: bool
    drained: bool


def samples(
    recordings: Iterable[Recording], spec: WindowSpec
) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """(index, counts) of everything. Between two stretches samples are missing: the index jumps
    to the next start of a window, so that live's windows there are those of that stretch alone.
    """
    index = 0
    for recording in recordings:
        for counts in sensor_counts(recording, spec):
            if index:
                index = spec.hop * ((index + spec.hop) // spec.hop)
            for x, y, z in counts.tolist():
                yield index, (x, y, z)
                index += 1


def simulate(
    port: PseudoTerminal,
    recordings: Callable[[], Iterable[Recording]],
    stream_format: StreamFormat,
    *,
    speed: float = 1.0,
    seconds: float | None = None,
    loop: bool = False,
    stop: StopCheck = lambda: False,
) -> Played:
    """Play to the reader that has the port open, at `speed` times the recordings' own pace, or as
    fast as it is read at speed 0.

    Every sample is due at an absolute time, so the pace does not drift; a reader that is slower
    holds the writing back, and nothing is ever dropped. seconds: of sensor time, then stop.
    loop: begin again after the last recording. Ends when all is sent and read, when the reader
    leaves, or on `stop`.
    """
    player = _Player(port, stream_format, speed, stop)
    limit = None if seconds is None else round(seconds * stream_format.spec.rate_hz)
    left = False
    try:
        feed = _counted(recordings, player, loop=loop)
        for index, counts in islice(samples(feed, stream_format.spec), limit):
            player.play(index, counts)
            if stop():
                break
        player.end()
    except ReaderLeftError:
        left = True
    drained = not left and port.drain(stop)
    return Played(player.sent, player.recordings, player.lag_s, left, drained)


def _counted(
    recordings: Callable[[], Iterable[Recording]], player: _Player, *, loop: bool
) -> Iterator[Recording]:
    while True:
        for recording in recordings():
            player.recordings += 1
            yield recording
            player.end()  # making the next recording takes time; this one's end must not wait
        if not loop:
            return


class _Player:
    """Collects what is due and writes it together."""

    def __init__(
        self, port: PseudoTerminal, stream_format: StreamFormat, speed: float, stop: StopCheck
    ) -> None:
        self._port, self._encoder, self._stop = port, stream_format.encoder(), stop
        pace_hz = stream_format.spec.rate_hz * speed
        self._seconds_per_sample = 1.0 / pace_hz if pace_hz else 0.0
        self._due: list[bytes] = []
        self._waiting = 0
        self._start_s: float | None = None
        self.sent = self.recordings = 0
        self.lag_s = 0.0

    def play(self, index: int, counts: tuple[int, int, int]) -> None:
        if self._start_s is None:
            # The clock starts with the first sample: making or reading a recording takes time.
            self._start_s = time.monotonic() - index * self._seconds_per_sample
        due_s = self._start_s + index * self._seconds_per_sample
        early_s = due_s - time.monotonic()
        if self._due and (early_s > 0 or self._waiting >= _MAX_BATCH):
            self.flush()
        if early_s > 0:
            self._sleep_until(due_s)
        self.lag_s = max(0.0, -early_s)
        self._due.append(self._encoder.encode(index, counts))
        self._waiting += 1

    def end(self) -> None:
        """Write what the encoder still holds, too."""
        self._due.append(self._encoder.flush())
        self.flush()

    def flush(self) -> None:
        self._port.write(b"".join(self._due), self._stop)
        self.sent += self._waiting
        self._due, self._waiting = [], 0

    def _sleep_until(self, due_s: float) -> None:
        while not self._stop():
            left_s = due_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(max(left_s, _SHORTEST_SLEEP_S), 0.1))
