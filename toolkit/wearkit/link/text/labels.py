"""What other people's prints say of their numbers: names, a word in front, units, JSON keys.

X: 9.71  Y: -0.39  Z: 0.20  m/s^2               as Adafruit's sketches print
adxl345@53 [m/s^2]:  ( 9.71, -0.39, 0.20)       as Zephyr's example prints
acc: 0.99, -0.04, 0.02                          a word in front says what kind of line it is
{"type": "acc", "x": 0.99, "y": -0.04, "z": 0.02}
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from wearkit.units import Unit

Pairs = list[tuple[str, str]]
"""(label, number as printed), in the line's order."""

_UNITS = {
    **dict.fromkeys(("m/s^2", "m/s2", "m/s**2", "m/s/s", "m/ss", "ms-2", "mps2"), Unit.M_S2),
    **dict.fromkeys(("g", "gs"), Unit.G),
    **dict.fromkeys(("mg", "mgs"), Unit.MG),
    **dict.fromkeys(("count", "counts"), Unit.COUNTS),
}
_UNIT_WORD = "|".join(re.escape(word) for word in sorted(_UNITS, key=len, reverse=True))
_UNIT = rf"(?:[\[(][ \t]*({_UNIT_WORD})[ \t]*[\])]|({_UNIT_WORD}))"
_CLOSING_UNIT = re.compile(rf"(?<=[\d.)\] \t,;]){_UNIT}[ \t]*[,;]?\Z", re.ASCII | re.IGNORECASE)
_BRACKETED_UNIT = rf"(?:[ \t]*[\[(][ \t]*(?:{_UNIT_WORD})[ \t]*[\])])?"
_PART = re.compile(
    r"[ \t]*(?P<label>[A-Za-z_]\w*(?: \w+)*)"
    rf"{_BRACKETED_UNIT}[ \t]*[:=][ \t]*(?P<number>[^\s,;:=|]+)"
    rf"(?:[ \t]*(?P<unit>{_UNIT_WORD})(?=[\s,;|]|\Z))?[ \t]*[,;|]?",
    re.ASCII | re.IGNORECASE,
)
_FRONT = re.compile(
    rf">?[ \t]*\$?(?P<word>[A-Za-z_][\w@./-]*(?: [A-Za-z_][\w@./-]*)*)[ \t]*"
    rf"{_UNIT}?[ \t]*(?:[:=,;>]+[ \t]*|[ \t]+(?=[-+.\d(\[]))(?P<rest>.+)",
    re.ASCII | re.IGNORECASE,
)
# What the logging of ESP-IDF and of Zephyr puts before the words of a program.
_LOG_FRONT = re.compile(r"[EWIDV] \(\d+\) |\[[\d:., ]+\] <\w+> ", re.ASCII)
_COLOUR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")

_AXIS_FORMS = (
    *("{}", "a{}", "a_{}", "acc{}", "acc_{}", "accel{}", "accel_{}", "{}1"),
    *("acceleration_{}", "accelerometer_{}", "{}_axis", "{}_acc"),
)
TIME = "t"  # a clock whose unit its label does not say
NAMES = {
    **{alias: TIME for alias in ("t", "ts", "time", "timestamp")},
    **{alias: "index" for alias in ("index", "seq")},
    **{alias: "t_us" for alias in ("t_us", "us", "micros")},
    **{alias: "t_ms" for alias in ("t_ms", "ms", "millis")},
    **{alias: "t_ns" for alias in ("t_ns", "ns", "nanos")},
    **{form.format(axis): axis for axis in "xyz" for form in _AXIS_FORMS},
}
_KIND_KEYS = ("type", "sensor", "kind", "name", "topic")
_ACCELERATION = ("acc", "accel", "acceleration", "accelerometer", "a")
_HOLDERS = ("value", "values", "data")


class NumberText(str):
    """A JSON number still as text, for the grammar of lines; a JSON string is not one."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """A JSON object, with keys that come twice."""


@lru_cache(maxsize=256)
def canonical_name(label: str) -> str | None:
    """The column a label names, or None for one that is left out."""
    return NAMES.get(label.lower().replace(" ", "_"))


def plain_text(text: str) -> str:
    """A line without colours, and without what a logging library puts in front."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    front = _LOG_FRONT.match(text)
    return text[front.end() :] if front else text


def closing_unit(text: str) -> tuple[str, Unit | None]:
    """A line of numbers, and the unit printed behind them."""
    end = text.rstrip(" \t,;")[-2:]
    if end[-1:].isdigit() and end[:1] not in "s^-*":
        return text, None  # a number; only the 2 of seconds squared closes a unit
    match = _CLOSING_UNIT.search(text)
    if match is None:
        return text, None
    return text[: match.start()].rstrip(" \t"), _unit(match.group(1) or match.group(2))


def front_word(text: str) -> tuple[str, Unit | None, str] | None:
    """The word in front of a line, the unit beside it, and the rest; None where there is none."""
    match = _FRONT.fullmatch(text)
    if match is None or canonical_name(match["word"]) in ("x", "y", "z"):
        return None
    return match["word"], _unit(match.group(2) or match.group(3)), match["rest"]


def labelled_pairs(text: str) -> tuple[Pairs, Unit | None] | None:
    """`label: number` or `label = number` all along, and the one unit of them; None otherwise."""
    pairs: Pairs = []
    units: set[Unit | None] = set()
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            return None
        pairs.append((part["label"], part["number"]))
        units.add(_unit(part["unit"]))
        position = part.end()
    units.discard(None)
    return (pairs, next(iter(units), None)) if len(units) < 2 else None


def json_pairs(text: str) -> tuple[Pairs, str | None] | None:
    """The numbers of an object and what kind it says to be; None for what is no object.

    Numbers in an object or array of three within it are those of an accelerometer where the key
    says so; those of the outermost one go first.
    """
    try:
        document = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=NumberText,
            parse_float=NumberText,
            parse_constant=NumberText,
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, _Object):
        return None
    return _numbers_of(document), _kind_of(document)


def _kind_of(json_object: _Object) -> str | None:
    for wanted in _KIND_KEYS:
        for key, value in json_object:
            if key.lower() == wanted and type(value) is str:
                return value
    return None


def _numbers_of(json_object: _Object) -> Pairs:
    pairs: Pairs = [(key, value) for key, value in json_object if isinstance(value, NumberText)]
    if any(canonical_name(key) in ("x", "y", "z") for key, _ in pairs):
        return pairs
    for key, value in json_object:
        if key.lower() in _ACCELERATION + _HOLDERS:
            inner = _inner_numbers(value)
            if inner:
                return pairs + inner
    return pairs


def _inner_numbers(value: Any) -> Pairs:
    if isinstance(value, _Object):
        return _numbers_of(value)
    if isinstance(value, list) and len(value) == 3:
        return [
            (axis, number) for axis, number in zip("xyz", value, strict=True) if _is_number(number)
        ]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, NumberText)


def _unit(word: str | None) -> Unit | None:
    return None if word is None else _UNITS[word.lower()]
