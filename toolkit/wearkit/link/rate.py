"""Sample rate by robust regression on (sample index, time), by the device's clock or arrivals.

Theil-Sen: the median of the slopes of all pairs of points. Up to 29 % of the points may lie
anywhere (late stamps, a host that was suspended) without moving it far.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE_TOLERANCE = 0.06  # an ADXL345 has no stated tolerance; parts 1.5 to 3.6 % off are known
MIN_ARRIVAL_SPAN_S = 10.0  # shorter, the 16 ms of a USB adapter count too much
_MAX_POINTS = 1000
_USED_POINTS = 128  # of them, evenly spread: 8,128 slopes
_MIN_SPAN_S = 1.5
_SIGMA_PER_MAD = 1.4826

TimeSource = Literal["device", "arrival"]


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """rate_hz over span_s seconds of `source` time; error_hz: half its 95 % interval."""

    rate_hz: float
    span_s: float
    source: TimeSource
    error_hz: float = 0.0

    def is_off(self, expected_hz: float) -> bool:
        return abs(self.rate_hz / expected_hz - 1.0) > RATE_TOLERANCE


class RateMeter:
    """Keeps the last _MAX_POINTS (index, seconds) pairs of one clock."""

    def __init__(self, source: TimeSource) -> None:
        self._source: TimeSource = source
        self._points: deque[tuple[int, float]] = deque(maxlen=_MAX_POINTS)

    def add(self, index: int, time_s: float) -> None:
        self._points.append((index, time_s))

    def restart(self) -> None:
        """Forget everything: the clock or the counter was reset."""
        self._points.clear()

    def measure(self) -> MeasuredRate | None:
        """None before the points span 1.5 s."""
        count = len(self._points)
        if count < 2 or self._points[-1][1] - self._points[0][1] < _MIN_SPAN_S:
            return None
        kept = list(self._points)  # a deque is slow to index in its middle
        chosen = np.linspace(0, count - 1, min(count, _USED_POINTS)).astype(np.intp).tolist()
        points = np.asarray([kept[position] for position in chosen], dtype=np.float64)
        index, time_s = (points - points[0]).T
        step_s = _median_slope(index, time_s)
        if step_s is None or step_s <= 0:
            return None
        error_s = _slope_error(index, time_s - step_s * index)
        return MeasuredRate(1 / step_s, float(time_s[-1]), self._source, error_s / step_s**2)


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


@lru_cache(maxsize=1)  # a meter that has run for a while always asks for the same
def _pairs(points: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(points, 1)
    return first, second


def _slope_error(x: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
    """Twice the slope's standard error, its spread estimated by the median deviation."""
    sigma = _SIGMA_PER_MAD * float(np.median(np.abs(residual - np.median(residual))))
    energy = float(((x - x.mean()) ** 2).sum())
    return 2.0 * sigma / energy**0.5 if energy else 0.0
