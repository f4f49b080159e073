"""One line of `wk-text/1` and of what other people's sketches print.

    [index,][t_us,]x,y,z[*CRC32]      separated by comma, semicolon, TAB or blanks
    ax:0.01, ay:-0.02, az:0.98        label:value parts, as serial plotters take them
    (1, 2, 256)   [1, 2, 256]   1;2;256;   1, 2, 256,
    9.71 -0.39 0.20 m/s^2             and what wearkit.link.text.labels reads besides

Numbers are matched before they are converted: Python's float() also takes `1_0`, `nan`, `inf`
and digits of other scripts, none of which a sensor sends on purpose.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from wearkit.link.sample import Reason
from wearkit.link.text.labels import (
    TIME,
    Pairs,
    canonical_name,
    closing_unit,
    front_word,
    json_pairs,
    labelled_pairs,
    plain_text,
)
from wearkit.units import Unit

Number = int | float
"""int when the token had neither point nor exponent: counts and clocks must be whole."""

MAX_LINE_BYTES = 256
MAX_MAGNITUDE = 1e15  # far below a float's overflow
MAX_WHOLE = 1 << 64  # a clock of 64 bits, such as nanoseconds since 1970
_MIN_COLUMNS, _MAX_COLUMNS = 3, 16

_COLUMN = r"[+-]?\d{1,15}(?:\.\d{0,15})?"
# What most boards print.
_COMMON = re.compile(rf"{_COLUMN}(?:,{_COLUMN}){{2,15}}", re.ASCII)
_COMMON_WHOLE = re.compile(r"[+-]?\d{1,15}(?:,[+-]?\d{1,15}){2,15}", re.ASCII)
_SEPARATOR = re.compile(r"[ \t]*[,;][ \t]*|[ \t]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
PRINTED_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""How a number looks, whatever its size: to tell numbers from what stands between them."""
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_CRC_SUFFIX = re.compile(rb"\*([0-9A-Fa-f]{8})\Z")
_BRACKETS = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one line. names: canonical column names when the line carried its own. kind:
    the word that says which kind of line it is. unit: printed beside the numbers."""

    numbers: tuple[Number, ...]
    names: tuple[str, ...] | None = None
    has_crc: bool = False
    kind: str | None = None
    unit: Unit | None = None


def parse_line(line: bytes) -> Row | Reason:
    """The numbers of one complete line (without its line end), or why there are none.

    Never raises; takes any bytes.
    """
    text = checked_text(line)
    if isinstance(text, Reason):
        return text
    has_crc = len(text) < len(line)
    if _COMMON_WHOLE.fullmatch(text):
        return Row(tuple(map(int, text.split(","))), None, has_crc)
    if _COMMON.fullmatch(text):
        return Row(tuple(map(common_number, text.split(","))), None, has_crc)
    text = plain_text(text.strip(" \t"))
    if text.startswith("{"):
        return _json_row(text, has_crc)
    return _text_row(text, has_crc)


def common_number(token: str) -> Number:
    return float(token) if "." in token else int(token)


def _text_row(text: str, has_crc: bool) -> Row | Reason:
    text, unit = closing_unit(text)
    if ":" in text or "=" in text:
        row = _labelled_row(text, has_crc, unit)
    else:
        row = _plain_row(text, has_crc, unit)
    if row is Reason.NOT_NUMBERS and (front := front_word(text)) is not None:
        kind, beside, rest = front
        is_labelled = ":" in rest or "=" in rest
        inner = (_labelled_row if is_labelled else _plain_row)(rest, has_crc, unit or beside)
        if isinstance(inner, Row):
            return Row(inner.numbers, inner.names, has_crc, kind, inner.unit)
    return row


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


def _plain_row(text: str, has_crc: bool, unit: Unit | None) -> Row | Reason:
    if text[:1] in _BRACKETS and text.endswith(_BRACKETS[text[0]]):
        text = text[1:-1].strip(" \t")
    if text.endswith((",", ";")):
        text = text[:-1].rstrip(" \t")
    if "," in text and ";" in text:
        return Reason.NOT_NUMBERS  # decimal commas, or something else that must not be guessed
    numbers: list[Number] = []
    for token in _SEPARATOR.split(text):
        number = parse_number(token)
        if number is None:
            return _why_no_number(token)
        numbers.append(number)
    if not _MIN_COLUMNS <= len(numbers) <= _MAX_COLUMNS:
        return Reason.COLUMNS
    return Row(tuple(numbers), None, has_crc, None, unit)


def _labelled_row(text: str, has_crc: bool, unit: Unit | None) -> Row | Reason:
    labelled = labelled_pairs(text)
    if labelled is None:
        return Reason.NOT_NUMBERS
    pairs, beside = labelled
    return _named_row(pairs, has_crc, None, unit or beside)


def _json_row(text: str, has_crc: bool) -> Row | Reason:
    numbers = json_pairs(text)
    if numbers is None:
        return Reason.NOT_NUMBERS
    pairs, kind = numbers
    return _named_row(pairs, has_crc, kind, None)


def _named_row(pairs: Pairs, has_crc: bool, kind: str | None, unit: Unit | None) -> Row | Reason:
    """Columns we know, in the line's order; others (temperature, gyroscope) are left out."""
    columns: dict[str, Number] = {}
    for label, token in pairs:
        name = canonical_name(label)
        if name is None or (name == TIME and TIME in columns):
            continue
        number = parse_number(token)
        if number is None:
            return _why_no_number(token)
        if name in columns:
            return Reason.COLUMNS
        columns[name] = number
    if not {"x", "y", "z"} <= columns.keys():
        return Reason.COLUMNS if columns else Reason.NOT_NUMBERS
    return Row(tuple(columns.values()), tuple(columns), has_crc, kind, unit)


def _why_no_number(token: str) -> Reason:
    return Reason.OUT_OF_RANGE if _NUMBER.fullmatch(token) else Reason.NOT_NUMBERS
