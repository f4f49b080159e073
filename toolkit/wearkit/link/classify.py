"""What a stretch of bytes, joined anywhere, turns out to carry."""

from __future__ import annotations

from enum import Enum, auto

from wearkit.link.frames.frame import Frame, FrameDecoder
from wearkit.link.text.header import is_header
from wearkit.link.text.line import Row, parse_line

MIN_BYTES = 200  # before anything is said of what cannot be read
_MIN_ROWS = 2
# At a wrong rate at most a third of the bytes are printable (a software UART, all pairs of rates).
_PRINTABLE_SHARE = 0.5
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"


class Carried(Enum):
    """FRAMES, LINES: units of ours that check. TEXT: printable. NOISE: what another baud rate
    looks like. NOTHING: too little to tell."""

    FRAMES = auto()
    LINES = auto()
    TEXT = auto()
    NOISE = auto()
    NOTHING = auto()


def carried(data: bytes) -> Carried:
    """One whole frame, or two whole lines of as many numbers or a header, settle it."""
    decoder = FrameDecoder()
    if any(isinstance(part.content, Frame) for part in decoder.feed(data)):
        return Carried.FRAMES
    if _has_lines(data):
        return Carried.LINES
    if len(data) < MIN_BYTES:
        return Carried.NOTHING
    printable = len(data) - len(data.translate(None, _PRINTABLE))
    return Carried.TEXT if printable >= _PRINTABLE_SHARE * len(data) else Carried.NOISE


def _has_lines(data: bytes) -> bool:
    seen: dict[int, int] = {}
    for line in data.split(b"\n")[1:-1]:  # the first may be the end of one, the last is not over
        line = line.removesuffix(b"\r")
        if is_header(line):
            return True
        row = parse_line(line)
        if isinstance(row, Row):
            columns = len(row.numbers)
            seen[columns] = seen.get(columns, 0) + 1
            if seen[columns] == _MIN_ROWS:
                return True
    return False
