"""One line of `wk-text/1` and of what other people's sketches print.

    [index,][t_us,]x,y,z[*CRC32]      separated by comma, semicolon, TAB or blanks
    ax:0.01, ay:-0.02, az:0.98        label:value parts, as serial plotters take them
    {"x": 0.01, "y": -0.02, "z": 1}   JSON objects
    (1, 2, 256)   [1, 2, 256]   1;2;256;

Numbers are matched before they are converted: Python's float() also takes `1_0`, `nan`, `inf`
and digits of other scripts, none of which a sensor sends on purpose.
"""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from wearkit.link.sample import Reason

Number = int | float
"""int when the token had neither point nor exponent: counts and clocks must be whole."""

MAX_LINE_BYTES = 256
MAX_MAGNITUDE = 1e15  # far below a float's overflow
MAX_WHOLE = 1 << 64  # a clock of 64 bits, such as nanoseconds since 1970
_MIN_COLUMNS, _MAX_COLUMNS = 3, 16

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_PART = re.compile(r"[ \t]*([A-Za-z_]\w*(?: \w+)*)[ \t]*:[ \t]*([^\s,;:]+)[ \t]*[,;]?", re.ASCII)
_CRC_SUFFIX = re.compile(rb"\*([0-9A-Fa-f]{8})\Z")
_BRACKETS = {"(": ")", "[": "]"}

_NAMES = {
    **{alias: "index" for alias in ("index", "seq")},
    **{alias: "t_us" for alias in ("t_us", "us", "micros")},
    **{alias: "t_ms" for alias in ("t_ms", "ms", "millis")},
    **{
        form.format(axis): axis
        for axis in "xyz"
        for form in ("{}", "a{}", "acc{}", "acc_{}", "accel{}", "accel_{}")
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one line. names: canonical column names when the line carried its own."""

    numbers: tuple[Number, ...]
    names: tuple[str, ...] | None = None
    has_crc: bool = False


def parse_line(line: bytes) -> Row | Reason:
    """The numbers of one complete line (without its line end), or why there are none.

    Never raises; takes any bytes.
    """
    text = checked_text(line)
    if isinstance(text, Reason):
        return text
    has_crc = len(text) < len(line)
    text = text.strip(" \t")
    if text.startswith("{"):
        return _json_row(text, has_crc)
    if ":" in text:
        return _labelled_row(text, has_crc)
    return _plain_row(text, has_crc)


def checked_text(line: bytes) -> str | Reason:
    """The ASCII text of a line before its `*XXXXXXXX`, when length and CRC-32 are right."""
    if len(line) > MAX_LINE_BYTES:
        return Reason.TOO_LONG
    suffix = _CRC_SUFFIX.search(line)
    if suffix is not None:
        line = line[: suffix.start()]
        if binascii.crc32(line) != int(suffix.group(1), 16):
            return Reason.CRC
    return line.decode("ascii") if line.isascii() else Reason.NOT_ASCII


def parse_number(token: str) -> Number | None:
    """A number of the grammar, or None. Magnitudes above MAX_MAGNITUDE, or of whole numbers
    above MAX_WHOLE, give None."""
    if _INTEGER.fullmatch(token):
        whole = int(token)
        return whole if abs(whole) <= MAX_WHOLE else None
    if not _NUMBER.fullmatch(token):
        return None
    value = float(token)
    return value if abs(value) <= MAX_MAGNITUDE else None


def _plain_row(text: str, has_crc: bool) -> Row | Reason:
    if text[:1] in _BRACKETS and text.endswith(_BRACKETS[text[0]]):
        text = text[1:-1].strip(" \t")
    text = text.removesuffix(";").rstrip(" \t")
    separator = "," if "," in text else ";" if ";" in text else None
    tokens = text.split(separator)
    numbers: list[Number] = []
    for token in tokens:
        number = parse_number(token.strip(" \t"))
        if number is None:
            return _why_no_number(token.strip(" \t"))
        numbers.append(number)
    if not _MIN_COLUMNS <= len(numbers) <= _MAX_COLUMNS:
        return Reason.COLUMNS
    return Row(tuple(numbers), None, has_crc)


def _labelled_row(text: str, has_crc: bool) -> Row | Reason:
    pairs: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            return Reason.NOT_NUMBERS
        pairs.append((part.group(1), part.group(2)))
        position = part.end()
    return _named_row(pairs, has_crc)


def _json_row(text: str, has_crc: bool) -> Row | Reason:
    fields: list[tuple[str, str]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        # Called innermost object first, so the outermost one is what remains.
        fields[:] = [(key, value) for key, value in pairs if isinstance(value, _Token)]

    try:
        json.loads(
            text,
            object_pairs_hook=keep,
            parse_int=_Token,
            parse_float=_Token,
            parse_constant=_Token,
        )
    except (ValueError, RecursionError):
        return Reason.NOT_NUMBERS
    return _named_row(fields, has_crc)


class _Token(str):
    """A JSON number still as text, for this module's own grammar; a JSON string is not one."""

    __slots__ = ()


def _named_row(pairs: list[tuple[str, str]], has_crc: bool) -> Row | Reason:
    """Columns we know, in the line's order; others (temperature, gyroscope) are left out."""
    columns: dict[str, Number] = {}
    for label, token in pairs:
        name = _NAMES.get(label.lower().replace(" ", "_"))
        if name is None:
            continue
        number = parse_number(token)
        if number is None:
            return _why_no_number(token)
        if name in columns:
            return Reason.COLUMNS
        columns[name] = number
    if not {"x", "y", "z"} <= columns.keys():
        return Reason.COLUMNS if columns else Reason.NOT_NUMBERS
    return Row(tuple(columns.values()), tuple(columns), has_crc)


def _why_no_number(token: str) -> Reason:
    return Reason.OUT_OF_RANGE if _NUMBER.fullmatch(token) else Reason.NOT_NUMBERS
