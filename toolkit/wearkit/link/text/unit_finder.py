"""g, mg, m/s2 or counts? Said by the header or the user, or found from gravity at rest.

A sensor lying still measures 1 g. Over 2 s in which every axis' standard deviation stays below
5 % of |a|, |a| within 20 % of one candidate names the unit. The candidates are at least a factor
2 apart, so a sensor within its data sheet (0.65 to 1.35 g at rest, ADXL345 Table 1) never fits
two. The choice is made once for a session, and its evidence is printed.
A sensor in cm/s2 reads 981 and one in mg 1000: what lies between could be either, and is asked.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN, g_to_counts
from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.header import UnitChoice
from wearkit.link.text.line import Number
from wearkit.units import Unit

STILL_S = 2.0
MAX_MOVING_S = 30.0
_STILL_SHARE = 0.05
_TOLERANCE = 0.2
_MG_OR_CM_S2 = (980.0, 1000.0)  # |a| at rest, both included

_REFUSED: dict[float, str] = {
    **{
        float(per_g): f"raw counts of a +-{512 // per_g} g range; set the sensor's range to 2 g"
        for per_g in (32, 64, 128)
    },
    **{
        float(per_g): f"raw counts of another sensor ({per_g} per g); print g, mg or m/s2 instead"
        for per_g in (2048, 4096, 8192, 16384)
    },
}

Triple = tuple[Number, Number, Number]


class UnitFinder:
    """Watches printed triples until one still stretch names their unit.

    rate_hz turns STILL_S and MAX_MOVING_S into numbers of samples, so that the answer depends on
    the samples alone and not on when they arrived.
    """

    def __init__(self, rate_hz: float) -> None:
        self._length = max(2, math.ceil(STILL_S * rate_hz))
        self._limit = math.ceil(MAX_MOVING_S * rate_hz)
        self._recent: list[Triple] = []
        self._sample_count = 0
        self._last_still = ""

    def push(self, xyz: Triple) -> UnitChoice | None:
        """A choice when this sample completes a still stretch of a known unit.

        Raises DataError when a still stretch looks like counts that cannot be used.
        """
        self._recent.append(xyz)
        self._sample_count += 1
        if len(self._recent) < self._length:
            return None
        stretch, self._recent = self._recent, self._recent[self._length // 2 :]
        return self._judge(stretch)

    @property
    def given_up(self) -> DataError | None:
        """The refusal once MAX_MOVING_S went by without an answer."""
        if self._sample_count < self._limit:
            return None
        evidence = self._last_still or "the sensor never lay still for 2 s"
        return DataError(
            f"The unit could not be found in {MAX_MOVING_S:.0f} s ({evidence}): say it with "
            "--units g, mg, m/s2 or counts.",
            fault=Fault.UNITS,
        )

    def _judge(self, stretch: list[Triple]) -> UnitChoice | None:
        values = np.asarray(stretch, dtype=np.float64)
        gravity = float(np.linalg.norm(values.mean(axis=0)))
        spread = float(values.std(axis=0).max())
        if not (gravity > 0 and spread < _STILL_SHARE * gravity):
            return None
        whole = all(isinstance(value, int) for triple in stretch for value in triple)
        evidence = f"|a| = {gravity:.4g} at rest over {STILL_S:g} s, spread {spread / gravity:.1%}"
        self._last_still = evidence
        for per_g, kind in _REFUSED.items():
            if whole and abs(gravity / per_g - 1) <= _TOLERANCE:
                raise DataError(
                    f"The values look like {kind} ({evidence}).", fault=Fault.SCALE_FAULT
                )
        for unit in Unit:
            is_near = abs(gravity / unit.per_g - 1) <= _TOLERANCE
            if is_near and (whole or unit is not Unit.COUNTS):
                low, high = _MG_OR_CM_S2
                is_doubtful = unit is Unit.MG and low <= gravity <= high
                return UnitChoice(unit, f"{evidence}: 1 g is {unit.per_g:g} {unit}", is_doubtful)
        return None


def to_counts(triples: list[Triple], unit: Unit) -> NDArray[np.int16]:
    """(N, 3) int16 ADXL345 counts of (N, 3) printed values; past +-2 g they clip.

    Counts pass unchanged: they must be whole numbers, which the caller has checked.
    """
    values = np.asarray(triples, dtype=np.float64).reshape(len(triples), 3)
    if unit is Unit.COUNTS:
        return np.clip(values, COUNT_MIN, COUNT_MAX).astype(np.int16)
    return g_to_counts(values / unit.per_g)
