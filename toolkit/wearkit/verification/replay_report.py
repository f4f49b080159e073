"""ReplayReport: what a test set through the link came to. Its counters add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wearkit.errors import VerificationError, WearkitError
from wearkit.link.faults import FaultEvent
from wearkit.link.ledger import Sum
from wearkit.link.rate import MeasuredRate
from wearkit.verification.replay_tally import ReplayTally


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """bytes_*: as in Ledger. frames: whole ones; frames_rejected: damaged ones, by reason.

    test_set: what was replayed, for people. is_complete: every window of it was answered.
    put_back: the device confirmed that its sensor runs again. seconds: from the first window on.
    ended: as in LiveReport; "all" for the whole test set. Raises VerificationError when the sums do
    not add up.
    """

    test_set: str
    tally: ReplayTally
    is_complete: bool
    put_back: bool
    seconds: float
    bytes_received: int
    bytes_ok: int
    bytes_rejected: int
    bytes_ignored: int
    frames: int
    frames_rejected: Mapping[str, int]
    simulated: bool
    faults: Mapping[str, int] = field(default_factory=dict)
    events: tuple[FaultEvent, ...] = ()
    ended: str = ""
    error: WearkitError | None = None

    def __post_init__(self) -> None:
        for name, whole, parts in self.sums():
            if whole != parts:
                raise VerificationError(f"The replay does not add up: {name}, {whole} = {parts}.")

    @property
    def rate(self) -> MeasuredRate | None:
        """None: no sensor measured anything."""
        return None

    @property
    def replayed(self) -> str:
        return self.test_set

    def sums(self) -> list[Sum]:
        tally = self.tally
        booked = self.bytes_ok + self.bytes_rejected + self.bytes_ignored
        return [
            ("bytes received = used + rejected + ignored", self.bytes_received, booked),
            ("tries = windows + retries", tally.tries, tally.windows + tally.retries),
            ("answers = windows answered + others", tally.answers,
             tally.answered + tally.extra_answers),
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return {
            "ended": self.ended,
            "error": str(self.error) if self.error else None,
            "simulated": self.simulated,
            "test_set": self.test_set,
            "complete": self.is_complete,
            "put_back": self.put_back,
            "seconds": round(self.seconds, 3),
            **asdict(self.tally),
            "frames": self.frames,
            "frames_rejected": dict(self.frames_rejected),
            "bytes_received": self.bytes_received,
            "bytes_ok": self.bytes_ok,
            "bytes_rejected": self.bytes_rejected,
            "bytes_ignored": self.bytes_ignored,
            "faults": dict(self.faults),
            "events": [event.to_json() for event in self.events],
        }
