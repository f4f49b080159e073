"""Sample rate by regression on (sample index, time), by the device's clock or by arrivals.

Two questions, two answers. `measure`: how fast does the sensor run? Theil-Sen over up to 1000
points: the median of the slopes of all pairs, of which up to 29 % may lie anywhere (late stamps, a
host that was suspended) without moving it far. `since`: did it run at that rate in this window?
Least squares over the window's own points, which costs a tenth; and where those scatter, the line
through the medians of its first and last third, which a fifth of late stamps does not move.

Each rate carries half its 95 % interval, in which no clock is believed to be better than it can be
(_RESOLUTION_S), so that a few points that happen to lie on a line prove nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE_TOLERANCE = 0.06  # an ADXL345 has no stated tolerance; parts 1.5 to 3.6 % off are known
_MAX_POINTS = 1000
_USED_POINTS = 128  # of them, evenly spread: 8,128 slopes
_LEAST_POINTS = 5  # fewer show no scatter to judge a slope by
_LEAST_SPAN_S = 1.0  # of a rate that is reported: the stamps of a first frame are nominal ones
_MOST_ERROR = 0.5  # of the rate itself: past it nothing is known
_SIGMA_PER_MAD = 1.4826

TimeSource = Literal["device", "arrival"]
# How much later one point may be than another without any sign of it: a device that stamps whole
# milliseconds, and a USB adapter that hands its bytes over every 16 ms.
_RESOLUTION_S: dict[TimeSource, float] = {"device": 0.001, "arrival": 0.016}


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """rate_hz over span_s seconds of `source` time; error_hz: half its 95 % interval."""

    rate_hz: float
    span_s: float
    source: TimeSource
    error_hz: float = 0.0

    def is_off(self, expected_hz: float) -> bool:
        """Whether all of its interval is further from the expected rate than is tolerated."""
        beside_hz = abs(self.rate_hz - expected_hz)
        return beside_hz - self.error_hz > RATE_TOLERANCE * expected_hz

    def is_right(self, expected_hz: float) -> bool:
        """Whether all of its interval is tolerated; a rate may be neither right nor off."""
        beside_hz = abs(self.rate_hz - expected_hz)
        return beside_hz + self.error_hz <= RATE_TOLERANCE * expected_hz


class RateMeter:
    """Keeps the last _MAX_POINTS (index, seconds) pairs of one clock, indices ascending."""

    def __init__(self, source: TimeSource) -> None:
        self._source: TimeSource = source
        self._indices: list[int] = []
        self._times_s: list[float] = []

    def __bool__(self) -> bool:
        """Whether it has any points."""
        return bool(self._indices)

    def add(self, index: int, time_s: float) -> None:
        self._indices.append(index)
        self._times_s.append(time_s)
        if len(self._indices) > 2 * _MAX_POINTS:
            self._forget()

    def extend(self, indices: Iterable[int], times_s: Iterable[float]) -> None:
        """As `add`, for many; as many indices as times."""
        self._indices.extend(indices)
        self._times_s.extend(times_s)
        if len(self._indices) > 2 * _MAX_POINTS:
            self._forget()

    def restart(self) -> None:
        """Forget everything: the clock or the counter was reset."""
        self._indices.clear()
        self._times_s.clear()

    def measure(self) -> MeasuredRate | None:
        """Over all points. None while they do not tell, and before they span a second."""
        indices, times_s = self._indices[-_MAX_POINTS:], self._times_s[-_MAX_POINTS:]
        count = len(indices)
        if count < _LEAST_POINTS or times_s[-1] - times_s[0] < _LEAST_SPAN_S:
            return None
        chosen = np.linspace(0, count - 1, min(count, _USED_POINTS)).astype(np.intp)
        index = np.asarray(indices, dtype=np.float64)[chosen]
        time_s = np.asarray(times_s)[chosen]
        index -= index[0]
        time_s -= time_s[0]
        step_s = _median_slope(index, time_s)
        if step_s is None:
            return None
        energy = float(((index - index.mean()) ** 2).sum())
        deviation_s = _robust_deviation(time_s - step_s * index)
        return self._rated(index, energy, step_s, deviation_s)

    def since(self, first_index: int) -> MeasuredRate | None:
        """Over the points from first_index on alone. None while they do not tell."""
        begin = bisect_left(self._indices, first_index)
        count = len(self._indices) - begin
        if count < _LEAST_POINTS:
            return None
        last_index = self._indices[-1]
        if last_index - self._indices[begin] == count - 1:
            index = _every(count)
        else:
            index = np.asarray(self._indices[begin:], dtype=np.float64)
            index -= index.mean()
        time_s = np.array(self._times_s[begin:])
        time_s -= time_s[0]
        energy = float(index @ index)
        step_s = float(index @ time_s) / energy if energy else 0.0
        residual = time_s - step_s * index
        residual -= residual.mean()
        deviation_s = (float(residual @ residual) / (count - 2)) ** 0.5
        if deviation_s > _RESOLUTION_S[self._source]:
            step_s = _resistant_slope(index, time_s)
            deviation_s = _robust_deviation(time_s - step_s * index)
        return self._rated(index, energy, step_s, deviation_s)

    def _rated(
        self, index: NDArray[np.float64], energy: float, step_s: float, deviation_s: float
    ) -> MeasuredRate | None:
        """energy: of the indices about their mean; step_s: seconds a sample; deviation_s: of the
        points from the line."""
        span = float(index[-1] - index[0])
        if step_s <= 0 or span <= 0:
            return None
        error_s = _quantile(len(index) - 2) * deviation_s / energy**0.5
        error_s += _RESOLUTION_S[self._source] / span
        if error_s > _MOST_ERROR * step_s:
            return None
        return MeasuredRate(1 / step_s, span * step_s, self._source, error_s / step_s**2)

    def _forget(self) -> None:
        del self._indices[:-_MAX_POINTS]
        del self._times_s[:-_MAX_POINTS]


def _median_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """The median of (y_j - y_i) / (x_j - x_i) over pairs with different x; None without any."""
    first, second = _pairs(len(x))
    run, rise = x[second] - x[first], y[second] - y[first]
    if run.min() <= 0:
        differ = run > 0
        if not differ.any():
            return None
        run, rise = run[differ], rise[differ]
    return float(np.median(rise / run))


def _resistant_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Of the line through the medians of the first and the last third of at least five points."""
    third = max(1, len(x) // 3)
    run = float(np.median(x[-third:]) - np.median(x[:third]))
    rise = float(np.median(y[-third:]) - np.median(y[:third]))
    return rise / run if run else 0.0


@lru_cache(maxsize=1)  # a meter that has run for a while always asks for the same
def _pairs(points: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(points, 1)
    return first, second


@lru_cache(maxsize=4)
def _every(count: int) -> NDArray[np.float64]:
    """Of `count` samples in a row: their places about their middle."""
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _robust_deviation(residual: NDArray[np.float64]) -> float:
    """A standard deviation by the median one, which a fifth of outliers barely moves."""
    return _SIGMA_PER_MAD * float(np.median(np.abs(residual - np.median(residual))))


def _quantile(freedom: int) -> float:
    """Student's 97.5 % quantile, by its expansion in 1 / freedom: within 1 % from 3 on."""
    return 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.556 / freedom**3
