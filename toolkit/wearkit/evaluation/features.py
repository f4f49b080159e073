"""Standard features of a window: what a classic classifier is given instead of the samples.

Four signals: x, y, z and the magnitude sqrt(x^2 + y^2 + z^2), in g, of the same integers the
networks see. Of each, 15 features; of all three axes together, 7 more: 67.

mean, std, min, max, q25, median, q75   of the values, g
mad          mean absolute deviation from the mean, g
energy       mean square of the deviation from the mean, g^2
skewness, kurtosis   standardised third and fourth moments; 0 for a constant signal
crossings    share of steps at which the signal crosses its mean
frequency    where its spectrum, mean removed, is largest, Hz
entropy      of that power spectrum, as a share of the most it can be (0 one line, 1 flat)
jerk         mean absolute difference of neighbouring samples times the rate, g/s
corr_xy, corr_xz, corr_yz   Pearson's r of two axes; 0 when one of them is constant
sma          mean of |x| + |y| + |z|, g
tilt_x, tilt_y, tilt_z   cosine between the axis and the mean acceleration
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import INPUT_SCALE_G

Values = NDArray[np.float64]

SIGNALS = ("x", "y", "z", "magnitude")
_OF_ONE = (
    "mean", "std", "min", "max", "q25", "median", "q75", "mad", "energy", "skewness", "kurtosis",
    "crossings", "frequency", "entropy", "jerk",
)  # fmt: skip
_OF_ALL = ("corr_xy", "corr_xz", "corr_yz", "sma", "tilt_x", "tilt_y", "tilt_z")
FEATURE_NAMES = (*(f"{name}_{signal}" for name in _OF_ONE for signal in SIGNALS), *_OF_ALL)
"""Of the columns of `features`, in their order."""

_BATCH = 2048  # windows at a time: bounds the spectra to some 10 MB


def features(inputs: NDArray[np.int8], rate_hz: float) -> Values:
    """inputs: (N, length >= 2, 3) int8 windows -> (N, 67) float64, finite."""
    parts = [
        _features(inputs[start : start + _BATCH].astype(np.float64) * INPUT_SCALE_G, rate_hz)
        for start in range(0, len(inputs), _BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(FEATURE_NAMES)))


def _features(acc_g: Values, rate_hz: float) -> Values:
    magnitude = np.linalg.norm(acc_g, axis=2, keepdims=True)
    signals = np.concatenate([acc_g, magnitude], axis=2)
    columns = [
        *_of_values(signals),
        *_of_time(signals, rate_hz),
        _of_axes(acc_g),
    ]
    return np.concatenate(columns, axis=1)


def _of_values(signals: Values) -> list[Values]:
    """(N, length, 4) -> mean to kurtosis, each (N, 4)."""
    mean = signals.mean(axis=1)
    off = signals - mean[:, None]
    energy = (off**2).mean(axis=1)
    std = np.sqrt(energy)
    quartiles = np.quantile(signals, (0.25, 0.5, 0.75), axis=1)
    return [
        mean,
        std,
        signals.min(axis=1),
        signals.max(axis=1),
        *quartiles,
        np.abs(off).mean(axis=1),
        energy,
        _share((off**3).mean(axis=1), std**3),
        _share((off**4).mean(axis=1), energy**2),
    ]


def _of_time(signals: Values, rate_hz: float) -> list[Values]:
    """(N, length, 4) -> crossings, frequency, entropy, jerk, each (N, 4)."""
    off = signals - signals.mean(axis=1, keepdims=True)
    above = off > 0
    power = np.abs(np.fft.rfft(off, axis=1)[:, 1:]) ** 2
    line_hz = rate_hz / signals.shape[1]
    # A flat window's spectrum is rounding noise: it has no largest line.
    moving = power.max(axis=1) > 1e-12
    weight = _share(power, power.sum(axis=1, keepdims=True))
    entropy = -(weight * np.log(np.where(weight > 0, weight, 1.0))).sum(axis=1)
    return [
        (above[:, 1:] != above[:, :-1]).mean(axis=1) * moving,
        (power.argmax(axis=1) + 1) * line_hz * moving,
        entropy / np.log(max(2, power.shape[1])) * moving,
        np.abs(np.diff(signals, axis=1)).mean(axis=1) * rate_hz,
    ]


def _of_axes(acc_g: Values) -> Values:
    """(N, length, 3) -> (N, 7)."""
    mean = acc_g.mean(axis=1)
    off = acc_g - mean[:, None]
    std = np.sqrt((off**2).mean(axis=1))
    pairs = ((0, 1), (0, 2), (1, 2))
    correlation = [
        _share((off[..., a] * off[..., b]).mean(axis=1), std[:, a] * std[:, b]) for a, b in pairs
    ]
    sma = np.abs(acc_g).sum(axis=2).mean(axis=1)
    tilt = _share(mean, np.linalg.norm(mean, axis=1, keepdims=True))
    return np.column_stack([*correlation, sma, tilt])


def _share(part: Values, whole: Values) -> Values:
    """part / whole, 0 where the whole is nothing but rounding."""
    defined = np.broadcast_to(whole > 1e-12, part.shape)
    return np.divide(part, whole, out=np.zeros(part.shape), where=defined)
