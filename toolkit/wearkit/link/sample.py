"""What text and frames have in common: samples in counts, where they stand, why one was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

MAX_GAP = 100_000  # samples (33 min at 50 Hz); a larger jump is a new start, not a gap
WRAP_32 = (
    1 << 32
)  # devices count samples (2.7 years at 50 Hz) and microseconds (71.6 min) in uint32

Counts = tuple[int, int, int]
DEAD_BUS: tuple[Counts, Counts] = ((0, 0, 0), (-1, -1, -1))  # a bus without a sensor reads so


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


@dataclass(frozen=True, slots=True, eq=False)
class SampleRun:
    """Samples in a row that were read together, none missing before or between them: what nearly
    all samples are, and what costs less to look at than each by itself.

    counts: (n, 3) int16, model axes. first_index: the device's number of the first. stamps_us: the
    device's clock of each; None, as first_index, where it says none. arrival_s: as in Sample.
    within: no count is lower or higher than these two.
    """

    counts: NDArray[np.int16]
    first_index: int | None
    stamps_us: list[int] | None
    arrival_s: float
    within: tuple[int, int]

    def part(self, begin: int, end: int) -> SampleRun:
        """Samples begin to end - 1 of these."""
        return SampleRun(
            self.counts[begin:end],
            None if self.first_index is None else self.first_index + begin,
            None if self.stamps_us is None else self.stamps_us[begin:end],
            self.arrival_s,
            self.within,
        )

    def steps(self) -> list[PlacedSample]:
        """The same, one by one."""
        stamps_us: Sequence[int | None] = self.stamps_us or [None] * len(self.counts)
        return [
            PlacedSample(
                Sample(
                    None if self.first_index is None else self.first_index + at,
                    t_us,
                    (x, y, z),
                    arrival_s=self.arrival_s,
                )
            )
            for at, ((x, y, z), t_us) in enumerate(
                zip(self.counts.tolist(), stamps_us, strict=True)
            )
        ]


Stretch = PlacedSample | SampleRun


def runs_of(steps: list[PlacedSample]) -> list[Stretch]:
    """Samples in place, those in a row put together."""
    stretches: list[Stretch] = []
    for key, group in groupby(enumerate(steps), _run_key):
        together = [step for _, step in group]
        if key is None or len(together) == 1:
            stretches += together
            continue
        samples = [step.sample for step in together]
        stamps_us = [sample.t_us for sample in samples if sample.t_us is not None]
        counts = np.array([sample.counts for sample in samples], dtype=np.int16)
        within = int(counts.min()), int(counts.max())
        first = samples[0]
        stretches.append(SampleRun(counts, first.index, stamps_us or None, first.arrival_s, within))
    return stretches


def _run_key(place: tuple[int, PlacedSample]) -> tuple[float, bool, int] | None:
    """None for one that stands by itself. A counter that comes round begins a run, so that the
    numbers of one can be told by its first."""
    at, step = place
    if step.missing or step.restarted:
        return None
    sample = step.sample
    first = 0 if sample.index is None else sample.index - at
    return sample.arrival_s, sample.t_us is None, first


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
