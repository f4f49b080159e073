"""The requantizers and pools of the reference against arithmetic written from their definitions."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearkit.errors import ModelFileError
from wearkit.integer.graph import Dense, Head, MaxPool1D, MeanTime, QuantizedGraph, Reshape, Tensor
from wearkit.integer.reference import Reference, run
from wearkit.integer.requantize import double_requantizer, float_requantizer
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

INT32 = st.integers(-(2**31), 2**31 - 1)


def by_the_book(accumulator: int, multiplier: float) -> int:
    """gemmlowp's two functions with C's truncating division, in Python integers."""
    mantissa, exponent = math.frexp(multiplier)
    fixed = math.floor(Fraction(mantissa) * 2**31 + Fraction(1, 2))
    if fixed == 2**31:
        fixed, exponent = fixed // 2, exponent + 1
    if exponent < -31:
        fixed, exponent = 0, 0
    left, right = max(exponent, 0), max(-exponent, 0)
    product = accumulator * 2**left * fixed
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = int(Fraction(product + nudge, 2**31))  # int() truncates towards zero
    quotient = Fraction(high, 2**right)
    nearest = math.floor(abs(quotient) + Fraction(1, 2))  # half away from zero
    return nearest if quotient >= 0 else -nearest


@given(st.lists(INT32, min_size=1, max_size=20), st.floats(2.0**-40, 0.9999))
@settings(max_examples=300, deadline=None)
def test_double_rounding(accumulators: list[int], multiplier: float) -> None:
    requantize = double_requantizer(np.array([multiplier]))
    found = requantize(np.array(accumulators, np.int64)[:, None])[:, 0]
    assert found.tolist() == [by_the_book(value, multiplier) for value in accumulators]


@given(st.integers(-(2**22), 2**22), st.floats(1.0, 255.0))
def test_double_rounding_of_multipliers_above_one(accumulator: int, multiplier: float) -> None:
    found = double_requantizer(np.array([multiplier]))(np.array([accumulator], np.int64))
    assert int(found[0]) == by_the_book(accumulator, multiplier)


def single(value: float) -> float:
    """Round a double to float32, the way C does, without numpy."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@given(INT32, st.floats(2.0**-30, 1.0), st.floats(2.0**-20, 8.0), st.floats(2.0**-20, 8.0))
def test_float_rounding(accumulator: int, weight: float, source: float, target: float) -> None:
    weight, source, target = single(weight), single(source), single(target)
    requantize = float_requantizer(np.array([weight], np.float32), source, target)
    # Two float32 factors are exact in a double, so rounding their product once is right.
    scale = single(single(source * weight) / target)
    scaled = Fraction(single(accumulator)) * Fraction(scale)
    expected = round(Fraction(single(float(scaled))))  # round() takes half to even
    found = int(requantize(np.array([accumulator], np.int64))[0])
    assert np.clip(found, -300, 300) == np.clip(expected, -300, 300)


def pooled_graph(steps: int) -> QuantizedGraph:
    """steps -> mean over time, three channels, no weights at all."""
    task = TaskSpec("task", ("a", "b", "c"))
    model = ModelSpec("pool", WindowSpec(length=steps, hop=1), (task,))
    return QuantizedGraph(
        model,
        (Tensor("input", (1, steps, 3), 1 / 64, 0), Tensor("task", (1, 1, 3), 1 / 64, 0)),
        (MeanTime("mean", "input", "task"),),
        "input",
        (Head("task", "task"),),
    )


def test_mean_is_the_nearest_integer() -> None:
    windows = np.random.default_rng(0).integers(-128, 128, (500, 15, 3)).astype(np.int8)
    found = run(pooled_graph(15), windows)["task"]
    exact = windows.astype(np.int64).sum(axis=1)
    expected = [[round(Fraction(int(total), 15)) for total in row] for row in exact]
    assert found.tolist() == expected


def test_a_mean_that_can_tie_is_refused_where_runtimes_disagree() -> None:
    with pytest.raises(ModelFileError, match="lie half way"):
        Reference(pooled_graph(14), "xnnpack")
    Reference(pooled_graph(15), "xnnpack")


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 3), (5, 1)])
def test_max_pool(size: int, stride: int) -> None:
    steps = (20 - size) // stride + 1
    task = TaskSpec("task", tuple(map(str, range(3 * steps))))
    tensors = (
        Tensor("input", (1, 20, 3), 1 / 64, 0),
        Tensor("pooled", (1, steps, 3), 1 / 64, 0),
        Tensor("task", (1, 1, 3 * steps), 1 / 64, 0),
    )
    graph = QuantizedGraph(
        ModelSpec("pool", WindowSpec(length=20, hop=1), (task,)),
        tensors,
        (MaxPool1D("max", "input", "pooled", size, stride), Reshape("flat", "pooled", "task")),
        "input",
        (Head("task", "task"),),
    )
    windows = np.random.default_rng(0).integers(-128, 128, (4, 20, 3)).astype(np.int8)
    found = run(graph, windows)["task"].reshape(4, steps, 3)
    for step in range(steps):
        part = windows[:, step * stride : step * stride + size]
        assert np.array_equal(found[:, step], part.max(axis=1))


def test_accumulators_past_float32_stay_exact() -> None:
    """1200 products of up to 127 * 128 do not fit the 24 bits a float32 counts in.

    The multiplier is 1 and each bias takes its window's sum away, so every unit shows.
    """
    generator = np.random.default_rng(0)
    signs = generator.integers(0, 2, (40, 1200)) * 2 - 1
    weight = (signs * generator.integers(100, 128, 1200)).astype(np.int8)
    windows = np.where(signs > 0, 127, -128).astype(np.int8)
    windows -= (generator.integers(0, 2, windows.shape) * signs).astype(np.int8)
    sums = (windows.astype(np.int64) * weight).sum(axis=1)
    assert sums.min() > 2**24
    wanted = np.arange(-20, 20)
    task = TaskSpec("task", tuple(map(str, range(40))))
    bias = (wanted - sums).astype(np.int32)
    graph = QuantizedGraph(
        ModelSpec("wide", WindowSpec(length=400, hop=1), (task,)),
        (
            Tensor("input", (1, 400, 3), 1 / 64, 0),
            Tensor("flat", (1, 1, 1200), 1 / 64, 0),
            Tensor("task", (1, 1, 40), 1 / 64, 0),
        ),
        (
            Reshape("flatten", "input", "flat"),
            Dense("dense", "flat", "task", weight, np.ones(1, np.float32), bias),
        ),
        "input",
        (Head("task", "task"),),
    )
    found = run(graph, windows.reshape(40, 400, 3))["task"]
    assert np.diagonal(found).tolist() == wanted.tolist()


def test_windows_of_another_shape_or_type_are_refused() -> None:
    reference = Reference(pooled_graph(15))
    with pytest.raises(ModelFileError, match="int8 windows"):
        reference.run(np.zeros((1, 14, 3), np.int8))
    with pytest.raises(ModelFileError, match="int8 windows"):
        reference.run(np.zeros((1, 15, 3), np.int16))


def test_no_windows_give_no_logits_of_the_right_shape() -> None:
    assert run(pooled_graph(15), np.zeros((0, 15, 3), np.int8))["task"].shape == (0, 3)


def test_reference_imports_no_runtime() -> None:
    code = (
        "import sys, wearkit.integer.reference; "
        "heavy = {'torch', 'tensorflow', 'onnx', 'onnxruntime', 'ai_edge_litert', 'tflite_micro'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
