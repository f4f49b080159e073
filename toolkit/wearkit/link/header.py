"""What a device says of its samples, and the unit a session takes them in."""

from __future__ import annotations

from dataclasses import dataclass

from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.units import Unit


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What a device says of its samples, in the first line of its text or in its HELLO; None where
    it says nothing. simulated: no real sensor, nobody wears it."""

    unit: Unit | None = None
    rate_hz: float | None = None
    axes: AxisMap = SAME_AXES
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """The unit of a session and why, as a sentence part for people. Frames leave no choice: they
    carry counts. is_doubtful: another unit would look the same, so that this one is taken only
    where somebody says it."""

    unit: Unit
    evidence: str
    is_doubtful: bool = False
