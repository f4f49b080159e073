"""One figure of several runs that differ in their seed alone, as the accuracy tables print it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable


def mean_and_sd(values: Iterable[float]) -> str:
    """At least one value -> "mean (standard deviation)", n - 1 in the latter; 0 for one run."""
    listed = list(values)
    spread = statistics.stdev(listed) if len(listed) > 1 else 0.0
    return f"{statistics.mean(listed):.4f} ({spread:.4f})"
