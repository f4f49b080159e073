"""The comment that says what the numbers of `wk-text/1` are.

    #wearkit text/1 units=g rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z crc=none

Every key may be left out; keys of later versions are ignored. It may be sent again at any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from wearkit.errors import DataError
from wearkit.link.axes import AxisMap
from wearkit.link.header import StreamHeader
from wearkit.link.text.line import parse_number
from wearkit.units import Unit

_MAGIC = re.compile(r"#\s*wearkit\s+text/(\d{1,3})(\s|$)", re.ASCII)
_AXES = re.compile(r"([+-])([xyz])([+-])([xyz])([+-])([xyz])")
CLOCK_TICKS_US = {
    "t_s": Fraction(1_000_000),
    "t_ms": Fraction(1000),
    "t_us": Fraction(1),
    "t_ns": Fraction(1, 1000),
}
_COLUMNS = ("index", *CLOCK_TICKS_US, "x", "y", "z")
IGNORED_COLUMN = "-"


@dataclass(frozen=True, slots=True)
class TextHeader(StreamHeader):
    """What a header of text says besides: its columns, None where it names none, and whether every
    line of numbers ends with its CRC-32."""

    fields: tuple[str, ...] | None = None
    needs_crc: bool = False


def is_header(line: str | bytes) -> bool:
    """Whether a comment begins as a header does, whatever follows."""
    text = line if isinstance(line, str) else line.decode("ascii", "replace")
    return _MAGIC.match(text) is not None


def parse_header(text: str) -> TextHeader:
    """Raises DataError, in one sentence, for a header of another version or with a bad value."""
    magic = _MAGIC.match(text)
    if magic is None or int(magic.group(1)) != 1:
        raise DataError(f"The device sends {text[:60]!r}; this wearkit reads `wearkit text/1`.")
    pairs: dict[str, str] = {}
    for part in text[magic.end() :].split():
        key, equals, value = part.partition("=")
        if not equals or key in pairs:
            raise DataError(f"The device's header is damaged at {part[:40]!r}.")
        pairs[key] = value
    if pairs.get("range", "2") != "2":
        raise DataError(
            f"The device measures +-{pairs['range'][:8]} g, but models are made for +-2 g: "
            "set the sensor's range to 2 g."
        )
    return TextHeader(
        unit=_unit(pairs.get("units")),
        rate_hz=_rate_hz(pairs.get("rate")),
        fields=parse_fields(pairs["fields"]) if "fields" in pairs else None,
        axes=parse_axes(pairs.get("axes", "+x+y+z"), "The device says axes="),
        needs_crc=_choice(pairs, "crc", ("none", "crc32")) == "crc32",
        simulated=pairs.get("sensor") == "simulated",
    )


def parse_fields(text: str) -> tuple[str, ...]:
    """`index,t_us,x,y,z` -> its column names; `-` is a column to leave out.

    Raises DataError unless x, y and z are there and every name is known and used once.
    """
    fields = tuple(text.split(","))
    named = [name for name in fields if name != IGNORED_COLUMN]
    if (
        len(set(named)) != len(named)
        or not {"x", "y", "z"} <= set(named)
        or not set(named) <= set(_COLUMNS)
        or len(set(named) & CLOCK_TICKS_US.keys()) > 1
    ):
        raise DataError(
            f"The columns {text[:60]!r} are not understood: name x, y and z once each, at most "
            "one index and one clock (t_s, t_ms, t_us or t_ns), and - for every column to leave "
            "out."
        )
    return fields


def _unit(value: str | None) -> Unit | None:
    if value is None:
        return None
    try:
        return Unit(value)
    except ValueError:
        known = ", ".join(Unit)
        raise DataError(f"The device says units={value[:20]}; known are {known}.") from None


def _rate_hz(value: str | None) -> float | None:
    if value is None:
        return None
    rate = parse_number(value)
    if rate is None or rate <= 0:
        raise DataError(f"The device says rate={value[:20]}, which is not a positive number.")
    return float(rate)


def parse_axes(value: str, who: str) -> AxisMap:
    """`-y+x+z` -> the first number is minus y of the model, and so on.

    Raises DataError, which begins with `who`, unless it is a signed permutation.
    """
    match = _AXES.fullmatch(value)
    letters = match.group(2, 4, 6) if match else ()
    if match is None or len(set(letters)) != 3:
        raise DataError(f"{who}{value[:20]}, which is not like +x+y+z or -y+x+z.")
    signs = [1 if sign == "+" else -1 for sign in match.group(1, 3, 5)]
    x, y, z = (letters.index(axis) for axis in "xyz")
    return AxisMap((x, y, z), (signs[x], signs[y], signs[z]))


def _choice(pairs: dict[str, str], key: str, known: tuple[str, ...]) -> str:
    value = pairs.get(key, known[0])
    if value not in known:
        raise DataError(f"The device says {key}={value[:20]}; known are {', '.join(known)}.")
    return value
