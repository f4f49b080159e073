"""What the counts of one whole window say of themselves: values that no movement gives.

The limits were set on 5.3 million samples of HAPT, DSADS, SisFall and WISDM as they were recorded,
at 20 to 200 Hz, before any board was looked at; none of those windows is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNTS_PER_G
from wearkit.link.rate import RATE_TOLERANCE

BUS_SAMPLES = 5  # all 0 or all -1: a bus without a sensor reads so
_AWAKE_G = 0.5  # from here to exactly nothing and back is no movement
_SPIKE_G = 0.5
_QUIET_G = 0.1  # of the two samples on either side of a spike
_SPIKES = 2  # in one window; one alone may be a knock: in 5.3 million samples there were 12
_LEAST_VALUES = 9  # fewer show no pattern
# Where each value comes k times, its changes lie on a line, to the sample that rounding costs; a
# second one where k is large. Phones repeat a value up to 33 times in a window, but at random.
_STRAIGHT_SAMPLES, _NEARLY_STRAIGHT_SAMPLES, _CLEARLY = 1.1, 2.0, 1.15
_CHANCE = 9.0  # decimal places of the odds that changes fall on multiples by chance

_MOVE_COUNTS = _AWAKE_G * COUNTS_PER_G / math.sqrt(3)  # the least step of a glitch on one axis


@dataclass(frozen=True, slots=True)
class Glitch:
    """samples: how many of them no movement gives. is_bus: of a run as a dead bus reads."""

    samples: int
    is_bus: bool = False


def glitches(counts: NDArray[np.int16]) -> Glitch | None:
    """counts: (N, 3). Samples that are exactly 0 or -1 on all axes beside one of half a g or
    more; and spikes of one sample between still ones, at least two of them."""
    steps = _steps(counts)
    if int(steps.max()) < _MOVE_COUNTS:
        return None
    dead = _dead_runs(counts)
    if any(length >= BUS_SAMPLES for _, length in dead):
        return Glitch(sum(length for _, length in dead), is_bus=True)
    zeros = sum(length for first, length in dead if _is_awake(counts, first, length))
    spikes = _spikes(counts, steps)
    samples = zeros + (spikes if spikes >= _SPIKES else 0)
    return Glitch(samples) if samples else None


def times_repeated(counts: NDArray[np.int16]) -> float | None:
    """counts: (N, 3). How many samples in a row hold each value of a part that is slower than the
    samples; None where it keeps up, or where no pattern shows."""
    changes = np.flatnonzero(_steps(counts))
    number = len(changes)
    if number < _LEAST_VALUES or number > (1 - RATE_TOLERANCE) * len(counts):
        return None
    apart = np.diff(changes)
    common = int(np.gcd.reduce(apart))
    if common > 1 and (number - 2) * math.log10(common) >= _CHANCE:
        return float(common)
    place = np.arange(number, dtype=np.float64) - (number - 1) / 2
    times = float(place @ changes / (place @ place))
    beside = changes - times * place
    width = float(beside.max() - beside.min())
    allowed = _NEARLY_STRAIGHT_SAMPLES if times >= _CLEARLY else _STRAIGHT_SAMPLES
    return times if times * (1 - RATE_TOLERANCE) > 1 and width <= allowed else None


def _steps(counts: NDArray[np.int16]) -> NDArray[np.int16]:
    """(N - 1,) the largest change of an axis from each sample to the next."""
    largest: NDArray[np.int16] = np.abs(counts[1:] - counts[:-1]).max(axis=1)
    return largest


def _dead_runs(counts: NDArray[np.int16]) -> list[tuple[int, int]]:
    """(first, length) of each run of samples that are all 0 or all -1."""
    x = counts[:, 0]
    dead = ((x == 0) | (x == -1)) & (counts[:, 1] == x) & (counts[:, 2] == x)
    if not dead.any():
        return []
    edges = np.flatnonzero(np.diff(dead, prepend=False, append=False))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _is_awake(counts: NDArray[np.int16], first: int, length: int) -> bool:
    """Whether the sample before or after a run measures something."""
    beside = [at for at in (first - 1, first + length) if 0 <= at < len(counts)]
    return any(math.hypot(*counts[at].tolist()) >= _AWAKE_G * COUNTS_PER_G for at in beside)


def _spikes(counts: NDArray[np.int16], steps: NDArray[np.int16]) -> int:
    """Single samples far from both neighbours, which agree, as do those beyond them."""
    up = np.minimum(steps[1:-2], steps[2:-1]) >= _SPIKE_G * COUNTS_PER_G
    if not up.any():
        return 0
    across = np.abs(counts[3:-1] - counts[1:-3]).max(axis=1)
    quiet = np.maximum(np.maximum(across, steps[:-3]), steps[3:]) <= _QUIET_G * COUNTS_PER_G
    return int(np.count_nonzero(up & quiet))
