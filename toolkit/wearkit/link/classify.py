"""What a stretch of bytes, joined anywhere, turns out to carry."""

from __future__ import annotations

from enum import Enum, auto

from wearkit.link.frames.frame import Frame, FrameDecoder
from wearkit.link.printable import ENOUGH_BYTES, is_noise, printable_bytes
from wearkit.link.text.header import is_header
from wearkit.link.text.line import Row, parse_line

_MIN_ROWS = 2


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
    if len(data) < ENOUGH_BYTES:
        return Carried.NOTHING
    return Carried.NOISE if is_noise(printable_bytes(data), len(data)) else Carried.TEXT


def _has_lines(data: bytes) -> bool:
    rows_by_columns: dict[int, int] = {}
    # The first may be the end of one, the last is not over.
    for line in data.replace(b"\r", b"\n").split(b"\n")[1:-1]:
        if is_header(line):
            return True
        row = parse_line(line)
        if isinstance(row, Row):
            columns = len(row.numbers)
            rows_by_columns[columns] = rows_by_columns.get(columns, 0) + 1
            if rows_by_columns[columns] == _MIN_ROWS:
                return True
    return False
