"""Mean, spread and confidence interval of a figure over people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """n people. sd: standard deviation (n - 1). low, high: the 95 % confidence interval of the
    mean. None where one person alone leaves them undefined."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def over_people(values: Sequence[float]) -> Interval:
    """Student's t interval, mean +- t(0.975, n - 1) sd / sqrt(n); every person counts the same.

    It takes people for independent and their figures for roughly normal: a share near 1 is not,
    so `high` may pass 1 and is left as it is. Raises ValueError for no value.
    """
    n = len(values)
    if n == 0:
        raise ValueError("No person, no interval.")
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(1, mean, None, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = t_quantile(0.5 + CONFIDENCE / 2, n - 1) * sd / math.sqrt(n)
    return Interval(n, mean, sd, mean - half, mean + half)


def t_quantile(probability: float, degrees: int) -> float:
    """Where Student's t with 1 or more degrees of freedom has `probability` (0.5 to 1) below."""
    low, high = 0.0, math.pi / 2  # the angle atan(t / sqrt(degrees))
    for _ in range(60):
        middle = (low + high) / 2
        if 0.5 + _central_share(middle, degrees) / 2 < probability:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _central_share(angle: float, degrees: int) -> float:
    """P(|t| < sqrt(degrees) tan(angle)): Abramowitz and Stegun 26.7.3 (odd), 26.7.4 (even)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for step in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * step / (step + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
