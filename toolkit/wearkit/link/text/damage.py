"""Was a line that could not be read a sample, or log text between samples?

Where lines carry neither index nor clock, a sample whose line was damaged leaves no other trace:
unless its place is kept, the window around it looks whole. Log text takes no place. What tells
them apart is the last good line: with every number written as `0`, a damaged line still begins or
ends as that one does.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from wearkit.link.text.line import PRINTED_NUMBER

_NUMBER = re.compile(PRINTED_NUMBER.encode())
_ABSENT = re.compile(rb"\b(?:nan|inf|infinity|ovf|null|none|n/a|na)\b|--+|\?+", re.IGNORECASE)
_BLANKS = re.compile(rb"[ \t]+")
_LETTERS = re.compile(rb"[A-Za-z]")
_DATA_ALONE = re.compile(rb"[0,; ()\[\]+-]+")
# The first characters of a sample, and then at once the text that broke into the line. A number
# with its unit or an address begins a text of its own.
_CUT_NUMBER = re.compile(rb"[+-]?[\d.]*(?=[A-Za-z\[(<])")
_OWN_TEXT = re.compile(rb"0[xX]|[\d.]+(?:ms|us|s|m|mV|V|C|Hz|kHz|MHz|kB|B|x|st|nd|rd|th)\b")
_TEXT_LETTERS = 3  # fewer are garbled digits


class Piece(Enum):
    """TEXT: no sample. WHOLE: a damaged sample. HEAD: the front of one, and then text that broke
    into its line, so that its rear comes as a line of its own. TAIL: such a rear, or a sample
    whose front is damaged."""

    TEXT = auto()
    WHOLE = auto()
    HEAD = auto()
    TAIL = auto()


class MissedSamples:
    """Counts the samples whose lines could not be read since the last good one.

    Memory: one line.
    """

    def __init__(self) -> None:
        self._good = b""
        self._good_form = b""
        self._columns = 1
        self._missed = 0
        self._awaits_tail = False

    @property
    def awaits_tail(self) -> bool:
        """Whether the next line is the rear of one that was broken in two, however well it reads:
        `253,-10,5` broken after its first digit leaves `53,-10,5`."""
        return self._awaits_tail

    @property
    def is_clear(self) -> bool:
        """Whether nothing was missed since the last good line, and no rear of one is awaited."""
        return not self._missed and not self._awaits_tail

    @property
    def last_good(self) -> bytes:
        """The last line that gave a sample; empty before the first."""
        return self._good

    def good(self, raw: bytes) -> int:
        """A line gave a sample. Returns how many samples were missed before it."""
        self._good = raw
        missed, self._missed = self._missed, 0
        return missed

    def tail(self) -> None:
        """What was awaited came; its sample was counted with its front."""
        self._awaits_tail = False

    def refused(self, raw: bytes, *, is_sample: bool = False) -> None:
        """A line gave none. is_sample: it is known to be one."""
        if not self._good:
            return  # before the first sample none is missed
        if is_sample:
            self._missed += 1
            return
        self._learn()
        piece = self._piece(raw)
        if piece is Piece.TEXT:
            return
        if self._awaits_tail and piece is Piece.TAIL:
            self._awaits_tail = False
            return
        self._awaits_tail = piece is Piece.HEAD
        self._missed += self._samples_in(raw) if piece is Piece.WHOLE else 1

    def _learn(self) -> None:
        self._good_form = _form(self._good)
        self._columns = max(1, self._good_form.count(b"0"))

    def _samples_in(self, raw: bytes) -> int:
        """Two lines whose line end was lost between them are two."""
        return max(1, round(_form(raw).count(b"0") / self._columns))

    def _piece(self, raw: bytes) -> Piece:
        form, good = _form(raw), self._good_form
        if form and good.endswith(form):
            return Piece.TAIL
        begins = _begins_as(form, good)
        if begins and not form.endswith(_last_column(good)):
            is_text = len(_LETTERS.findall(form, begins)) >= _TEXT_LETTERS
            return Piece.HEAD if is_text else Piece.WHOLE
        if begins or _is_data_alone(form, good):
            return Piece.WHOLE
        if _ends_as(form, good):
            return Piece.TAIL
        is_cut = _CUT_NUMBER.match(raw) and raw[:1] in b"+-.0123456789"
        return Piece.HEAD if is_cut and not _OWN_TEXT.match(raw) else Piece.TEXT


def _form(raw: bytes) -> bytes:
    """A line with every number as 0, also one that is absent, and every run of blanks as one."""
    numbers = _NUMBER.sub(b"0", _ABSENT.sub(b"0", raw))
    return _BLANKS.sub(b" ", numbers).strip(b" \r")


def _begins_as(form: bytes, good: bytes) -> int:
    """How far a form must reach to begin as a good one: to its first number, which in a line
    without labels is followed by what separates it from the second. 0 when it does not."""
    first = good.find(b"0") + 1
    if first == 1:
        first += 1 if good[1:2] != b" " else 2
    return first if len(good) >= first and form.startswith(good[:first]) else 0


def _ends_as(form: bytes, good: bytes) -> bool:
    """Whether a form ends as a good one does: its rear half, all of it where blanks separate."""
    half = 0 if good.startswith(b"0 ") else len(good) // 2
    return form.endswith(good[half:])


def _last_column(good: bytes) -> bytes:
    """What stands behind the last but one of the numbers of a line."""
    return good[good.rfind(b"0", 0, good.rfind(b"0")) + 1 :]


def _is_data_alone(form: bytes, good: bytes) -> bool:
    """Numbers and separators and nothing else, or one word in every column."""
    if good.startswith(b"0") and _DATA_ALONE.fullmatch(form) and b"0" in form:
        return True
    tokens = [token.strip() for token in form.split(b",")]
    return len(tokens) > 1 and len(tokens) == good.count(b",") + 1 and len(set(tokens)) == 1
