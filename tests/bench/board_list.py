"""Boards as people have them: what each prints, how fast, and what wearkit must make of it.

A board prints the sample that `motion` gives for its time: three seconds of stillness, then a walk.
Every format prints enough digits to give the counts back exactly, so that the truth is the counts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

Counts = tuple[int, int, int]
Line = Callable[[int, Counts], bytes]
"""What a board prints for its sample number i: a line, none, several, or a piece of one."""

G_M_S2 = 9.80665
_STILL_S = 3.0


class Expect(Enum):
    """CLEAN: every window has a verdict without a reason, and nothing is reported. MARKED: `says`
    is a reason of a window; others may be clean where they are right. REPORTED: `says` is a fault
    that is counted. REFUSED: the session ends with an error that says `says`."""

    CLEAN = auto()
    MARKED = auto()
    REPORTED = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Board:
    """hz: of the lines. part_hz: of the sensor's own samples, where that is another. greeting: sent
    before the first line. waits_for: it sends nothing until this came. seconds: how long it plays
    at most. windows: how many are asked for."""

    name: str
    line: Line
    hz: float = 50.0
    options: tuple[str, ...] = ()
    expect: Expect = Expect.CLEAN
    says: str = ""
    part_hz: float | None = None
    greeting: bytes = b""
    waits_for: bytes = b""
    needs_port: bool = False
    seconds: float = 12.0
    windows: int = 4
    moves: bool = field(default=True)

    @property
    def samples_hz(self) -> float:
        return self.part_hz or self.hz

    def counts(self) -> list[Counts]:
        """Of every sample that it can print in its time, (x, y, z) in 1/256 g."""
        source = random.Random(self.name)
        total = round((self.seconds + 1) * self.hz)
        return [motion(i / self.hz, source, moves=self.moves) for i in range(total)]


def motion(t_s: float, source: random.Random, *, moves: bool = True) -> Counts:
    """A sensor at rest for 3 s, and then worn by somebody who walks; x carries gravity."""
    x, y, z = (base + source.gauss(0, 0.8) for base in (253.0, -10.0, 5.0))
    if moves and t_s >= _STILL_S:
        phase = 2 * math.pi * 1.8 * t_s
        x += 82 * math.sin(phase) + 26 * math.sin(2 * phase)
        y += 31 * math.sin(2 * phase)
        z += 46 * math.sin(phase + 0.3)
    return round(x), round(y), round(z)


def counts_line(_: int, counts: Counts) -> bytes:
    return b"%d,%d,%d\n" % counts


def g_line(_: int, counts: Counts) -> bytes:
    return ",".join(f"{count / 256:.4f}" for count in counts).encode() + b"\n"


def shown(form: str, scale: float = 1.0) -> Line:
    """A format of three numbers, each worth `scale` g^-1, in place of {0}, {1} and {2}; {i} is the
    sample's number."""

    def line(i: int, counts: Counts) -> bytes:
        return form.format(*(scale * count / 256 for count in counts), i=i).encode("latin-1")

    return line


def stamped(stamp: Callable[[int], int], form: str = "{},") -> Line:
    """A counter or clock, and then counts."""

    def line(i: int, counts: Counts) -> bytes:
        return form.format(stamp(i)).encode() + counts_line(i, counts)

    return line


def at(places: Callable[[int], bool], instead: Line, line: Line = counts_line) -> Line:
    """`line`, but `instead` where `places` says so."""
    return lambda i, counts: (instead if places(i) else line)(i, counts)


def fixed(text: bytes) -> Line:
    return lambda _i, _counts: text


def signed(value: int, bits: int) -> int:
    """As a signed counter of so many bits shows it."""
    value %= 1 << bits
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def _log_between(i: int, counts: Counts) -> bytes:
    log = b"I (%d) wifi: rssi -53, channel 6\r\n" % (20 * i) if i % 20 == 7 else b""
    return counts_line(i, counts) + log


def _broken_by_log(i: int, counts: Counts) -> bytes:
    line = counts_line(i, counts)
    return line[:6] + b"E (990) i2c: busy\r\n" + line[6:]


COUNTS = ("--units", "counts")
G = ("--units", "g")
_C, _M, _R, _F = Expect.CLEAN, Expect.MARKED, Expect.REPORTED, Expect.REFUSED

CLEAN_BOARDS = [
    Board("counts, said", counts_line, options=COUNTS),
    Board("counts, found", counts_line),
    Board("g, found", g_line),
    Board("mg, said", shown("{0:.1f},{1:.1f},{2:.1f}\n", 1000.0), options=("--units", "mg")),
    Board("m/s2, found", shown("{0:.2f},{1:.2f},{2:.2f}\r\n", G_M_S2)),
    Board("labels", shown("ax:{0:.4f}, ay:{1:.4f}, az:{2:.4f}\n")),
    Board("JSON", shown('{{"x":{0:.4f},"y":{1:.4f},"z":{2:.4f}}}\n')),
    Board("tuple, tabs", shown("({0:.4f},\t{1:.4f},\t{2:.4f})\n")),
    Board("LFCR", shown("{0:.4f},{1:.4f},{2:.4f}\n\r")),
    Board("CR alone", shown("{0:.4f},{1:.4f},{2:.4f}\r")),
    Board("index", stamped(lambda i: i)),
    Board("millis", stamped(lambda i: 20 * i)),
    Board("micros", stamped(lambda i: 20_000 * i)),
    Board("log text between samples", _log_between, options=COUNTS),
]

WRAP_BOARDS = [
    Board(
        "micros signed, wraps", stamped(lambda i: signed((1 << 31) - 2_000_000 + 20_000 * i, 32))
    ),
    Board("micros unsigned, wraps", stamped(lambda i: (2**32 - 2_000_000 + 20_000 * i) % 2**32)),
    Board("millis of 16 bits, wraps", stamped(lambda i: (2**16 - 2_000 + 20 * i) % 2**16)),
    Board("index of 8 bits, wraps", stamped(lambda i: i % 256)),
    Board("index of 16 bits, signed", stamped(lambda i: signed((1 << 15) - 100 + i, 16))),
    Board("nanoseconds", stamped(lambda i: 1_717_000_000_000_000_000 + 20_000_000 * i),
          options=("--fields", "t_ns,x,y,z")),
]  # fmt: skip

DAMAGED_BOARDS = [
    Board(f"every 25th line {text.decode()!r}", at(lambda i: i % 25 == 20, fixed(text + b"\n")),
          options=COUNTS, expect=_M, says="gap")
    for text in (b"253,,5", b"253,5", b"nan,nan,nan", b"253,-10,", b"2\x7f3,-10,5")
] + [
    Board("one line without its middle", at(lambda i: i == 50, fixed(b"253,,5\n")),
          options=COUNTS, expect=_M, says="gap"),
    Board("log text breaks into lines", at(lambda i: i % 40 == 30, _broken_by_log),
          options=COUNTS, expect=_M, says="gap"),
    Board("ignored column missing", at(lambda i: i % 25 == 20, stamped(lambda i: 20 * i),
                                       stamped(lambda i: 20 * i, "{},7,")),
          options=("--fields", "t_ms,-,x,y,z", *COUNTS), expect=_M, says="gap"),
]  # fmt: skip


def _two_kinds(form: str) -> Line:
    """An accelerometer's line, and then a gyroscope's that says the same but for its word."""

    def line(i: int, counts: Counts) -> bytes:
        acc = shown(form.replace("KIND", "acc"))(i, counts)
        return acc + shown(form.replace("KIND", "gyr"))(i, (2, 5, i % 9))

    return line


def _hex(_: int, counts: Counts) -> bytes:
    return ",".join(f"{count & 0xFFFF:04X}" for count in counts).encode() + b"\n"


_KIND_JSON = '{{"type":"KIND","x":{0:.4f},"y":{1:.4f},"z":{2:.4f}}}\n'
_ZEPHYR = "     adxl345@53 [m/s^2]:    ({0:12.6f}, {1:12.6f}, {2:12.6f})\n"
_KIND_WORD = "KIND: {0:.4f}, {1:.4f}, {2:.4f}\n"

PRINT_BOARDS = [
    Board("Adafruit", shown("X: {0:.2f}  Y: {1:.2f}  Z: {2:.2f}  m/s^2 \r\n", G_M_S2)),
    Board("Zephyr", shown(_ZEPHYR, G_M_S2)),
    Board("X1 = ", shown("X1 = {0:.4f} Y1 = {1:.4f} Z1 = {2:.4f}\n")),
    Board("time = ", shown("time = 0.02, x = {0:.4f}, y = {1:.4f}, z = {2:.4f}\n")),
    Board("closing comma", shown("{0:.4f},{1:.4f},{2:.4f},\n")),
    Board("ESP-IDF log", shown("I ({i}) main: {0:.4f} {1:.4f} {2:.4f}\n")),
    Board("time in ns, a sample missing", lambda i, counts: b"" if i == 200 else
          b'{"timestamp":%d,"x":%d,"y":%d,"z":%d}\n' % (20_000_000 * i, *counts), options=COUNTS,
          expect=_M, says="gap"),
    Board("two kinds, JSON", _two_kinds(_KIND_JSON), expect=_F, says="--only"),
    Board("two kinds, unit said", _two_kinds(_KIND_JSON), options=G, expect=_F, says="--only"),
    Board("two kinds, words", _two_kinds(_KIND_WORD), expect=_F, says="--only"),
    Board("two kinds, one chosen", _two_kinds(_KIND_WORD), options=("--only", "acc")),
    Board("hexadecimal", _hex, expect=_F, says="hexadecimal"),
    Board("hexadecimal, counts said", _hex, options=COUNTS, expect=_F, says="hexadecimal"),
    Board("two axes behind a counter", shown("{i},{0:.4f},{1:.4f}\n"), expect=_F,
          says="counts up"),
    Board("one axis a line", shown("x: {0:.4f}\ny: {1:.4f}\nz: {2:.4f}\n"), expect=_F,
          says="one number", needs_port=True),
    Board("decimal commas", at(lambda _: True, fixed(b"0,99;-0,04;0,02\n")), expect=_F,
          says="0,99;-0,04;0,02", needs_port=True),
]  # fmt: skip


def _in_turn(i: int, counts: Counts) -> bytes:
    return g_line(i, counts) if i % 2 else b"0.0%d,0.02,0.01\n" % (i // 2 % 3)


def _in_bursts_us(i: int) -> int:
    """Ten samples 180 us apart as a FIFO is emptied, every 0.2 s."""
    return 200_000 * (i // 10) + 180 * (i % 10)


def _unsigned(counts: Counts) -> Counts:
    x, y, z = (count % 65536 for count in counts)
    return x, y, z


def _boots(i: int, counts: Counts) -> bytes:
    """Half a second of loading in the middle."""
    if i == 130:
        return b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0xc (SW_CPU_RESET),boot:0x13\r\n"
    return b"" if 130 < i < 155 else counts_line(i, counts)


SENSOR_BOARDS = [
    Board("all zero", fixed(b"0.000,0.000,0.000\n"), expect=_F, says="no sensor answers"),
    Board("all -1", fixed(b"-1,-1,-1\n"), expect=_F, says="no sensor answers"),
    Board("all zero, unit said", fixed(b"0.000,0.000,0.000\n"), options=G, expect=_M, says="bus"),
    Board("two things in turn", _in_turn, hz=100.0, part_hz=50.0, expect=_F, says="take turns"),
    Board("two things in turn, unit said", _in_turn, hz=100.0, part_hz=50.0, options=G,
          expect=_F, says="take turns"),
    Board("gyroscope alone", lambda i, _: b"0.0%d,0.02,-0.01\n" % (i % 4), options=G, expect=_M,
          says="scale"),
    Board("micros as a FIFO is emptied", stamped(_in_bursts_us),
          options=COUNTS),
    Board("seconds", lambda i, counts: b"%.2f," % (0.02 * i) + g_line(i, counts)),
    Board("nanoseconds since 1970", stamped(lambda i: 1_717_000_000 * 10**9 + 20_000_000 * i)),
    Board("negative counts unsigned", lambda i, counts: counts_line(i, _unsigned(counts)),
          options=COUNTS, expect=_F, says="int16_t"),
    Board("begins again, with its loader's words", _boots, options=COUNTS, expect=_M,
          says="restart"),
]  # fmt: skip

ASKED_BOARDS = [
    Board("waits to be asked", counts_line, options=(*COUNTS, "--send", r"go\n"),
          waits_for=b"go\n", needs_port=True),
    Board("waits, is not asked", counts_line, options=COUNTS, waits_for=b"go\n", expect=_F,
          says="--send", needs_port=True),
]  # fmt: skip

BOARDS = ASKED_BOARDS + SENSOR_BOARDS + PRINT_BOARDS + CLEAN_BOARDS + WRAP_BOARDS + DAMAGED_BOARDS
