"""What a board is sent when its port is opened, for boards that print nothing until they are asked.

A board that is reset by opening may not listen yet, so that the text is sent again while nothing
comes; a board that speaks is left alone.
"""

from __future__ import annotations

import re

from wearkit.errors import DataError

AGAIN_S = 2.0  # of silence
MAX_TIMES = 5  # an opening
MAX_BYTES = 256
_ESCAPE = re.compile(r"\\(?:([nrt0\\])|x([0-9A-Fa-f]{2})|(.|\Z))", re.DOTALL)
_MEANS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}


class Question:
    """When to send a text. It is not sent any more once something came."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._times = 0
        self._next_s = 0.0
        self._is_answered = not text

    def is_due(self, now_s: float) -> bool:
        """Whether to send it now, which the caller then does."""
        if self._is_answered or self._times >= MAX_TIMES or now_s < self._next_s:
            return False
        self._times += 1
        self._next_s = now_s + AGAIN_S
        return True

    def answered(self) -> None:
        self._is_answered = True

    def ask_anew(self) -> None:
        """The port was set to another rate, at which nothing was sent yet."""
        self._times, self._next_s, self._is_answered = 0, 0.0, not self.text


def question_bytes(text: str) -> bytes:
    r"""What `--send` says, with \n, \r, \t, \0, \\ and \xNN for what cannot be typed.

    Raises DataError for another escape, for letters that are no ASCII, and past MAX_BYTES.
    """

    def meant(match: re.Match[str]) -> str:
        short, code, other = match.groups()
        if other is not None:
            raise DataError(
                f"--send holds {match.group()!a}, which stands for nothing: write \\n, \\r, \\t, "
                "\\0, \\xNN, or \\\\ for a backslash."
            )
        return _MEANS[short] if short else chr(int(code, 16))

    if not text.isascii():
        raise DataError("--send holds letters that are no ASCII: write their bytes as \\xNN.")
    data = _ESCAPE.sub(meant, text).encode("latin-1")
    if not 1 <= len(data) <= MAX_BYTES:
        raise DataError(f"--send takes 1 to {MAX_BYTES} bytes, not {len(data)}.")
    return data
