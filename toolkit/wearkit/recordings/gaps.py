"""Where a recording has gaps, and which gap-free parts of it are of use."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wearkit.recordings.recording import Recording
from wearkit.recordings.resample import mean_rate_hz

GAP_STEPS = 1.5  # a step longer than this many nominal periods is a gap
SLOWEST = 0.25  # of the spec's rate; below, most of a window would be made up by the resampler
TOO_SHORT = "too short"
TOO_SLOW = "sampled too slowly"


def stretches(recording: Recording) -> list[slice]:
    """The gap-free parts of a recording, in order; together they hold every sample."""
    gaps = np.flatnonzero(np.diff(recording.time_s) * recording.rate_hz > GAP_STEPS) + 1
    edges = [0, *gaps.tolist(), len(recording)]
    return [slice(a, b) for a, b in pairwise(edges) if b > a]


def unfit_for(time_s: NDArray[np.float64], rate_hz: float) -> str | None:
    """Why a stretch with these times cannot be brought to this rate: TOO_SHORT, TOO_SLOW."""
    if len(time_s) < 2:
        return TOO_SHORT
    return TOO_SLOW if mean_rate_hz(time_s) < SLOWEST * rate_hz else None
