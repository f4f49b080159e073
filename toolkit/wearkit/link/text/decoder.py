"""TextDecoder: arbitrary chunks of bytes -> complete lines, every byte accounted for once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wearkit.link.printable import printable_bytes
from wearkit.link.sample import Reason
from wearkit.link.text.header import is_header
from wearkit.link.text.line import MAX_LINE_BYTES, Row, checked_text, parse_line

_CR, _LF = b"\r\n"
_CR_LINES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line as received. size_bytes counts its line end too.

    content: the numbers; a comment's text, headers among them; None for a blank line, a damaged
    comment, or bytes that were not a whole line; or the reason why it is not a line of ours.
    raw: the line without its line feed, of one that is too long only its front.
    boot: how often the device had said that it began again, as TextStream counts.
    """

    size_bytes: int
    content: Row | str | Reason | None
    arrival_s: float = 0.0
    raw: bytes = field(default=b"", compare=False, repr=False)
    boot: int = 0


class TextDecoder:
    """Incremental decoder of `wk-text/1`. Memory: one line of at most MAX_LINE_BYTES.

    skip_head: drop everything before the first line end. True for a UART, which is joined in
    mid-line; False where the first byte read is the first byte written (pty, socket).

    messages: how many lines were completed. After any feeds, the sizes of all of them plus
    `tail_bytes` equal `received_bytes`; they do not depend on how the bytes were cut into chunks.
    An unterminated tail is never parsed.

    Lines end with LF, and carriage returns around it are no part of them. Where three lines have
    ended with CR alone before any LF came, CR ends lines from the first byte on.
    """

    def __init__(self, *, skip_head: bool = False) -> None:
        self.received_bytes = 0
        self.printable_bytes = 0
        self.messages = 0
        self._tail = bytearray()
        self._overlong_bytes = 0
        self._overlong = b""  # its front
        self._skip_head = skip_head
        self._ends_with_cr: bool | None = None  # None until a line end was seen
        self._cr_lines = 0
        self._cr_text = False  # whether anything came since the last CR

    @property
    def tail_bytes(self) -> int:
        return len(self._tail) + self._overlong_bytes

    @property
    def line_end(self) -> bytes:
        """What ends lines, as far as is known."""
        return b"\r" if self._ends_with_cr else b"\n"

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[Line]:
        """The lines this chunk completed. arrival_s: when it was read, on the host's clock."""
        self.received_bytes += len(chunk)
        self.printable_bytes += printable_bytes(chunk)
        if self._ends_with_cr is None:
            chunk = self._look_for_line_end(chunk)
        if self._ends_with_cr:
            chunk = chunk.replace(b"\r", b"\n")
        *ended, rest = chunk.split(b"\n")
        self.messages += len(ended)
        lines = [self._end_line(part, arrival_s) for part in ended]
        self._extend(rest)
        return lines

    def front(self, chunk: bytes, lines: re.Pattern[bytes]) -> bytes:
        """The lines at the front of this chunk that `lines` matches, with the tail that the first
        of them began with. None of them is read before `take` says so."""
        if self._skip_head or self._overlong_bytes or self._ends_with_cr is None:
            return b""
        waiting = bytes(self._tail) + chunk if self._tail else chunk
        if self._ends_with_cr:
            waiting = waiting.replace(b"\r", b"\n")
        match = lines.match(waiting)
        return b"" if match is None else match.group()

    def take(self, lines: bytes, number: int) -> int:
        """Account for the first `number` lines of what `front` gave, all of it printable. Returns
        how many bytes of the chunk these were."""
        size = len(lines) - len(self._tail)
        self.received_bytes += size
        self.printable_bytes += size
        self.messages += number
        self._tail.clear()
        return size

    def finish(self) -> list[Line]:
        """What is left when no more bytes will come: at most one unterminated piece."""
        size, self._overlong_bytes = self.tail_bytes, 0
        self._tail.clear()
        return [Line(size, None)] if size else []

    def resume(self, *, skip_head: bool) -> list[Line]:
        """The port was opened again: the unterminated piece before it will never end."""
        self._skip_head = skip_head
        return self.finish()

    def _look_for_line_end(self, chunk: bytes) -> bytes:
        """Settle what ends lines, byte by byte, however the bytes are cut. Returns what is to be
        split: with the tail that is lines after all."""
        for byte in chunk:
            if byte == _LF:
                self._ends_with_cr = False
                break
            if byte != _CR:
                self._cr_text = True
            elif self._cr_text:
                self._cr_text = False
                self._cr_lines += 1
                if self._cr_lines == _CR_LINES:
                    self._ends_with_cr = True
                    chunk = bytes(self._tail) + chunk
                    self._tail.clear()
                    break
        return chunk

    def _extend(self, part: bytes) -> None:
        lines = 1 if self._ends_with_cr is not None else _CR_LINES
        if self._overlong_bytes or len(self._tail) + len(part) > lines * (MAX_LINE_BYTES + 1):
            # Only its length is needed from here to the next line end (+1: a closing CR).
            if not self._overlong_bytes:
                self._overlong = bytes(self._tail + part[:MAX_LINE_BYTES])[:MAX_LINE_BYTES]
            self._overlong_bytes += len(self._tail) + len(part)
            self._tail.clear()
        else:
            self._tail += part

    def _end_line(self, part: bytes, arrival_s: float) -> Line:
        self._extend(part)
        size = self.tail_bytes + 1
        raw = self._overlong if self._overlong_bytes else bytes(self._tail)
        content = self._content(raw.strip(b"\r"))
        self._tail.clear()
        self._overlong_bytes = 0
        return Line(size, content, arrival_s, raw)

    def _content(self, line: bytes) -> Row | str | Reason | None:
        if self._skip_head:
            self._skip_head = False
            return None
        if self._overlong_bytes:
            return Reason.TOO_LONG
        if not line.strip(b" \t"):
            return None
        if line.startswith(b"#"):
            text = checked_text(line)
            return None if isinstance(text, Reason) and not is_header(line) else text
        return parse_line(line)
