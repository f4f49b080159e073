"""What gravity says of the unit: a body at rest feels 1 g, whatever the file calls its numbers.

A second is at rest when its samples scatter by less than a twentieth of their own mean: a share,
so that it holds in any unit, and for no signal whose gravity was taken out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import OTHER_RANGE_FACTORS, REST_MAX_G, REST_MIN_G
from wearkit.errors import DataError
from wearkit.recordings.recording import Recording
from wearkit.units import Unit

# Where nothing lies still there is only the length of a second's mean: the swing of an arm
# shortens it, and no wrong unit is nearer to the right one than a factor of 3.9.
MOVING_MIN_G, MOVING_MAX_G = 0.3, 3.0
REFUSED_SHARE = 0.1  # of the rows; fewer are one sensor's fault and are only said
_STEADY = 0.05
_MIN_SAMPLES = 5
_NEAR = 1.25  # a guessed factor explains a length within a quarter


@dataclass(frozen=True, slots=True)
class GravityEvidence:
    """Over the recordings that are long enough to tell. rest_g: the median of their |a| at rest,
    lowest_g and highest_g its extremes; None where none lay still. rows: of all that could tell;
    off_rows: of those whose |a| no unit of g explains; off_recordings: how many those are.
    worst: the first of them, with its |a| (worst_g), at rest or (worst_still False) in motion.
    """

    recordings: int = 0
    rest_g: float | None = None
    lowest_g: float | None = None
    highest_g: float | None = None
    rows: int = 0
    off_rows: int = 0
    off_recordings: int = 0
    worst: str = ""
    worst_g: float = 0.0
    worst_still: bool = True

    @property
    def is_refused(self) -> bool:
        """Whether so many rows are off that the unit itself must be wrong."""
        return self.off_rows > REFUSED_SHARE * self.rows

    def sentence(self) -> str:
        """The evidence against the unit; empty when there is none."""
        if not self.off_recordings:
            return ""
        how = "at rest" if self.worst_still else "on average"
        return (
            f"In {self.off_recordings} of {self.recordings} recordings gravity is not 1 g: "
            f"{self.worst} has |a| = {_short(self.worst_g)} g {how}{_explained(self.worst_g)}."
        )

    def require(self) -> None:
        """Raises DataError when the unit must be wrong."""
        if self.is_refused:
            raise DataError(
                f"{self.sentence()} Name the true unit (# units= in the file, or --units); for "
                "data without gravity add --no-gravity-check (gravity_check=False in Python)."
            )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GravityEvidence:
        """What dataclasses.asdict gave, after a turn through JSON."""
        return cls(**value)


@dataclass(slots=True)
class GravityTally:
    """Fed recording by recording."""

    evidence_of_rest: list[float] = field(default_factory=list)
    recordings: int = 0
    rows: int = 0
    off_rows: int = 0
    off_recordings: int = 0
    worst: tuple[str, float, bool] = ("", 0.0, True)

    def add(self, recording: Recording) -> None:
        length = gravity_of(recording.acc_g, recording.rate_hz)
        if length is None:
            return
        length_g, still = length
        low, high = (REST_MIN_G, REST_MAX_G) if still else (MOVING_MIN_G, MOVING_MAX_G)
        self.recordings += 1
        self.rows += len(recording)
        if still:
            self.evidence_of_rest.append(length_g)
        if not low <= length_g <= high:
            self.off_rows += len(recording)
            self.off_recordings += 1
            if not self.worst[0]:
                self.worst = (recording.source, length_g, still)

    def evidence(self) -> GravityEvidence:
        rest = sorted(self.evidence_of_rest)
        return GravityEvidence(
            recordings=self.recordings,
            rest_g=round(float(np.median(rest)), 4) if rest else None,
            lowest_g=round(rest[0], 4) if rest else None,
            highest_g=round(rest[-1], 4) if rest else None,
            rows=self.rows,
            off_rows=self.off_rows,
            off_recordings=self.off_recordings,
            worst=self.worst[0],
            worst_g=round(self.worst[1], 6),
            worst_still=self.worst[2],
        )


def gravity_of(acc_g: NDArray[np.float32], rate_hz: float) -> tuple[float, bool] | None:
    """acc_g: (T, 3) -> the length of gravity in it, in g, and whether it was felt at rest.

    None for less than a second. Without a second at rest: the median over all seconds.
    """
    each = max(_MIN_SAMPLES, round(rate_hz))
    seconds = len(acc_g) // each
    if not seconds:
        return None
    blocks = acc_g[: seconds * each].astype(np.float64).reshape(seconds, each, 3)
    length = np.linalg.norm(blocks.mean(axis=1), axis=1)
    scatter = np.sqrt(blocks.var(axis=1).sum(axis=1))
    steady = scatter <= _STEADY * length
    still = bool(steady.any())
    return float(np.median(length[steady] if still else length)), still


def _short(length_g: float) -> str:
    return f"{length_g:.0f}" if length_g >= 100 else f"{length_g:.2g}"


def _explained(length_g: float) -> str:
    """Which mistake gives this length, where one does."""
    if length_g <= 0:
        return ""
    for true, named in permutations(Unit, 2):
        factor = true.per_g / named.per_g
        if abs(math.log(length_g / factor)) <= math.log(_NEAR):
            return f", as {true} read as {named} have"
    for factor in OTHER_RANGE_FACTORS:
        if abs(math.log(length_g / factor)) <= math.log(_NEAR):
            return f", a factor {factor:g}, as another range of the sensor gives"
    return ""
