"""JSON that may come from anywhere, under a stricter grammar than Python's own reader has."""

from __future__ import annotations

import json
import math
from typing import Any

_MAX_DIGITS = 300  # of an integer: more, and a float can no longer hold it


def parse_json(data: bytes) -> Any:
    """The value of a UTF-8 text.

    Raises ValueError for what is not JSON, and for what Python would take all the same: NaN and
    infinities, numbers no float64 holds, a key twice, half a character, nesting without end.
    """
    try:
        value = json.loads(
            data.decode(),
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be written again
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused("a number over 1e308")


def _whole(text: str) -> int:
    return int(text) if len(text) <= _MAX_DIGITS else _refused("a number over 1e300")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is there twice")
    return value
