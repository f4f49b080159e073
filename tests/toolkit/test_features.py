"""Features against numpy and scipy written out for one window at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.evaluation.features import FEATURE_NAMES, SIGNALS, features

RATE_HZ = 50.0


def _named(inputs: NDArray[np.int8]) -> dict[str, NDArray[np.float64]]:
    return dict(zip(FEATURE_NAMES, features(inputs, RATE_HZ).T, strict=True))


def test_there_are_67_of_different_names() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 67


def test_every_feature_equals_its_definition(made_counts: Callable[..., NDArray[np.int16]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    inputs = counts_to_int8(made_counts(5))
    found = _named(inputs)
    for row, window in enumerate(inputs / 64.0):
        signals = dict(zip(SIGNALS, [*window.T, np.sqrt((window**2).sum(axis=1))], strict=True))
        expected: dict[str, float] = {}
        for name, values in signals.items():
            spectrum = np.abs(np.fft.rfft(values - values.mean()))[1:] ** 2
            sign = values > values.mean()
            one = {
                "mean": values.mean(), "std": values.std(), "min": values.min(),
                "max": values.max(), "q25": np.percentile(values, 25),
                "median": np.median(values), "q75": np.percentile(values, 75),
                "mad": np.mean(np.abs(values - values.mean())), "energy": values.var(),
                "skewness": stats.skew(values), "kurtosis": stats.kurtosis(values, fisher=False),
                "crossings": np.count_nonzero(sign[1:] != sign[:-1]) / 99,
                "frequency": np.fft.rfftfreq(100, 1 / RATE_HZ)[1:][spectrum.argmax()],
                "entropy": stats.entropy(spectrum) / np.log(50),
                "jerk": np.mean(np.abs(np.diff(values))) * RATE_HZ,
            }  # fmt: skip
            expected |= {f"{key}_{name}": float(value) for key, value in one.items()}
        matrix, mean = np.corrcoef(window.T), window.mean(axis=0)
        expected |= {"corr_xy": matrix[0, 1], "corr_xz": matrix[0, 2], "corr_yz": matrix[1, 2]}
        expected["sma"] = float(np.mean(np.abs(window).sum(axis=1)))
        tilt = mean / np.linalg.norm(mean)
        expected |= {f"tilt_{axis}": tilt[place] for place, axis in enumerate("xyz")}
        assert set(expected) == set(FEATURE_NAMES)
        for name, value in expected.items():
            assert found[name][row] == pytest.approx(value, abs=1e-9), name


def test_a_tone_is_found_where_it_is() -> None:
    tone = 40 * np.sin(2 * np.pi * 4.0 * np.arange(100) / RATE_HZ)
    window = np.zeros((1, 100, 3), np.int8)
    window[0, :, 1] = np.rint(tone)
    found = _named(window)
    assert found["frequency_y"][0] == 4.0
    assert found["entropy_y"][0] < 0.05


def test_constant_and_empty_windows_are_finite() -> None:
    for value in (-128, 0, 1, 64, 127):
        found = _named(np.full((1, 100, 3), value, np.int8))
        assert all(np.isfinite(column).all() for column in found.values())
        for name in ("frequency", "entropy", "crossings", "skewness", "kurtosis", "jerk"):
            assert found[f"{name}_magnitude"][0] == 0.0, (name, value)
    assert features(np.zeros((0, 100, 3), np.int8), RATE_HZ).shape == (0, 67)
