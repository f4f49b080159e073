"""Boards whose lines are right and whose sensor is not: another rate, a slow part, glitches."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from board_list import COUNTS, Board, Counts, Expect, Line, counts_line, motion, stamped

from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples

_C, _M, _R, _F = Expect.CLEAN, Expect.MARKED, Expect.REPORTED, Expect.REFUSED
_WITH_US = ("--fields", "t_us,x,y,z", *COUNTS)
_WITH_MS = ("--fields", "t_ms,x,y,z", *COUNTS)


@dataclass
class Batches:
    """Lines that are sent so many at once, as a FIFO or an adapter gives them."""

    line: Line
    size: int
    _held: list[bytes] = field(default_factory=list)

    def __call__(self, i: int, counts: Counts) -> bytes:
        self._held.append(self.line(i, counts))
        if len(self._held) < self.size:
            return b""
        batch = b"".join(self._held)
        self._held.clear()
        return batch


@dataclass
class SlowPart:
    """Each value of the sensor, which is never at rest, is printed until it has the next one."""

    part_hz: float
    hz: float = 50.0
    _value: Counts = (0, 0, 0)
    _number: int = -1
    _source: random.Random = field(default_factory=lambda: random.Random(3))

    def __call__(self, i: int, counts: Counts) -> bytes:
        number = int(i * self.part_hz / self.hz)
        if number != self._number:
            self._number, self._value = number, motion(5.0 + i / self.hz, self._source)
        return counts_line(i, self._value)


_HELLO = Hello(boot_id=1, features=Feature.SAMPLES)


@dataclass
class Frames:
    """Ten samples a frame, HELLO before each of them. period_us: by the device's clock."""

    period_us: int = 20_000
    hello: Hello = _HELLO
    leap: Callable[[int], int] = lambda _: 0
    _rows: list[Counts] = field(default_factory=list)

    def __call__(self, i: int, counts: Counts) -> bytes:
        self._rows.append(counts)
        if len(self._rows) < 10:
            return b""
        first = i - 9 + self.leap(i)
        samples = Samples(first, (i * self.period_us) % (1 << 32), tuple(self._rows))
        self._rows.clear()
        seq = 2 * (i // 10)
        return encode_message(self.hello, seq) + encode_message(samples, seq + 1)


def _glitch(values: tuple[bytes, ...]) -> Line:
    return lambda i, counts: (
        values[i // 20 % len(values)] if i % 20 == 10 else counts_line(i, counts)
    )


def _leaps(i: int, counts: Counts) -> bytes:
    return b"%d," % (i + 90_000 * (i >= 150)) + counts_line(i, counts)


def _other_rate(hz: float) -> list[Board]:
    seconds, windows = 170 / hz + 3, 2 if hz < 200 else 12
    said = {"hz": hz, "expect": _M, "says": "rate", "seconds": seconds, "windows": windows}
    period_us = round(1e6 / hz)
    return [
        Board(f"{hz:g} Hz", counts_line, options=COUNTS, **said),  # type: ignore[arg-type]
        Board(f"{hz:g} Hz, micros", stamped(lambda i: i * period_us), options=_WITH_US, **said),  # type: ignore[arg-type]
    ]


_HOP_20 = replace(_HELLO, hop=20, model_id=b"\1" * 8, classes=(2,))

RATE_BOARDS = [
    board
    for hz in (5.0, 10.0, 12.5, 20.0, 25.0, 32.0, 40.0, 46.0, 54.0, 62.5, 100.0, 200.0, 400.0)
    for board in _other_rate(hz)
] + [
    Board("48.5 Hz", counts_line, hz=48.5, options=COUNTS),
    Board("51.5 Hz, millis", stamped(lambda i: round(i * 1000 / 51.5)), hz=51.5, options=_WITH_MS),
    Board("ten lines at once", Batches(counts_line, 10), options=COUNTS),
    Board("25 Hz, ten lines at once", Batches(counts_line, 10), hz=25.0, options=COUNTS,
          expect=_M, says="rate", windows=2),
    Board("all lines at once", Batches(counts_line, 200), options=COUNTS, expect=_M,
          says="rate_unknown"),
    Board("unit found at 10 Hz", counts_line, hz=10.0, expect=_M, says="rate", seconds=25.0,
          windows=2, moves=False),
    Board("part at 12.5 Hz", SlowPart(12.5), part_hz=12.5, options=COUNTS, expect=_M,
          says="repeated"),
    Board("part at 40 Hz", SlowPart(40.0), part_hz=40.0, options=COUNTS, expect=_M,
          says="repeated", windows=6, seconds=16.0),
    Board("part at 200 Hz", counts_line, options=COUNTS),
    Board("every 20th 0,0,0", _glitch((b"0,0,0\n",)), options=COUNTS, expect=_M, says="glitch",
          moves=False),
    Board("every 20th 0 or doubled", _glitch((b"0,0,0\n", b"506,-20,10\n")), options=COUNTS,
          expect=_M, says="glitch", moves=False),
    Board("now and then 500", _glitch((b"500,-10,5\n",)), options=COUNTS, expect=_M,
          says="glitch", moves=False),
    Board("index leaps", _leaps, expect=_R, says="GAP"),
    Board("frames", Frames()),
    Board("frames at 25 Hz", Frames(40_000), hz=25.0, expect=_M, says="rate", windows=2),
    Board("frames, hop 20", Frames(hello=_HOP_20), expect=_F, says="every 20"),
    Board("frames that leap", Frames(leap=lambda i: 5000 * (i // 10)), expect=_R,
          says="DISCONTINUITY", windows=3000, seconds=4.0),
]  # fmt: skip
