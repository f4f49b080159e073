"""Sample rate by regression on (sample index, time), from the device's clock or from arrivals."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

RATE_TOLERANCE = 0.06  # an ADXL345 has no stated tolerance; parts 1.5 to 3.6 % off are known
_MAX_POINTS = 1000
_MIN_SPAN_S = 1.5

Source = Literal["device", "arrival"]


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """rate_hz by least squares over span_s seconds of `source` time."""

    rate_hz: float
    span_s: float
    source: Source

    def is_off(self, expected_hz: float) -> bool:
        return abs(self.rate_hz / expected_hz - 1.0) > RATE_TOLERANCE


class RateMeter:
    """Keeps the last _MAX_POINTS (index, seconds) pairs of one clock."""

    def __init__(self, source: Source) -> None:
        self._source: Source = source
        self._points: deque[tuple[int, float]] = deque(maxlen=_MAX_POINTS)

    def add(self, index: int, time_s: float) -> None:
        self._points.append((index, time_s))

    def restart(self) -> None:
        """Forget everything: the clock or the counter was reset."""
        self._points.clear()

    def measure(self) -> MeasuredRate | None:
        """None before the points span 1.5 s."""
        if len(self._points) < 2:
            return None
        points = np.asarray(self._points, dtype=np.float64)
        index, time_s = (points - points[0]).T
        span_s = float(time_s[-1])
        if span_s < _MIN_SPAN_S:
            return None
        deviation = index - index.mean()
        energy = float(deviation @ deviation)
        slope_s = float(deviation @ (time_s - time_s.mean())) / energy if energy else 0.0
        if slope_s <= 0:
            return None
        return MeasuredRate(1.0 / slope_s, span_s, self._source)
