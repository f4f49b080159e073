"""The model's clock: exact for gravity, faithful below the band edge, deaf above it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wearkit.recordings.resample import grid, is_on_grid, mean_rate_hz, nearest, resample


def tone(time_s: NDArray[np.float64], hz: float) -> NDArray[np.float32]:
    wave = np.sin(2 * np.pi * hz * time_s)
    return np.stack([wave, 0.5 * wave, 1 + 0 * wave], axis=1).astype(np.float32)


def clock(rate_hz: float, seconds: float, jitter: float = 0.0) -> NDArray[np.float64]:
    steps = np.arange(int(seconds * rate_hz)) / rate_hz
    return steps + np.random.default_rng(1).uniform(-jitter, jitter, len(steps)) / rate_hz


@pytest.mark.parametrize(
    ("rate_hz", "hz", "worst"),
    [(200, 5, 2e-3), (200, 15, 5e-3), (100, 10, 5e-3), (20, 4, 2e-2), (48.7, 10, 2e-3)],
)
def test_a_tone_inside_the_band_keeps_its_shape(rate_hz: float, hz: float, worst: float) -> None:
    time_s = clock(rate_hz, 10)
    targets = grid(time_s, 50)
    out = resample(time_s, tone(time_s, hz), 50)
    inner = (targets > 1) & (targets < time_s[-1] - 1)
    assert np.abs(out - tone(targets, hz))[inner].max() < worst


@pytest.mark.parametrize("hz", [32, 40, 60, 90])
def test_what_would_fold_back_is_removed(hz: float) -> None:
    """Plain interpolation from 200 Hz would hear 40 Hz as 10 Hz, at full strength."""
    time_s = clock(200, 10)
    out = resample(time_s, tone(time_s, hz), 50)[50:-50, 0]
    assert np.sqrt(2 * np.mean(out**2)) < 0.01  # -40 dB


@settings(deadline=None)
@given(
    steps=st.lists(st.floats(0.004, 0.06), min_size=1, max_size=60),
    g=st.tuples(*[st.floats(-2, 2, width=32)] * 3),
)
def test_gravity_passes_whatever_the_clock_does(
    steps: list[float], g: tuple[float, float, float]
) -> None:
    time_s = np.concatenate([[3.0], 3.0 + np.cumsum(steps)])
    still = np.array(g, dtype=np.float32)
    out = resample(time_s, np.tile(still, (len(time_s), 1)), 50)
    assert out.dtype == np.float32 and len(out) == len(grid(time_s, 50))
    assert np.abs(out - still).max() < 1e-5


def test_uneven_steps_do_not_pull_to_the_denser_side() -> None:
    """A ramp sampled at 20 Hz, then at 100 Hz: a mean over samples would lag at the border."""
    time_s = np.concatenate([np.arange(60) / 20, 3 + np.arange(200) / 100])
    acc_g = np.stack([time_s / 4] * 3, axis=1).astype(np.float32)
    out = resample(time_s, acc_g, 50)[50:-50, 0]
    assert np.abs(out - grid(time_s, 50)[50:-50] / 4).max() < 0.002


def test_the_grid_starts_with_the_first_sample_and_never_passes_the_last() -> None:
    assert grid(np.array([1.0, 1.1]), 50).round(9).tolist() == [1.0, 1.02, 1.04, 1.06, 1.08, 1.1]
    assert len(grid(np.array([0.0, 0.0999]), 50)) == 5
    # 100 samples whose stamps were rounded to microseconds still make 100.
    time_s = (np.arange(100) / 48.7).round(6)
    assert len(grid(time_s, mean_rate_hz(time_s))) == 100


def test_labels_move_by_the_nearest_sample() -> None:
    time_s = np.array([0.0, 0.03, 0.05, 0.1])
    assert nearest(time_s, 50).tolist() == [0, 1, 1, 2, 3, 3]
    many = clock(37.3, 20, jitter=0.3)
    targets = grid(many, 50)
    brute = np.abs(many[None, :] - targets[:, None]).argmin(axis=1)
    assert np.array_equal(nearest(many, 50), brute)


def test_the_same_clock_is_known_by_rate_and_evenness() -> None:
    assert is_on_grid(clock(50, 10), 50)
    assert is_on_grid(clock(50.2, 10), 50)
    assert is_on_grid(clock(50, 10, jitter=0.1), 50)
    assert not is_on_grid(clock(50.3, 10), 50)
    assert not is_on_grid(clock(49.7, 10), 50)
    assert not is_on_grid(clock(50, 10, jitter=0.4), 50)
    assert not is_on_grid(clock(100, 10), 50)
