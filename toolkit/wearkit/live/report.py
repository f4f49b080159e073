"""LiveReport: what came in, what was lost, and what was said of it. Its counters add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wearkit.errors import VerificationError, WearkitError
from wearkit.link.faults import FaultEvent
from wearkit.link.frames.stream import FrameTally
from wearkit.link.header import UnitChoice
from wearkit.link.ledger import Sum
from wearkit.link.rate import MeasuredRate
from wearkit.live.sensor_watch import Still


@dataclass(frozen=True, slots=True)
class LiveReport:
    """The state of a session, final once `ended` is set.

    bytes_*, messages_*: as in Ledger; *_pending: held and not decided on yet, 0 at the end.
    rejected: messages by reason, duplicates among them. Of each sum both sides are counted where
    they happen, the whole by the decoder or the grid of windows; VerificationError when they
    differ.
    samples: those that stand in windows or between them. frames: None where lines are text.
    missing_samples: taken by the device and never received (exact with an index column).
    clipped_samples: samples with an axis at a rail of the +-2 g range.
    windows = windows_valid + windows_invalid; invalid: windows by reason (one window can have
    two). faults: occurrences by code, none of them 0; events: the first of each with details.
    still: the newest stretch at rest. error: why the session ended, when not by itself.
    """

    bytes_received: int
    bytes_ok: int
    bytes_rejected: int
    bytes_ignored: int
    bytes_pending: int
    printable_bytes: int
    messages: int
    messages_ok: int
    messages_ignored: int
    rejected: Mapping[str, int]
    samples: int
    missing_samples: int
    restarts: int
    clipped_samples: int
    windows: int
    windows_valid: int
    windows_invalid: int
    invalid: Mapping[str, int]
    unit: UnitChoice | None
    rate: MeasuredRate | None
    expected_rate_hz: float
    simulated: bool
    frames: FrameTally | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    events: tuple[FaultEvent, ...] = ()
    still: Still | None = None
    ended: str = ""
    error: WearkitError | None = None
    messages_pending: int = 0

    def __post_init__(self) -> None:
        used_bytes = self.bytes_ok + self.bytes_rejected + self.bytes_ignored
        used_messages = self.messages_ok + self.messages_ignored + self.messages_rejected
        _check_sum("bytes", self.bytes_received, used_bytes, self.bytes_pending)
        _check_sum("lines", self.messages, used_messages, self.messages_pending)
        _check_sum("windows", self.windows, self.windows_valid + self.windows_invalid)

    @property
    def replayed(self) -> str:
        """Empty: the windows are what the sensor measured."""
        return ""

    @property
    def is_complete(self) -> bool:
        """A sensor's windows have no end that could be missing."""
        return True

    def sums(self) -> list[Sum]:
        booked = self.bytes_ok + self.bytes_rejected + self.bytes_ignored
        return [
            ("bytes received = used + rejected + ignored", self.bytes_received, booked),
            ("windows = with + without verdict", self.windows,
             self.windows_valid + self.windows_invalid),
        ]  # fmt: skip

    @property
    def messages_rejected(self) -> int:
        return sum(self.rejected.values())

    @property
    def clipped_share(self) -> float:
        return self.clipped_samples / self.samples if self.samples else 0.0

    @property
    def rate_is_off(self) -> bool:
        return self.rate is not None and self.rate.is_off(self.expected_rate_hz)

    def to_json(self) -> dict[str, Any]:
        """The `summary` object of `wearkit live --json`."""
        return {
            "ended": self.ended,
            "error": str(self.error) if self.error else None,
            "simulated": self.simulated,
            "windows": self.windows,
            "windows_valid": self.windows_valid,
            "windows_invalid": self.windows_invalid,
            "invalid": dict(self.invalid),
            "samples": self.samples,
            "missing_samples": self.missing_samples,
            "restarts": self.restarts,
            "clipped_share": self.clipped_share,
            "frames": asdict(self.frames) if self.frames else None,
            "lines": self.messages,
            "lines_ok": self.messages_ok,
            "lines_ignored": self.messages_ignored,
            "rejected": dict(self.rejected),
            "bytes_received": self.bytes_received,
            "bytes_ok": self.bytes_ok,
            "bytes_rejected": self.bytes_rejected,
            "bytes_ignored": self.bytes_ignored,
            "unit": str(self.unit.unit) if self.unit else None,
            "unit_evidence": self.unit.evidence if self.unit else None,
            "rate_hz": self.rate.rate_hz if self.rate else None,
            "rate_source": self.rate.source if self.rate else None,
            "rate_error_hz": self.rate.error_hz if self.rate else None,
            "expected_rate_hz": self.expected_rate_hz,
            "gravity_g": list(self.still.mean_g) if self.still else None,
            "faults": dict(self.faults),
            "events": [event.to_json() for event in self.events],
        }


def _check_sum(name: str, whole: int, booked: int, pending: int = 0) -> None:
    if pending < 0 or booked + pending != whole:
        raise VerificationError(
            f"The counts of {name} do not add up: {whole} came, {booked} are booked and {pending} "
            "wait."
        )
