"""The integer reference: what a QuantizedGraph answers, by definition, in numpy alone.

Two rounding families (`Rounding`): `tflm` is TFLite Micro's double rounding (gemmlowp's
SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT), `xnnpack` is the float32
multiplier rounded half to even of XNNPACK and ONNX Runtime. No runtime is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.graph import (
    ROUNDINGS,
    Conv1D,
    Dense,
    Flatten,
    MaxPool1D,
    MeanTime,
    Op,
    QuantizedGraph,
    Rounding,
    Tensor,
    multipliers,
)

Int8 = NDArray[np.int8]
Requantize = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""(..., out) accumulators -> (..., out) integers before the zero point and the clamp."""

_BATCH = 256  # windows at a time: bounds the unrolled convolution input to some 10 MB
_FLOAT32_EXACT = 2**24  # every integer up to here is a float32, so any order of sums is exact

# The rounding constants of the tflm family; tests change one to prove that parity tests see it.
_HIGH_MUL_NUDGE = 1 << 30
_TIES_AWAY = 1


class Reference:
    """A graph made ready to run: weights as matrices, one requantizer a layer.

    graph: what to run; rounding: a family other than the graph's own.
    """

    def __init__(self, graph: QuantizedGraph, rounding: Rounding | None = None) -> None:
        self.graph = graph
        self.rounding: Rounding = graph.rounding if rounding is None else rounding
        if self.rounding not in ROUNDINGS:
            raise ModelFileError(f"Unknown rounding family {self.rounding!r}.")
        table = {tensor.name: tensor for tensor in graph.tensors}
        self._steps = [
            (op, _step(op, table[op.input], table[op.output], self.rounding)) for op in graph.ops
        ]

    def run(self, inputs: Int8) -> dict[str, Int8]:
        """Int8 logits, task -> (N, labels), of windows (N, rows, steps, channels) int8.

        Where the input has one row, (N, steps, channels) will do: for our own networks that is
        (N, length, 3) in sensor order.
        Raises ModelFileError when the windows do not fit the graph's input.
        """
        found = [self._run_batch(batch) for batch in _batches(self._rows(inputs))]
        return {
            head.task: np.concatenate([values[head.tensor][:, 0, 0] for values in found])
            for head in self.graph.heads
        }

    def trace(self, inputs: Int8) -> dict[str, Int8]:
        """Every activation of a few windows: tensor name -> (N, rows, steps, channels) int8."""
        return self._run_batch(self._rows(inputs))

    def _rows(self, inputs: Int8) -> Int8:
        shape = self.graph.tensor(self.graph.input).shape
        if inputs.ndim == 3 and shape[0] == 1:
            inputs = inputs[:, np.newaxis]
        if inputs.dtype != np.int8 or inputs.shape[1:] != shape:
            wanted = ", ".join(str(extent) for extent in shape)
            raise ModelFileError(
                f"The model takes int8 windows (N, {wanted}), not {inputs.dtype}{inputs.shape}."
            )
        return inputs

    def _run_batch(self, inputs: Int8) -> dict[str, Int8]:
        values = {self.graph.input: inputs}
        for op, step in self._steps:
            values[op.output] = step(values[op.input])
        return values


def run(
    graph: QuantizedGraph, inputs: Int8, *, rounding: Rounding | None = None
) -> dict[str, Int8]:
    """`Reference(graph, rounding).run(inputs)`; the prepared graph is kept for the next call."""
    return _prepared(graph, rounding).run(inputs)


@lru_cache(maxsize=4)
def _prepared(graph: QuantizedGraph, rounding: Rounding | None) -> Reference:
    return Reference(graph, rounding)


def _batches(inputs: Int8) -> Iterator[Int8]:
    # An empty input still gives one (empty) batch, so that the outputs keep their shape.
    for start in range(0, max(1, inputs.shape[0]), _BATCH):
        yield inputs[start : start + _BATCH]


def _step(op: Op, source: Tensor, target: Tensor, rounding: Rounding) -> Callable[[Int8], Int8]:
    match op:
        case Conv1D() | Dense():
            return _matrix_step(op, source, target, rounding)
        case MaxPool1D():
            return lambda x: _max_pool(x, op, target.shape[1])
        case MeanTime():
            return _mean_time
        case Flatten():
            return lambda x: x.reshape(x.shape[0], 1, 1, -1)


def _matrix_step(
    op: Conv1D | Dense, source: Tensor, target: Tensor, rounding: Rounding
) -> Callable[[Int8], Int8]:
    """Convolution as a matrix product over unrolled steps; a dense layer is the kernel-1 case.

    The product runs in floating point because BLAS is fast, in the narrowest type in which
    every partial sum is an exactly represented integer.
    """
    kernel = op.weight.shape[1] if isinstance(op, Conv1D) else 1
    stride = op.stride if isinstance(op, Conv1D) else 1
    flat = op.weight.reshape(op.weight.shape[0], -1)
    # The bias and the input's zero point join as integers after the product.
    largest_sum = 128 * int(np.abs(flat.astype(np.int64)).sum(axis=1).max())
    exact: type[np.float32 | np.float64]
    exact = np.float32 if largest_sum < _FLOAT32_EXACT else np.float64
    matrix: NDArray[np.float32 | np.float64] = np.ascontiguousarray(flat.T, dtype=exact)
    offset = op.bias.astype(np.int64) - source.zero_point * flat.astype(np.int64).sum(axis=1)
    requantize = _requantizer(op, source, target, rounding)
    low = target.zero_point if op.relu else -128

    def step(x: Int8) -> Int8:
        rows: NDArray[np.float32 | np.float64] = _unrolled(x, kernel, stride).astype(exact)
        accumulator = (rows @ matrix).astype(np.int64) + offset
        shifted = requantize(accumulator) + target.zero_point
        return np.clip(shifted, low, 127).astype(np.int8)

    return step


def _unrolled(x: Int8, kernel: int, stride: int) -> Int8:
    """(N, rows, time, channels) -> (N, rows, steps, kernel * channels), oldest step first."""
    if kernel == 1 and stride == 1:
        return x
    windows = sliding_window_view(x, kernel, axis=2)[:, :, ::stride].swapaxes(3, 4)
    return windows.reshape(*windows.shape[:3], -1)


def _max_pool(x: Int8, op: MaxPool1D, steps: int) -> Int8:
    last = (steps - 1) * op.stride + 1
    result = x[:, :, : last : op.stride]
    for shift in range(1, op.size):
        result = np.maximum(result, x[:, :, shift : shift + last : op.stride])
    return result


def _mean_time(x: Int8) -> Int8:
    """Nearest integer to the mean; the number of steps is odd, so nothing lies half way."""
    steps = x.shape[2]
    total = x.sum(axis=2, keepdims=True, dtype=np.int64)
    mean: Int8 = ((total + steps // 2) // steps).astype(np.int8)
    return mean


def _requantizer(
    op: Conv1D | Dense, source: Tensor, target: Tensor, rounding: Rounding
) -> Requantize:
    if rounding == "xnnpack":
        return float_requantizer(op.weight_scale, source.scale, target.scale)
    return double_requantizer(multipliers(op, source, target))


def double_requantizer(multiplier: NDArray[np.float64]) -> Requantize:
    """TFLite Micro's MultiplyByQuantizedMultiplier with a multiplier made by QuantizeMultiplier.

    multiplier: (out,) or (1,) float64, positive. Multipliers below 2**-32 count as zero.
    """
    mantissa, exponent = np.frexp(multiplier)
    fixed = np.floor(mantissa * 2.0**31 + 0.5).astype(np.int64)
    carry = fixed == 1 << 31
    fixed, exponent = np.where(carry, fixed >> 1, fixed), exponent + carry
    vanishes = exponent < -31
    fixed, exponent = np.where(vanishes, 0, fixed), np.where(vanishes, 0, exponent)
    left = np.maximum(exponent, 0).astype(np.int64)
    right = np.maximum(-exponent, 0).astype(np.int64)
    mask = (1 << right) - 1

    def requantize(accumulator: NDArray[np.int64]) -> NDArray[np.int64]:
        high = ((accumulator << left) * fixed + _HIGH_MUL_NUDGE) >> 31
        threshold = (mask >> 1) + _TIES_AWAY * (high < 0)
        rounded: NDArray[np.int64] = (high >> right) + ((high & mask) > threshold)
        return rounded

    return requantize


def float_requantizer(
    weight_scale: NDArray[np.float32], input_scale: float, output_scale: float
) -> Requantize:
    """XNNPACK's fp32 requantization: all in float32, in this order, rounded half to even."""
    scale = np.float32(input_scale) * weight_scale / np.float32(output_scale)

    def requantize(accumulator: NDArray[np.int64]) -> NDArray[np.int64]:
        scaled: NDArray[np.float32] = accumulator.astype(np.int32).astype(np.float32) * scale
        # Clamped while still a float, where the runtimes do it too: past int8 nothing differs.
        return np.rint(np.clip(scaled, -512.0, 512.0)).astype(np.int64)

    return requantize
