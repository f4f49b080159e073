"""Samples on a clock of their own -> samples on the model's clock.

Method: windowed-sinc interpolation at each output time (J. O. Smith, "Digital Audio
Resampling"). The kernel is a low-pass with its edge at 0.45 of the lower of the two rates, cut
by a Hann window to 8 zero crossings on each side, so one step both interpolates and, when the
rate goes down, removes what would fold back. Each sample weighs by the time it stands for (half
the step before plus half the step after), which keeps unevenly spaced samples from pulling
towards their denser side, and the weights of one output are scaled to add up to 1, so that
gravity passes exactly, at the ends of a stretch too.

Never used on what is compared with a device: there, windows are the sensor's own samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EDGE = 0.45
ZERO_CROSSINGS = 8
SAME_RATE = 0.005  # rates this close are the same clock: samples pass untouched
EVEN_STEP = 0.25  # and so are steps this close to the mean step (clock noise, rounded stamps)
_BLOCK_TAPS = 1 << 15  # at once, whatever the rates: what it works on stays in the cache


def mean_rate_hz(time_s: NDArray[np.float64]) -> float:
    """Samples a second over a whole stretch of two or more samples without gaps."""
    return float((len(time_s) - 1) / (time_s[-1] - time_s[0]))


def is_on_grid(time_s: NDArray[np.float64], rate_hz: float) -> bool:
    """Whether two or more samples already are the model's: same rate, even steps."""
    rate = mean_rate_hz(time_s)
    steps = np.diff(time_s) * rate
    return abs(rate / rate_hz - 1) <= SAME_RATE and bool(np.all(np.abs(steps - 1) <= EVEN_STEP))


def grid(time_s: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """(M,) times from the first sample in steps of 1/rate_hz, none after the last sample."""
    # Stamps are rounded (ms, us): a grid point they miss by a millionth of a step is still in.
    count = int(np.floor((time_s[-1] - time_s[0]) * rate_hz + 1e-6)) + 1
    times: NDArray[np.float64] = time_s[0] + np.arange(count, dtype=np.float64) / rate_hz
    return times


def resample(
    time_s: NDArray[np.float64], acc_g: NDArray[np.float32], rate_hz: float
) -> NDArray[np.float32]:
    """(T, 3) float32 g at (T,) strictly increasing times -> (M, 3) float32 g on `grid`.

    The stretch must be without gaps; T >= 2.
    """
    targets = grid(time_s, rate_hz)
    edge_hz = EDGE * min(rate_hz, 1 / _typical_step_s(time_s))
    reach_s = ZERO_CROSSINGS / (2 * edge_hz)
    first = np.searchsorted(time_s, targets - reach_s)
    last = np.searchsorted(time_s, targets + reach_s)
    stands_for = np.gradient(time_s)
    out = np.empty((len(targets), 3), dtype=np.float32)
    widest = int((last - first).max())
    rows = max(1, _BLOCK_TAPS // widest)
    for begin in range(0, len(targets), rows):
        block = slice(begin, begin + rows)
        taps = first[block, None] + np.arange(widest)
        inside = taps < last[block, None]
        taps = np.minimum(taps, len(time_s) - 1)
        offset = time_s[taps] - targets[block, None]
        hann = 0.5 + 0.5 * np.cos(np.pi * np.clip(offset / reach_s, -1, 1))
        weight = np.where(inside, np.sinc(2 * edge_hz * offset) * hann * stands_for[taps], 0.0)
        weight /= weight.sum(axis=1, keepdims=True)
        out[block] = np.einsum("nk,nkc->nc", weight, acc_g[taps].astype(np.float64))
    return out


def nearest(time_s: NDArray[np.float64], rate_hz: float) -> NDArray[np.int64]:
    """(M,) index of the sample nearest in time to each point of `grid`: how labels move."""
    targets = grid(time_s, rate_hz)
    after = np.clip(np.searchsorted(time_s, targets), 1, len(time_s) - 1)
    before_is_nearer = targets - time_s[after - 1] <= time_s[after] - targets
    return (after - before_is_nearer).astype(np.int64)


def _typical_step_s(time_s: NDArray[np.float64]) -> float:
    """The median step, each weighed by its length.

    Of a stretch mostly at 20 Hz with bursts at 100 Hz this is 50 ms, though most samples are
    10 ms apart: the band is then the one that all of the stretch has.
    """
    steps = np.sort(np.diff(time_s))
    passed = np.cumsum(steps)
    return float(steps[np.searchsorted(passed, passed[-1] / 2)])
