"""Every byte and line that came in, under exactly one heading."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Ledger:
    """accepted + rejected + ignored = received, in bytes and in lines, once a stream ended.

    Ignored are comments, headers, blank lines, pieces that were never whole lines, and noise:
    what cannot be read right after a port was opened (`noise_lines`, which lines_ignored
    includes); in a stream of frames the zeros between them, text, and types of later versions.
    There a line is what stands between two zeros. rejected: by Reason or FrameFault.
    """

    def __init__(self) -> None:
        self.lines_ok = self.lines_ignored = self.noise_lines = 0
        self.bytes_ok = self.bytes_rejected = self.bytes_ignored = 0
        self.rejected: Counter[StrEnum] = Counter()

    @property
    def lines(self) -> int:
        return self.lines_ok + self.lines_ignored + self.rejected.total()

    @property
    def bytes_total(self) -> int:
        return self.bytes_ok + self.bytes_rejected + self.bytes_ignored

    def accept(self, size_bytes: int) -> None:
        self.lines_ok += 1
        self.bytes_ok += size_bytes

    def reject(self, reason: StrEnum, size_bytes: int) -> None:
        self.rejected[reason] += 1
        self.bytes_rejected += size_bytes

    def ignore_noise(self, size_bytes: int) -> None:
        self.noise_lines += 1
        self.ignore(size_bytes)

    def ignore(self, size_bytes: int, *, whole_line: bool = True) -> None:
        self.lines_ignored += whole_line
        self.bytes_ignored += size_bytes


Sum = tuple[str, int, int]
"""What must add up: its name, the whole, and its parts together."""


class Ended(StrEnum):
    """Why a session ended. ALL: of a test set that was replayed."""

    ALL = "all"
    WINDOWS = "windows"
    STOPPED = "stopped"
    LOST = "lost"
    REFUSED = "refused"
