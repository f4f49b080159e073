"""What text and frames have in common: samples in counts, where they stand, why one was refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.units import Unit

MAX_GAP = 100_000  # samples (33 min at 50 Hz); a larger jump is a new start, not a gap
SETTLE_S = 3.0  # a board that resets when its port is opened first prints its boot messages

Counts = tuple[int, int, int]


class Reason(StrEnum):
    """Why a line gave no sample. Every rejected line is counted under exactly one."""

    TOO_LONG = "too_long"
    NOT_ASCII = "not_ascii"
    NOT_NUMBERS = "not_numbers"
    COLUMNS = "columns"
    OUT_OF_RANGE = "out_of_range"
    CRC = "crc"
    CRC_MISSING = "crc_missing"
    HEADER = "header"
    NOT_INTEGER = "not_integer"
    BAD_INDEX = "bad_index"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class AxisMap:
    """Which printed value, with which sign, is x, y, z of the model.

    source: position of each model axis in the printed triple; sign: +1 or -1 for each.
    """

    source: tuple[int, int, int] = (0, 1, 2)
    sign: tuple[int, int, int] = (1, 1, 1)

    @property
    def determinant(self) -> int:
        """+1 for a rotation, -1 for a mirror image, which no mounting of a sensor gives."""
        a, b, c = self.source
        is_even = (a, b, c) in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        x, y, z = self.sign
        return x * y * z * (1 if is_even else -1)

    @property
    def lower_rails(self) -> tuple[int, int, int]:
        """The lowest count of x, y, z; where the sign is -1 it is the sensor's upper rail."""
        x, y, z = (COUNT_MIN if sign > 0 else -COUNT_MAX for sign in self.sign)
        return x, y, z


SAME_AXES = AxisMap()


@dataclass(frozen=True, slots=True)
class Header:
    """What a device says of its lines; None where it says nothing."""

    unit: Unit | None = None
    rate_hz: float | None = None
    fields: tuple[str, ...] | None = None
    axes: AxisMap = SAME_AXES
    needs_crc: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """The unit of a session and why. is_doubtful: another unit would look the same, so that this
    one is taken only where somebody says it."""

    unit: Unit
    evidence: str
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the user said. rate_hz: the rate models expect; it turns seconds into samples.

    unit, fields: None to take them from the header or to find them out. axes: None for the
    header's, or as printed. skip_head: as in TextDecoder. settle_s: this long after opening,
    unreadable lines are noise, not faults.
    """

    rate_hz: float
    unit: Unit | None = None
    fields: tuple[str, ...] | None = None
    axes: AxisMap | None = None
    skip_head: bool = False
    settle_s: float = 0.0

    def joining(self, in_mid_line: bool) -> StreamOptions:
        """The same for a port that is, or is not, joined in the middle of a line: a UART is, and
        its board may reset when it is opened."""
        return replace(self, skip_head=in_mid_line, settle_s=SETTLE_S if in_mid_line else 0.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One line's sample in ADXL345 counts, with what the line cost and when it was read."""

    index: int | None
    t_us: int | None
    counts: Counts
    size_bytes: int = 0
    arrival_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """A sample in order. missing: how many the device took since the one before it.

    restarted: the device's counter began again; how many are missing cannot be known. jumped: a
    restart that is a leap ahead, further than any gap that is believed.
    """

    sample: Sample
    missing: int = 0
    restarted: bool = False
    jumped: bool = False


def session_index(step: Step, next_index: int, hop: int) -> int:
    """The place of a step's sample in the session. next_index: of a sample that followed at once;
    hop: samples between two windows.

    After a restart at least one sample counts as missing, so that no window spans it, and the new
    stretch begins on the grid of windows, so that its windows are those of a fresh session.
    """
    if not step.restarted:
        return next_index + step.missing
    return hop * ((next_index + hop) // hop)


@dataclass(frozen=True, slots=True)
class Refused:
    """A line whose index cannot be right."""

    sample: Sample
    reason: Reason


Placed = Step | Refused
