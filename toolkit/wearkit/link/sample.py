"""What text and frames have in common: samples in counts, where they stand, why one was refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_GAP = 100_000  # samples (33 min at 50 Hz); a larger jump is a new start, not a gap
WRAP_32 = (
    1 << 32
)  # devices count samples (2.7 years at 50 Hz) and microseconds (71.6 min) in uint32

Counts = tuple[int, int, int]


class Reason(StrEnum):
    """Why a line, or a frame, gave no sample. Every rejected one is counted under exactly one;
    for what is no whole frame there is FrameFault."""

    TOO_LONG = "too_long"
    NOT_ASCII = "not_ascii"
    NOT_NUMBERS = "not_numbers"
    COLUMNS = "columns"
    BROKEN = "broken"
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
class Sample:
    """One sample in ADXL345 counts. index, t_us: the device's, where it says them. size_bytes: of
    its line, 0 from a frame, which is booked as a whole. arrival_s: host seconds when it was read.
    """

    index: int | None
    t_us: int | None
    counts: Counts
    size_bytes: int = 0
    arrival_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacedSample:
    """A sample in order. missing: how many the device took since the one before it.

    restarted: the device's counter began again; how many are missing cannot be known. jumped: a
    restart that is a leap ahead, further than any gap that is believed.
    """

    sample: Sample
    missing: int = 0
    restarted: bool = False
    jumped: bool = False


def session_index(placed: PlacedSample, next_index: int, hop: int) -> int:
    """The place of a sample in the session. next_index: of a sample that followed at once;
    hop: samples between two windows.

    After a restart at least one sample counts as missing, so that no window spans it, and the new
    stretch begins on the grid of windows, so that its windows are those of a fresh session.
    """
    if not placed.restarted:
        return next_index + placed.missing
    return hop * ((next_index + hop) // hop)


@dataclass(frozen=True, slots=True)
class Refused:
    """A sample whose index cannot be right."""

    sample: Sample
    reason: Reason


Placed = PlacedSample | Refused
