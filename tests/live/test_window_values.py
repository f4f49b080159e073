"""Glitches and repeated values at the edge of each limit, and what real movement looks like."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.live.window_values import Glitch, glitches, times_repeated

Counts = NDArray[np.int16]


def at_rest(samples: int = 100, seed: int = 3) -> Counts:
    """With the noise of ADXL345 Table 1."""
    noise = np.random.default_rng(seed).normal(size=(samples, 3)) * [0.75, 0.75, 1.1]
    counts: Counts = np.rint(noise + np.array([253.0, -10.0, 5.0])).astype(np.int16)
    return counts


def walking(samples: int = 100, seed: int = 3) -> Counts:
    phase = 2 * math.pi * 1.8 * np.arange(samples)[:, None] / 50
    swing = np.hstack([0.32 * np.sin(phase), 0.12 * np.sin(2 * phase), 0.18 * np.sin(phase + 0.3)])
    noise = 0.003 * np.random.default_rng(seed).normal(size=(samples, 3))
    counts: Counts = np.rint(256 * (swing + noise + np.array([0.99, -0.04, 0.02]))).astype(np.int16)
    return counts


def with_rows(counts: Counts, rows: dict[int, tuple[int, int, int]]) -> Counts:
    for at, row in rows.items():
        counts[at] = row
    return counts


@pytest.mark.parametrize("make", [at_rest, walking])
def test_clean_windows_have_neither(make: object) -> None:
    for seed in range(30):
        counts = make(seed=seed)  # type: ignore[operator]
        assert glitches(counts) is None
        assert times_repeated(counts) is None


@pytest.mark.parametrize("at", [0, 1, 50, 98, 99])
@pytest.mark.parametrize("make", [at_rest, walking])
@pytest.mark.parametrize("value", [0, -1])
def test_one_sample_of_nothing_is_found_wherever_it_stands(
    make: object, at: int, value: int
) -> None:
    counts = make()  # type: ignore[operator]
    assert glitches(with_rows(counts, {at: (value,) * 3})) == Glitch(1)


@pytest.mark.parametrize("row", [(0, 0, 1), (0, -1, 0), (1, 1, 1)])
def test_nearly_nothing_is_not_nothing(row: tuple[int, int, int]) -> None:
    assert glitches(with_rows(walking(), {50: row})) is None


def test_nothing_after_free_fall_is_movement() -> None:
    falling = np.array([[60, 0, 0], [10, 2, 1], [0, 0, 0], [5, 3, 0], [80, 0, 0]], np.int16)
    counts = at_rest()
    counts[40:45] = falling
    assert glitches(counts) is None


@pytest.mark.parametrize("length", [4, 5, 6])
def test_five_of_nothing_are_a_bus(length: int) -> None:
    counts = at_rest()
    counts[30 : 30 + length] = 0
    assert glitches(counts) == Glitch(length, is_bus=length >= 5)


@pytest.mark.parametrize(
    ("places", "height", "found"),
    [
        ((40,), 250, None),
        ((40, 60), 250, Glitch(2)),
        ((40, 60), -250, Glitch(2)),
        ((2, 97), 250, Glitch(2)),
        ((1, 50), 250, None),
        ((50, 98), 250, None),
        ((40, 60), 134, Glitch(2)),
        ((40, 60), 120, None),
    ],
)
def test_two_spikes_between_still_samples_are_glitches(
    places: tuple[int, ...], height: int, found: Glitch | None
) -> None:
    counts = at_rest()
    counts[list(places), 0] += np.int16(height)
    assert glitches(counts) == found


def test_two_samples_up_and_down_are_movement() -> None:
    counts = at_rest()
    for at in (30, 60):
        counts[at : at + 2, 0] += np.int16(250)
    assert glitches(counts) is None


@pytest.mark.parametrize("part_hz", [5.0, 6.25, 8.0, 10.0, 12.5, 20.0, 25.0, 33.0, 40.0, 45.0])
@pytest.mark.parametrize("phase", [0.0, 0.37, 0.81])
def test_a_slower_part_is_found_with_its_rate_while_it_moves(part_hz: float, phase: float) -> None:
    values = walking(200)[(np.arange(100) * part_hz / 50 + phase).astype(int)]
    times = times_repeated(values)
    assert times is not None
    assert 50 / times == pytest.approx(part_hz, rel=0.05)


@pytest.mark.parametrize("part_hz", [48.0, 50.0, 60.0, 100.0])
def test_a_part_within_the_limit_or_faster_is_not(part_hz: float) -> None:
    values = walking(400)[(np.arange(100) * part_hz / 50).astype(int)]
    assert times_repeated(values) is None


@pytest.mark.parametrize("times", [2, 4, 5])
def test_a_slower_part_at_rest_is_found_too(times: int) -> None:
    assert times_repeated(np.repeat(at_rest(100), times, axis=0)[3:103]) == times


def test_a_print_that_slips_by_a_sample_does_not_hide_a_slow_part() -> None:
    random = np.random.default_rng(1)
    slips = random.uniform(-0.2, 0.2, 100)
    values = walking(200)[(np.arange(100) * 0.25 + slips + 1).astype(int)]
    assert times_repeated(values) == pytest.approx(4.0, rel=0.05)


def test_values_repeated_at_random_are_a_phones() -> None:
    # HAPT repeats up to a third of a window's values, without any pattern.
    random = np.random.default_rng(4)
    for share in (0.07, 0.15, 0.33):
        for _ in range(100):
            held = np.cumsum(random.random(100) >= share)
            assert times_repeated(walking(200)[held]) is None


def test_eight_changes_show_no_pattern() -> None:
    assert times_repeated(np.repeat(walking(10), 12, axis=0)[:100]) is None
