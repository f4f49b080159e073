"""What lines that give no sample look like: one of them quoted, and what is wrong in it."""

from __future__ import annotations

import re

from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.sample import Reason
from wearkit.link.text.line import MAX_LINE_BYTES, parse_number

_QUOTED = 60  # characters of a line
_QUOTED_TOKEN = 20
_HEX_LINES = 20
_TOKENS = re.compile(r"[,; \t]+")
_COLUMNS = re.compile(r"[ \t]*[,;][ \t]*|[ \t]+")
_HEX_TOKEN = re.compile(r"(?:0[xX])?[0-9A-Fa-f]{2,8}h?", re.ASCII)
_HEX_DIGIT = re.compile(r"0[xX]|[A-Fa-f]")
_DIGIT = re.compile(rb"\d")
_ONE_NUMBER = re.compile(r"[^\d+.-]*[+-]?(?:\d+\.?\d*|\.\d+)[^\d]*", re.ASCII)


class Refusals:
    """Remembers the newest refused line that holds a digit, and counts what such lines are.

    other_kinds: words of lines that --only leaves out.
    """

    def __init__(self) -> None:
        self.other_kinds: set[str] = set()
        self._raw, self._reason = b"", Reason.NOT_NUMBERS
        self._lines = self._one_number = self._hex = 0

    def note(self, raw: bytes, reason: Reason) -> None:
        self._lines += 1
        if _DIGIT.search(raw) or not self._raw:
            self._raw, self._reason = raw, reason
        if reason in (Reason.NOT_NUMBERS, Reason.COLUMNS):
            text = raw.decode("ascii", "replace").strip()
            self._one_number += _ONE_NUMBER.fullmatch(text) is not None
            self._hex += _is_hex(text)

    def check_hex(self, samples: int) -> None:
        """Raises DataError when most lines are hexadecimal: those that hold no letter by chance
        read as other numbers. samples: lines that were read."""
        if self._hex >= _HEX_LINES and self._hex > samples:
            raise DataError(
                f"The numbers look hexadecimal ({_quoted(self._raw)}): print them in decimal.",
                fault=Fault.FORMAT,
            )

    @property
    def sentence(self) -> str:
        """For people, such as `the last is 'x: 0.99' (column 1, 'x:'), with one number a line`.
        Empty when no line was refused."""
        parts = []
        if self._lines:
            where = _place(self._raw.decode("latin-1").strip(), self._reason)
            parts.append(f"the last is {_quoted(self._raw)} ({where})")
        if self._lines and 2 * self._one_number > self._lines:
            parts.append("each holds one number, but the three axes belong into one line")
        if self.other_kinds:
            kinds = ", ".join(sorted(self.other_kinds)[:5])
            parts.append(f"--only leaves out lines of kind {kinds}")
        return "; ".join(parts)


def _is_hex(text: str) -> bool:
    tokens = [token for token in _TOKENS.split(text) if token]
    is_hex = len(tokens) >= 3 and all(_HEX_TOKEN.fullmatch(token) for token in tokens)
    return is_hex and _HEX_DIGIT.search(text) is not None


def _quoted(raw: bytes) -> str:
    text = raw.decode("latin-1").strip()
    return ascii(text[:_QUOTED] + ("..." if len(text) > _QUOTED else ""))


def _place(text: str, reason: Reason) -> str:
    """Where a line stops being one of ours, as a sentence part."""
    if reason is Reason.TOO_LONG:
        return f"more than {MAX_LINE_BYTES} characters"
    if reason is Reason.CRC:
        return "its CRC is wrong"
    if reason is Reason.NOT_ASCII:
        place = next((at for at, letter in enumerate(text, 1) if letter > "\x7f"), 1)
        return f"character {place} is no ASCII"
    tokens = _COLUMNS.split(text)
    for column, token in enumerate(tokens, 1):
        is_closing = column == len(tokens) and not token
        if parse_number(token) is None and not is_closing:
            shown = token[:_QUOTED_TOKEN]
            return f"column {column} is {shown!a}" if shown else f"column {column} is empty"
    return f"{len(tokens)} columns, {reason}"
