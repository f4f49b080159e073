"""Lines of numbers, under one strict grammar, in bounded memory, at the speed of numpy.

A number is ASCII `[+-]digits[.digits][e[+-]ddd]` and nothing else. Python's own float() would
also take 1_0 (as 10), nan, inf and full-width digits; numpy's parser takes nan, inf and longer
exponents. Over 1e30 in size it counts as not finite: no sensor, clock or counter gives that, and
as float32 it may be infinite. A block of lines goes through numpy when nothing in it can be read
two ways, and line by line otherwise, with the same outcome.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

MAX_LINE_BYTES = 4096
GARBLED = "garbled line"
COLUMNS = "wrong number of columns"
NOT_FINITE = "not a finite number"
TOO_LONG = "line too long"
UNFINISHED = "unfinished last line"

_BLOCK_BYTES = 1 << 20
_MAX_NUMBER = 1e30
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)
# What numpy would read otherwise: blanks it skips and we do not, exponents over three digits.
_PLAIN = bytes([*b"\n\t", *range(0x20, 0x7F)])
_LONG_EXPONENT = re.compile(r"[eE][+-]?[0-9]{4}")


@dataclass(slots=True)
class Lines:
    """The lines of a stream, block by block, without their ends. Read once.

    A line over 4 KiB is left out and counted in `dropped`. A last line without an end is given
    as a block of its own, and `unfinished` says so from then on: it may be whole, or half a line
    of a broken copy. Bytes that are not UTF-8 become U+FFFD.
    """

    stream: IO[bytes]
    dropped: Counter[str] = field(default_factory=Counter)
    unfinished: bool = False

    def __iter__(self) -> Iterator[list[str]]:
        rest, skipping = b"", False
        while block := self.stream.read(_BLOCK_BYTES):
            whole, end, tail = block.rpartition(b"\n")
            if not end:
                rest += tail
            else:
                if skipping:
                    self.dropped[TOO_LONG] += 1
                    whole, rest = (whole + end).partition(b"\n")[2].removesuffix(b"\n"), b""
                lines = self._split(rest + whole)
                rest, skipping = tail, False
                if lines:
                    yield lines
            if skipping or len(rest) > MAX_LINE_BYTES:
                rest, skipping = b"", True
        if skipping:
            self.dropped[TOO_LONG] += 1
        elif rest.strip():
            self.unfinished = True
            yield from filter(None, [self._split(rest)])

    def _split(self, block: bytes) -> list[str]:
        text = block.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\r")
        lines = [line for line in text.split("\n") if line]
        if max(map(len, lines), default=0) > MAX_LINE_BYTES:
            short = [line for line in lines if len(line) <= MAX_LINE_BYTES]
            self.dropped[TOO_LONG] += len(lines) - len(short)
            return short
        return lines


@dataclass(frozen=True, slots=True)
class Rows:
    """values: (n, k) float64, finite. kept: (n,) index of each row's line. dropped: the rest."""

    values: NDArray[np.float64]
    kept: NDArray[np.int64]
    dropped: Counter[str]


def is_number(text: str) -> bool:
    """Whether a field is a decimal number as the files write them: no nan, no inf, no hex."""
    return _NUMBER.fullmatch(text) is not None


def parse_rows(lines: list[str], *, width: int, numbers: int, delimiter: str | None) -> Rows:
    """The first `numbers` of exactly `width` fields of each line. delimiter None: blanks."""
    values = _parse_block(lines, width, numbers, delimiter)
    dropped: Counter[str] = Counter()
    if values is None:
        values, kept = _parse_each(lines, width, numbers, delimiter, dropped)
    else:
        kept = np.arange(len(lines), dtype=np.int64)
    finite = (np.abs(values) <= _MAX_NUMBER).all(axis=1)  # false for NaN too
    if not finite.all():
        dropped[NOT_FINITE] += int(np.count_nonzero(~finite))
        values, kept = values[finite], kept[finite]
    return Rows(values, kept, dropped)


def _parse_block(
    lines: list[str], width: int, numbers: int, delimiter: str | None
) -> NDArray[np.float64] | None:
    """All lines at once, or None when one of them needs a closer look."""
    text = "\n".join(lines)
    if not text or text.isspace() or text.encode().translate(None, _PLAIN):
        return None
    # Looking for a letter first: it is rare, and searching a pattern costs as much as parsing.
    if ("e" in text or "E" in text) and _LONG_EXPONENT.search(text):
        return None
    columns = None
    if delimiter is not None and width != numbers:
        # numpy itself sees to it that all rows are of one width, unless it is told to skip some.
        if {line.count(delimiter) for line in lines} != {width - 1}:
            return None
        columns = range(numbers)
    try:
        values = np.loadtxt(lines, delimiter=delimiter, usecols=columns, comments=None, ndmin=2)
    except ValueError:
        return None
    return values if values.shape == (len(lines), numbers) else None


def _parse_each(
    lines: list[str], width: int, numbers: int, delimiter: str | None, dropped: Counter[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values: list[list[float]] = []
    kept: list[int] = []
    for index, line in enumerate(lines):
        if not line.strip(" \t"):
            continue
        fields = line.strip(" \t").split(delimiter) if delimiter is None else line.split(delimiter)
        row = [field.strip(" \t") for field in fields[:numbers]]
        if len(fields) != width:
            dropped[COLUMNS] += 1
        elif all(map(is_number, row)):
            values.append([float(word) for word in row])
            kept.append(index)
        elif all(is_number(word) or _NOT_FINITE.fullmatch(word) for word in row):
            dropped[NOT_FINITE] += 1
        else:
            dropped[GARBLED] += 1
    table = np.array(values, dtype=np.float64).reshape(len(values), numbers)
    return table, np.array(kept, dtype=np.int64)
