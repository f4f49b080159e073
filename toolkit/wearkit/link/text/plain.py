"""PlainLines: lines that differ from a good one in their numbers alone, read many at once.

Nearly all lines of a session look alike, and what one of them is was settled by the first. One
compiled pattern, made from a line that gave a sample, matches the lines that do nothing new: the
same separators, as many numbers, whole where they must be, none so large that it would be refused.
Whatever else a line may be, it does not match, and is read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import neg

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.link.sample import Counts
from wearkit.link.text.layout import Layout
from wearkit.link.text.line import MAX_LINE_BYTES, PRINTED_NUMBER, Number, common_number
from wearkit.link.text.unit_finder import Triple, to_counts
from wearkit.units import Unit

_NUMBER = re.compile(PRINTED_NUMBER)
_TOKEN = re.compile(r"[-.0-9]+")
_SEPARATORS = re.compile(r"[ \t,;()\[\]]*")  # no character of a number is among them
_BLANKS = re.compile(r"[ \t]+")
_MAX_BLANKS = 12
# What each column may hold. 19 digits are fewer than line.MAX_WHOLE, and six than the largest value
# of an axis; a column that is left out must be a number all the same.
_STAMP = (r"-?[0-9]{1,19}", 20)
_WHOLE_AXIS = (r"-?[0-9]{1,6}", 7)
_AXIS = (r"-?[0-9]{1,6}(?:\.[0-9]{1,9})?", 17)
_SECONDS = (r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?", 23)
_LEFT_OUT = _SECONDS


@dataclass(frozen=True, slots=True)
class PlainSamples:
    """The samples of so many lines, each column by itself. xyz: as printed, turned to the model's
    axes; stamps_us: before the device's clock was continued; indices, stamps_us: None without."""

    indices: list[int] | None
    stamps_us: list[int] | None
    xyz: list[Triple]

    def first(self, number: int) -> PlainSamples:
        """The first so many of these."""
        if number == len(self.xyz):
            return self
        return PlainSamples(
            None if self.indices is None else self.indices[:number],
            None if self.stamps_us is None else self.stamps_us[:number],
            self.xyz[:number],
        )


class PlainLines:
    """Lines of one layout and form. pattern: matches as many of them as come first, at least none,
    each with its line feed."""

    def __init__(self, layout: Layout, between: tuple[str, ...], unit: Unit, pattern: str) -> None:
        self.pattern = re.compile(pattern.encode())
        self._places, self._sign = layout.places, layout.axes.sign
        self._columns = len(layout.fields)
        self._unit = unit
        self._is_bare = all(part == "," for part in between[1:-1]) and not (
            between[0] + between[-1]
        )
        self._has_whole_axes = unit is Unit.COUNTS
        self._has_whole_clock = "t_s" not in layout.fields

    def read(self, lines: bytes) -> PlainSamples:
        """lines: what `pattern` matched, one line at least."""
        text = lines.decode("ascii")
        if self._is_bare and "\r" not in text:
            tokens = text[:-1].replace("\n", ",").split(",")
        else:
            tokens = _TOKEN.findall(text)
        places, columns = self._places, self._columns
        indices = stamps_us = None
        if places.index is not None:
            indices = list(map(int, tokens[places.index :: columns]))
        if places.clock is not None:
            stamps_us = self._stamps_us(tokens[places.clock :: columns])
        convert: Callable[[str], Number] = int if self._has_whole_axes else common_number
        axes: list[Iterable[Number]] = []
        for place, sign in zip(places.axes, self._sign, strict=True):
            values = map(convert, tokens[place::columns])
            axes.append(values if sign > 0 else map(neg, values))
        x, y, z = axes
        return PlainSamples(indices, stamps_us, list(zip(x, y, z, strict=True)))

    def counts(
        self, xyz: list[Triple]
    ) -> tuple[NDArray[np.int16], tuple[int, int], Sequence[Counts]]:
        """The same in counts: (n, 3) int16; the lowest and the highest of them; and as rows."""
        if self._has_whole_axes:
            values = [value for row in xyz for value in row]
            lowest, highest = int(min(values)), int(max(values))
            if lowest >= COUNT_MIN and highest <= COUNT_MAX:
                rows: Sequence[Counts] = xyz  # type: ignore[assignment]  # whole, as they matched
                return np.array(values, dtype=np.int16).reshape(-1, 3), (lowest, highest), rows
        counts = to_counts(xyz, self._unit)
        rows = [(x, y, z) for x, y, z in counts.tolist()]
        return counts, (int(counts.min()), int(counts.max())), rows

    def _stamps_us(self, printed: list[str]) -> list[int]:
        up, down = self._places.up, self._places.down
        if not self._has_whole_clock:
            return [round(common_number(token) * up) // down for token in printed]
        stamps = list(map(int, printed))
        return stamps if up == down == 1 else [stamp * up // down for stamp in stamps]


def plain_lines(raw: bytes, layout: Layout, unit: Unit) -> PlainLines | None:
    """How lines are read that look as this one, which gave a sample; None where they have more to
    them than numbers: names, a word in front, a CRC."""
    if layout.named or layout.kind is not None or layout.takes_any_kind or not raw.isascii():
        return None
    between = tuple(_BLANKS.sub(" ", part) for part in _NUMBER.split(raw.decode().strip("\r")))
    return _compiled(layout, between, unit)


@lru_cache(maxsize=64)  # a device prints few forms, and each odd line asks again
def _compiled(layout: Layout, between: tuple[str, ...], unit: Unit) -> PlainLines | None:
    # An empty part between two numbers would be a sign: `1-2`.
    is_plain = all(map(_SEPARATORS.fullmatch, between)) and all(between[1:-1])
    if not is_plain or len(between) != len(layout.fields) + 1:
        return None
    widest = sum(map(len, between)) + _MAX_BLANKS * sum(part.count(" ") for part in between)
    pattern = _literal(between[0])
    for name, behind in zip(layout.fields, between[1:], strict=True):
        number, width = _column(name, unit)
        pattern += number + _literal(behind)
        widest += width
    if widest > MAX_LINE_BYTES:
        return None
    return PlainLines(layout, between, unit, rf"(?:\r*{pattern}\r*\n)*")


def _literal(part: str) -> str:
    """Blanks may be more or fewer, as they are where columns are aligned."""
    if part == " ":
        return rf"[ \t]{{1,{_MAX_BLANKS}}}"
    return "".join(
        rf"[ \t]{{0,{_MAX_BLANKS}}}" if character == " " else re.escape(character)
        for character in part
    )


def _column(name: str, unit: Unit) -> tuple[str, int]:
    """What a column's numbers match, and how many characters these may be."""
    if name in ("x", "y", "z"):
        return _WHOLE_AXIS if unit is Unit.COUNTS else _AXIS
    if name in ("index", "t_us", "t_ms", "t_ns"):
        return _STAMP
    return _SECONDS if name == "t_s" else _LEFT_OUT
