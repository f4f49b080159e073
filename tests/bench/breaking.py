"""Ways to break a file where its readers look: bytes, lines of numbers, JSON. Every way makes one
broken file of a whole one; breaking_formats has those for binary headers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from fuzzing import STRANGE, Places

_T = TypeVar("_T")
Way = Callable[[bytes, np.random.Generator], bytes]

_WORDS = [
    *("nan", "inf", "-inf", "NaN", "1e308", "-1e308", "1e-320", "1e999", "1e38", "3.5e38", "1e9"),
    *(
        "",
        "-",
        "+-1",
        "1_0",
        "0x1F",
        "1,5",
        "1.",
        ".5",
        "--",
        "1e",
        '"1"',
        "\N{FULLWIDTH DIGIT ONE}",
    ),
    *("0", "-1", "1", "2147483648", "99999999999999999999", "1" * 400, "0." + "0" * 500 + "1"),
    *("\0", "\x1b[31m", "\ufeff", "\u202e", "a" * 300, "#", ";", ";;", "\t", " ", "walking"),
]
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**400), 0.5, 1e308, -1e308, 1e-320),
    *(float("nan"), float("inf"), "", "x", "\x1b[31m", "\ud800", "a" * 5000, "../../etc/passwd"),
    *([], {}, [[]], [0], [1, 2, 3], {"a": 1}, "nan", "1"),
]
_DEPTH = 100_000


def choice(items: Sequence[_T], generator: np.random.Generator) -> _T:
    return items[int(generator.integers(0, len(items)))]


def flip(data: bytearray, generator: np.random.Generator) -> None:
    """Up to eight bytes become others."""
    for place in generator.integers(0, len(data), int(generator.integers(1, 9))):
        data[place] ^= int(generator.integers(1, 256))


def cut_short(data: bytearray, generator: np.random.Generator) -> None:
    del data[int(generator.integers(0, len(data))) :]


def move(data: bytearray, generator: np.random.Generator, longest: int = 64) -> None:
    """Copy a piece of the file over another."""
    length = int(generator.integers(1, min(longest, len(data))))
    source, target = (int(place) for place in generator.integers(0, len(data) - length, 2))
    data[target : target + length] = data[source : source + length]


def aim(data: bytearray, places: Places, generator: np.random.Generator) -> None:
    """Another number, little-endian, at one of the places (offset, size)."""
    place, size = places[int(generator.integers(0, len(places)))]
    old = int.from_bytes(data[place : place + size], "little")
    match int(generator.integers(0, 4)):
        case 0:
            new = STRANGE[int(generator.integers(0, len(STRANGE)))]
        case 1:
            new = old + int(generator.integers(-8, 9))
        case 2:
            new = old ^ (1 << int(generator.integers(0, 8 * size)))
        case _:
            # Where another number of the file is: an offset or an index of something else.
            other, width = places[int(generator.integers(0, len(places)))]
            new = int.from_bytes(data[other : other + width], "little")
    data[place : place + size] = (new % (1 << 8 * size)).to_bytes(size, "little")


def broken_bytes(data: bytes, generator: np.random.Generator) -> bytes:
    """Of any file: flips, an early end, a piece moved, a piece twice, something in front."""
    if len(data) < 4:
        return data + bytes(generator.integers(0, 256, 16, np.uint8))
    changed = bytearray(data)
    match int(generator.integers(0, 6)):
        case 0 | 1:
            flip(changed, generator)
        case 2:
            cut_short(changed, generator)
        case 3:
            move(changed, generator, longest=2048)
        case 4:
            begin, end = sorted(int(place) for place in generator.integers(0, len(data), 2))
            changed[end:end] = changed[begin:end]
        case _:
            place = int(generator.integers(0, 8))
            changed[place:place] = bytes(generator.integers(0, 256, 3, np.uint8))
    return bytes(changed)


def broken_text(data: bytes, generator: np.random.Generator) -> bytes:
    """Of lines of fields: other words, lines twice, gone, swapped, endless or ended otherwise."""
    if generator.random() < 0.2:
        return broken_bytes(data, generator)
    lines = data.split(b"\n")
    for _ in range(int(generator.integers(1, 4))):
        _break_lines(lines, generator)
    return b"\n".join(lines)


def _break_lines(lines: list[bytes], generator: np.random.Generator) -> None:
    # Half of all changes go to the first lines, where headers are.
    nearest = 4 if generator.random() < 0.4 else len(lines)
    place = int(generator.integers(0, min(nearest, len(lines))))
    other = int(generator.integers(0, len(lines)))
    match int(generator.integers(0, 13)):
        case 0 | 1 | 2 | 3 | 4 | 5:
            lines[place] = _broken_line(lines[place], generator)
        case 6:
            lines[place:place] = [lines[other]] * int(choice((1, 3, 300), generator))
        case 7:
            del lines[min(place, len(lines) - 2) : min(place, len(lines) - 2) + 1]
        case 8:
            lines[place], lines[other] = lines[other], lines[place]
        case 9:
            lines[place] += choice((b"\r", b",", b";", b" ", b"\0", b"x" * 5000), generator)
        case 10:
            lines.insert(
                place, choice((b"", b"#", b"\xff\xfe", b"# units=mg", b"ax,ay,az"), generator)
            )
        case 11:
            word = str(choice(_WORDS, generator)).encode()
            lines[place:] = [_with_field(line, 0, word) for line in lines[place:]]
        case _:
            begin, end = sorted((place, other))
            lines[end:end] = lines[begin:end]


def _broken_line(line: bytes, generator: np.random.Generator) -> bytes:
    word = str(choice(_WORDS, generator)).encode()
    return _with_field(line, int(generator.integers(0, 12)), word)


def _with_field(line: bytes, field: int, word: bytes) -> bytes:
    """The line with one field another; `=` parts too, for the settings of comments."""
    for mark in (b",", b"=", b"\t", b" ", b":"):
        if mark in line:
            fields = line.split(mark)
            fields[field % len(fields)] = word
            return mark.join(fields)
    return word


_LARGE = 1e300  # an integer over that is no float


def broken_json(data: bytes, generator: np.random.Generator) -> bytes:
    """Of JSON: another value, a key gone, twice or misspelt, nesting without end; or bytes."""
    if generator.random() < 0.15:
        return broken_bytes(data, generator)
    value = json.loads(data)
    for _ in range(int(generator.integers(1, 3))):
        holder, key = _somewhere(value, generator)
        if holder is not None:
            _break_item(holder, key, value, generator)
    text = json.dumps(value)
    match int(generator.integers(0, 24)):
        case 0:
            nest = choice(("[", '{"a":'), generator) * _DEPTH
            text = nest if generator.random() < 0.5 else text.replace("null", nest, 1)
        case 1:
            text = text[:-1] + "," + text[1:]  # every key twice
        case 2:
            text = text.replace("1", "1" * 5000, 1)
    return text.encode("utf-8", "surrogatepass")


def _somewhere(value: Any, generator: np.random.Generator) -> tuple[Any, Any]:
    """A container inside `value` and one of its keys."""
    holder, key = None, None
    while isinstance(value, (dict, list)) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        holder, key = value, choice(keys, generator)
        value = holder[key]
        if generator.random() < 0.2:
            break
    return holder, key


def _break_item(holder: Any, key: Any, whole: Any, generator: np.random.Generator) -> None:
    match int(generator.integers(0, 8)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[str(choice(_VALUES, generator))] = holder.pop(key)
        case 1 | 2 if isinstance(holder, list):
            holder.extend(holder[: int(generator.integers(0, 5))])
        case 3:
            other, place = _somewhere(whole, generator)
            holder[key] = None if other is None else json.loads(json.dumps(other[place]))
        case 4 if isinstance(holder[key], (int, float)) and abs(holder[key]) < _LARGE:
            holder[key] += float(generator.normal()) if generator.random() < 0.5 else 1
        case _:
            holder[key] = choice(_VALUES, generator)
