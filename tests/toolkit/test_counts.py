"""The two conversions between the body and the model."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wearkit.counts import INPUT_SCALE_G, counts_to_int8, g_to_counts


def test_known_answers() -> None:
    g = np.array([0, 1, -1, 2, -2, 1.99609375, 3, -3, 1 / 512, -1 / 512, 0.00195, -0.00196])
    expected = [0, 256, -256, 511, -512, 511, 511, -512, 1, 0, 0, -1]
    assert g_to_counts(g).tolist() == expected
    counts = np.array([0, 1, 2, 5, 6, -2, -3, 256, 509, 510, 511, -510, -511, -512])
    expected = [0, 0, 1, 1, 2, 0, -1, 64, 127, 127, 127, -127, -128, -128]
    assert counts_to_int8(counts).tolist() == expected


def test_every_count_survives_the_way_over_g() -> None:
    counts = np.arange(-512, 512, dtype=np.int16)
    assert np.array_equal(g_to_counts((counts / 256).astype(np.float32)), counts)


@given(st.floats(-4, 4, width=32))
def test_g_to_counts_is_floor_of_exact_arithmetic(g: float) -> None:
    exact = (Fraction(g) * 256 + Fraction(1, 2)).__floor__()
    assert g_to_counts(np.array([g], dtype=np.float32))[0] == min(max(exact, -512), 511)


def test_int8_is_the_nearest_step_of_a_64th_g() -> None:
    counts = np.arange(-512, 512)
    steps = counts / 256 / INPUT_SCALE_G
    wrong = np.abs(counts_to_int8(counts) - np.clip(steps, -128, 127))
    assert wrong.max() <= 0.5
    assert counts_to_int8(counts).dtype == np.int8
