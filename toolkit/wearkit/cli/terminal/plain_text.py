"""Output that cannot hold every character: a pipe of ASCII, a file name that is no UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

_SPELLED = {"±": "+-", "…": "..."}  # what wearkit and its tables print beyond ASCII
_HANDLER = "wearkit.spell"


def print_anywhere(*streams: TextIO) -> None:
    """Have the streams spell what they cannot encode, where they would have raised."""
    codecs.register_error(_HANDLER, _spell)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=_HANDLER)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_SPELLED.get(character) or _escaped(character) for character in text), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
