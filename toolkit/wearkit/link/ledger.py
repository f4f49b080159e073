"""Every byte and message that came in, under exactly one heading."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Ledger:
    """accepted + rejected + ignored = received, in bytes and in messages, once a stream ended.

    A message is a line of text, or what stands between two zeros of a stream of frames. Ignored
    are comments, headers, blank lines, pieces that were never whole messages, and noise: what
    cannot be read right after a port was opened (`messages_noise`, which messages_ignored
    includes); in a stream of frames the zeros between them, text, and types of later versions.
    rejected: by Reason or FrameFault.
    """

    def __init__(self) -> None:
        self.messages_ok = self.messages_ignored = self.messages_noise = 0
        self.bytes_ok = self.bytes_rejected = self.bytes_ignored = 0
        self.rejected: Counter[StrEnum] = Counter()

    @property
    def messages(self) -> int:
        return self.messages_ok + self.messages_ignored + self.rejected.total()

    @property
    def bytes_total(self) -> int:
        return self.bytes_ok + self.bytes_rejected + self.bytes_ignored

    def accept(self, size_bytes: int) -> None:
        self.messages_ok += 1
        self.bytes_ok += size_bytes

    def accept_many(self, messages: int, size_bytes: int) -> None:
        """size_bytes: of all of them."""
        self.messages_ok += messages
        self.bytes_ok += size_bytes

    def reject(self, reason: StrEnum, size_bytes: int) -> None:
        self.rejected[reason] += 1
        self.bytes_rejected += size_bytes

    def ignore_noise(self, size_bytes: int) -> None:
        self.messages_noise += 1
        self.ignore(size_bytes)

    def ignore(self, size_bytes: int, *, is_whole: bool = True) -> None:
        self.messages_ignored += is_whole
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
