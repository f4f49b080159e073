"""g, mg, m/s2 or counts? Said by the header or the user, or found from gravity at rest.

A sensor lying still measures 1 g. Over 2 s in which every axis' standard deviation stays below
5 % of |a|, |a| within 20 % of one candidate names the unit. Up to a fifth of the values may be
glitches, which are left out here and nowhere else. The candidates are at least a factor
2 apart, so a sensor within its data sheet (0.65 to 1.35 g at rest, ADXL345 Table 1) never fits
two. The choice is made once for a session, and its evidence is printed.
A sensor in cm/s2 reads 981 and one in mg 1000: what lies between could be either, and is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN, g_to_counts
from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.header import UnitChoice
from wearkit.link.sample import DEAD_BUS
from wearkit.link.text.line import Number
from wearkit.units import Unit

STILL_S = 2.0
MAX_MOVING_S = 30.0
_STILL_SHARE = 0.05
_TOLERANCE = 0.2
_STILL_VALUES = 0.8  # of a stretch at rest; the others are glitches
_GLITCH_SHARE = 4 * _STILL_SHARE  # of |a| away from the median
_MIN_SAMPLES = 10
_NO_UNIT_S = 5.0  # at rest, and no candidate is near
# Faster than any sensor: then lines came from a buffer or a file, and say nothing of seconds.
_FASTEST_HZ = 1000.0
_TURN_LINES = 60  # fewer than a window
_MAX_TURN_S = 3.0  # slower, steps may fall on every second line
_TURN_SHARE, _TURN_FACTOR = 0.2, 3.0
_UNSIGNED_END, _SIGNED_END = 65536, 32768
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


@dataclass(frozen=True, slots=True)
class _Rest:
    """The robust mean of a stretch. gravity: its length; spread: the largest standard deviation of
    an axis; glitches: how many values were left out."""

    mean: NDArray[np.float64]
    spread: float
    glitches: int

    @property
    def gravity(self) -> float:
        return float(np.linalg.norm(self.mean))

    @property
    def is_still(self) -> bool:
        return self.gravity > 0 and self.spread < _STILL_SHARE * self.gravity


class UnitFinder:
    """Watches printed triples until one still stretch names their unit.

    Seconds are those in which the lines came; where they came faster than any sensor measures,
    they are samples at rate_hz, so that a file gives the answer that its board gave.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._recent: list[Triple] = []
        self._arrivals_s: list[float] = []
        self._sample_count = 0
        self._first_s = self._last_s = 0.0
        self._dead_count = 0
        self._dead_since_s = 0.0
        self._no_unit_s = 0.0
        self._evidence = ""

    def push(self, xyz: Triple, arrival_s: float = 0.0) -> UnitChoice | None:
        """A choice when this sample completes a still stretch of a known unit.

        Raises DataError when a still stretch looks like counts that cannot be used, or when lines
        of different things take turns.
        """
        if not self._sample_count:
            self._first_s = arrival_s
        self._sample_count += 1
        self._last_s = arrival_s
        self._watch_bus(xyz, arrival_s)
        self._recent.append(xyz)
        self._arrivals_s.append(arrival_s)
        count = len(self._recent)
        if self._sample_count % _TURN_LINES == 0 and count >= _TURN_LINES:
            self._check_turns(arrival_s)
        stretch_s = self._seconds(count, arrival_s - self._arrivals_s[0])
        if count < _MIN_SAMPLES or stretch_s < STILL_S:
            return None
        stretch, self._recent = self._recent, self._recent[count // 2 :]
        self._arrivals_s = self._arrivals_s[count // 2 :]
        return self._judge(stretch, stretch_s)

    def room(self, arrival_s: float) -> int:
        """How many more that arrive now complete no stretch, so that nothing is judged."""
        if not self._recent:
            return 0
        span_s = arrival_s - self._arrivals_s[0]
        if span_s >= STILL_S:
            return 0
        # As _seconds has it: so many are within STILL_S by the host's clock, or by their number.
        within = max(int(_FASTEST_HZ * span_s), int(STILL_S * self._rate_hz)) - 1
        before_turn = _TURN_LINES - 1 - self._sample_count % _TURN_LINES
        return max(0, min(within - len(self._recent), before_turn))

    def extend(self, triples: Iterable[Triple], arrival_s: float) -> None:
        """As `push` of each, where there is room for them."""
        for xyz in triples:
            self._sample_count += 1
            self._watch_bus(xyz, arrival_s)
            self._recent.append(xyz)
            self._arrivals_s.append(arrival_s)
        self._last_s = arrival_s

    @property
    def dead(self) -> DataError | None:
        """The refusal of values that have all been 0, or all -1, for STILL_S."""
        dead_s = self._seconds(self._dead_count, self._last_s - self._dead_since_s)
        if not self._dead_count or dead_s < STILL_S:
            return None
        value = self._recent[-1][0]
        return DataError(
            f"All axes have read {value:g} for {STILL_S:g} s: no sensor answers the board; check "
            "its wiring, its power and its address.",
            fault=Fault.BUS_FAULT,
        )

    @property
    def given_up(self) -> DataError | None:
        """The refusal once MAX_MOVING_S went by without an answer, or a rest that is no unit's."""
        session_s = self._seconds(self._sample_count, self._last_s - self._first_s)
        if session_s < MAX_MOVING_S and self._no_unit_s < _NO_UNIT_S:
            return None
        seconds = min(session_s, MAX_MOVING_S)
        return DataError(
            f"The unit could not be found in {seconds:.0f} s ({self._evidence}): say it with "
            "--units g, mg, m/s2 or counts.",
            fault=Fault.UNITS,
        )

    def _seconds(self, samples: int, span_s: float) -> float:
        """How long so many samples took that came within span_s."""
        return span_s if samples < _FASTEST_HZ * span_s else samples / self._rate_hz

    def _watch_bus(self, xyz: Triple, arrival_s: float) -> None:
        if xyz not in DEAD_BUS:
            self._dead_count = 0
            return
        if not self._dead_count:
            self._dead_since_s = arrival_s
        self._dead_count += 1

    def _check_turns(self, arrival_s: float) -> None:
        span_s = arrival_s - self._arrivals_s[-_TURN_LINES]
        if self._seconds(_TURN_LINES, span_s) <= _MAX_TURN_S:
            values = np.asarray(self._recent[-_TURN_LINES:], dtype=np.float64)
            _refuse_unsigned(values)
            _refuse_turns(values)

    def _judge(self, stretch: list[Triple], stretch_s: float) -> UnitChoice | None:
        values = np.asarray(stretch, dtype=np.float64)
        rest = _rest(values)
        if rest is None or not rest.is_still:
            if not self._no_unit_s:
                self._evidence = _restless(values)
            return None
        gravity = rest.gravity
        evidence = (
            f"|a| = {gravity:.4g} at rest over {STILL_S:g} s, spread {rest.spread / gravity:.1%}"
        )
        if rest.glitches:
            evidence += f", {rest.glitches} of {len(stretch)} samples left out as glitches"
        self._evidence = evidence
        choice = _unit_of(stretch, gravity, evidence)
        if choice is None:
            self._no_unit_s += stretch_s if not self._no_unit_s else stretch_s / 2
        return choice


def _unit_of(stretch: list[Triple], gravity: float, evidence: str) -> UnitChoice | None:
    """Raises DataError for counts that cannot be used."""
    whole = all(isinstance(value, int) for triple in stretch for value in triple)
    for per_g, kind in _REFUSED.items():
        if whole and abs(gravity / per_g - 1) <= _TOLERANCE:
            raise DataError(f"The values look like {kind} ({evidence}).", fault=Fault.SCALE_FAULT)
    for unit in Unit:
        is_near = abs(gravity / unit.per_g - 1) <= _TOLERANCE
        if is_near and (whole or unit is not Unit.COUNTS):
            low, high = _MG_OR_CM_S2
            is_doubtful = unit is Unit.MG and low <= gravity <= high
            return UnitChoice(unit, f"{evidence}: 1 g is {unit.per_g:g} {unit}", is_doubtful)
    return None


def _rest(values: NDArray[np.float64]) -> _Rest | None:
    """None where too many of (N, 3) values are far from the others for a rest."""
    middle = np.median(values, axis=0)
    limit = _GLITCH_SHARE * float(np.linalg.norm(middle))
    is_near = (np.abs(values - middle) <= limit).all(axis=1)
    if is_near.mean() < _STILL_VALUES:
        return None
    near = values[is_near]
    spread = float(near.std(axis=0).max())
    return _Rest(near.mean(axis=0), spread, len(values) - len(near))


def _refuse_unsigned(values: NDArray[np.float64]) -> None:
    """Raises DataError when values are either small or next to 65536, and none is negative."""
    is_small, is_high = values < _SIGNED_END / 2, values > _UNSIGNED_END - _SIGNED_END / 2
    if is_high.any() and (is_small | is_high).all() and values.min() >= 0:
        value = values[is_high][0]
        raise DataError(
            f"Negative values are printed as unsigned ones ({value:.0f} stands for "
            f"{value - _UNSIGNED_END:.0f}): print them as int16_t.",
            fault=Fault.FORMAT,
        )


def _refuse_turns(values: NDArray[np.float64]) -> None:
    """Raises DataError when lines are far from the one before and near the second or third before:
    no movement looks so, but sensors that print in turn do."""
    usual = float(np.median(np.linalg.norm(values, axis=1)))
    far = _TURN_SHARE * usual
    steps = [_usual_step(values, lag) for lag in (1, 2, 3)]
    for kinds in (2, 3):
        nearest, others = steps[kinds - 1], steps[: kinds - 1]
        if min(others) > max(far, _TURN_FACTOR * nearest):
            shown = " and ".join(
                "(" + ", ".join(f"{v:.4g}" for v in np.median(values[first::kinds], axis=0)) + ")"
                for first in range(kinds)
            )
            raise DataError(
                f"Lines of {kinds} different things take turns, about {shown}: print the "
                "accelerometer alone, or put a word such as acc: before its lines and choose it "
                "with --only acc.",
                fault=Fault.FORMAT,
            )


def _usual_step(values: NDArray[np.float64], lag: int) -> float:
    return float(np.median(np.linalg.norm(values[lag:] - values[:-lag], axis=1)))


def _restless(values: NDArray[np.float64]) -> str:
    """Why a stretch was no rest, as a sentence part."""
    lengths = np.linalg.norm(values, axis=1)
    usual = float(np.median(lengths))
    return (
        f"the sensor never lay still for {STILL_S:g} s; the length of its values is mostly about "
        f"{usual:.4g}, from {lengths.min():.4g} to {lengths.max():.4g}"
    )


def to_counts(triples: list[Triple], unit: Unit) -> NDArray[np.int16]:
    """(N, 3) int16 ADXL345 counts of (N, 3) printed values; past +-2 g they clip.

    Counts pass unchanged: they must be whole numbers, which the caller has checked.
    """
    values = np.asarray(triples, dtype=np.float64).reshape(len(triples), 3)
    if unit is Unit.COUNTS:
        return np.clip(values, COUNT_MIN, COUNT_MAX).astype(np.int16)
    return g_to_counts(values / unit.per_g)
