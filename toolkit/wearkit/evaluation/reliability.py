"""Whether a network that says "90 %" is right nine times out of ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Windows whose probability lies in (low, high]. confidence, accuracy: means over them, None
    when there is none."""

    low: float
    high: float
    windows: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """bins: BINS of equal width over 0 to 1. error: the expected calibration error, the gap
    between confidence and accuracy averaged over windows."""

    bins: tuple[Bin, ...]
    error: float

    def to_json(self) -> dict[str, Any]:
        names = ("low", "high", "windows", "confidence", "accuracy")
        return {
            "expected_calibration_error": self.error,
            "bins": [{name: getattr(part, name) for name in names} for part in self.bins],
        }


def reliability(probability: NDArray[np.float64], truth: NDArray[np.integer]) -> Reliability:
    """probability: (N, labels), N >= 1; truth: (N,) label indices.

    Confidence is the highest probability, correct means that its label is the truth (Guo et al.
    2017, equations 2 and 3).
    """
    confidence = probability.max(axis=1)
    correct = probability.argmax(axis=1) == truth
    # Bin k holds (k / BINS, (k + 1) / BINS]; rounding may put a sum a hair above 1.
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins, error = [], 0.0
    for number in range(BINS):
        mine = place == number
        windows = int(np.count_nonzero(mine))
        mean = float(confidence[mine].mean()) if windows else None
        right = float(correct[mine].mean()) if windows else None
        if mean is not None and right is not None:
            error += windows / len(truth) * abs(right - mean)
        bins.append(Bin(number / BINS, (number + 1) / BINS, windows, mean, right))
    return Reliability(tuple(bins), error)
