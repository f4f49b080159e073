"""The integer reference: what a QuantizedGraph answers, by definition, in numpy alone.

`requantize` holds the rounding families (`Rounding`). No runtime is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wearkit import __version__
from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    ROUNDINGS,
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Linear,
    MaxPool1D,
    MeanTime,
    Op,
    Pool,
    QuantizedGraph,
    Relu,
    Reshape,
    Rounding,
    Tensor,
    clamp_range,
    inputs_of,
)
from wearkit.integer.requantize import (
    ADD_SHIFT,
    Int64,
    add_factors,
    add_shift_xnnpack,
    family_gap,
    linear_requantizer,
    rescale_factor,
    time_mean,
)

Int8 = NDArray[np.int8]
Kernel = Callable[..., Int8]
"""(N, rows, steps, channels) int8 of every tensor an operation reads -> of the one it writes."""

_BATCH = 256  # windows at a time: bounds the unrolled convolution input to some 10 MB
_FLOAT32_EXACT = 2**24  # every integer up to here is a float32, so any order of sums is exact


class Reference:
    """A graph made ready to run: weights as matrices, one requantizer a layer. Itself a runtime
    (wearkit.bundle.runtimes.Runtime), the one that defines what is right.

    graph: what to run; rounding: a family other than the graph's own.
    Raises ModelFileError when that family's runtimes cannot be matched on this graph.
    """

    name = "reference"
    version = f"wearkit {__version__}"

    def __init__(self, graph: QuantizedGraph, rounding: Rounding | None = None) -> None:
        self.graph = graph
        self.rounding: Rounding = graph.rounding if rounding is None else rounding
        if self.rounding not in ROUNDINGS:
            raise ModelFileError(f"Unknown rounding family {self.rounding!r}.")
        gap = family_gap(graph, self.rounding)
        if gap is not None:
            raise ModelFileError(gap)
        table = {tensor.name: tensor for tensor in graph.tensors}
        self._steps: list[tuple[Op, Kernel]] = []
        for op in graph.ops:
            sources = tuple(table[name] for name in inputs_of(op))
            self._steps.append((op, _step(op, sources, table[op.output], self.rounding)))

    @property
    def family(self) -> Rounding:
        """The rounding family it computes in, as every runtime names its own."""
        return self.rounding

    def run(self, inputs: Int8) -> dict[str, Int8]:
        """Int8 logits, task -> (N, labels), of windows (N, rows, steps, channels) int8.

        Where the input has one row, (N, steps, channels) will do: for our own networks that is
        (N, length, 3) in sensor order.
        Raises ModelFileError when the windows do not fit the graph's input.
        """
        batches = [self._run_batch(batch) for batch in _batches(self._rows(inputs))]
        return {
            head.task: np.concatenate([values[head.tensor][:, 0, 0] for values in batches])
            for head in self.graph.heads
        }

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
            values[op.output] = step(*(values[name] for name in inputs_of(op)))
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


def _step(op: Op, sources: tuple[Tensor, ...], target: Tensor, rounding: Rounding) -> Kernel:
    source = sources[0]
    match op:
        case Conv1D() | Dense():
            return _matrix_step(op, source, target, rounding)
        case DepthwiseConv1D():
            return _depthwise_step(op, source, target, rounding)
        case MaxPool1D():
            return lambda x: _max_pool(x, op, target.shape[1])
        case AveragePool1D():
            return _average_step(op, source, target)
        case MeanTime():
            return _mean_step(op, source, target, rounding)
        case Relu():
            factor = rescale_factor(source, target)
            return _writer(op, target, lambda x: factor.double(_centred(x, source)))
        case Add():
            return _add_step(op, (source, sources[1]), target, rounding)
        case Reshape():
            return lambda x: x.reshape(x.shape[0], *target.shape)


def _writer(op: Linear | Relu | Add, target: Tensor, centred: Callable[..., Int64]) -> Kernel:
    """Add the zero point and clamp what `centred` computes."""
    low, high = clamp_range(op.activation, target)
    return lambda *x: np.clip(centred(*x) + target.zero_point, low, high).astype(np.int8)


def _centred(x: Int8, tensor: Tensor) -> Int64:
    return x.astype(np.int64) - tensor.zero_point


def _matrix_step(op: Conv1D | Dense, source: Tensor, target: Tensor, rounding: Rounding) -> Kernel:
    """Convolution as a matrix product over unrolled steps; a dense layer is the kernel-1 case.

    The product runs in floating point because BLAS is fast, in the narrowest type in which
    every partial sum is an exactly represented integer.
    """
    flat = op.weight.reshape(op.weight.shape[0], -1)
    # The bias and the input's zero point join as integers after the product.
    largest_sum = 128 * int(np.abs(flat.astype(np.int64)).sum(axis=1).max())
    exact: type[np.float32 | np.float64]
    exact = np.float32 if largest_sum < _FLOAT32_EXACT else np.float64
    matrix: NDArray[np.float32 | np.float64] = np.ascontiguousarray(flat.T, dtype=exact)
    offset = op.bias.astype(np.int64) - source.zero_point * flat.astype(np.int64).sum(axis=1)
    requantize = linear_requantizer(op, source, target, rounding)

    def centred(x: Int8) -> Int64:
        unrolled = _unrolled(_padded(x, op, source), op) if isinstance(op, Conv1D) else x
        rows: NDArray[np.float32 | np.float64] = unrolled.astype(exact)
        return requantize((rows @ matrix).astype(np.int64) + offset)

    return _writer(op, target, centred)


def _depthwise_step(
    op: DepthwiseConv1D, source: Tensor, target: Tensor, rounding: Rounding
) -> Kernel:
    multiplier = target.shape[2] // source.shape[2]
    last = (target.shape[1] - 1) * op.stride + 1
    requantize = linear_requantizer(op, source, target, rounding)

    def centred(x: Int8) -> Int64:
        values = np.repeat(_centred(_padded(x, op, source), source), multiplier, axis=3)
        total = np.broadcast_to(op.bias.astype(np.int64), (len(x), *target.shape))
        for tap in range(op.kernel):
            total = total + values[:, :, tap : tap + last : op.stride] * op.weight[:, tap]
        return requantize(total)

    return _writer(op, target, centred)


def _padded(x: Int8, op: Conv1D | DepthwiseConv1D, source: Tensor) -> Int8:
    return _with_ends(x, op, source.zero_point)


def _with_ends(x: Int8, op: Conv1D | DepthwiseConv1D | Pool, value: int) -> Int8:
    """Padded steps that hold `value`."""
    if not op.pad_before and not op.pad_after:
        return x
    ends = ((0, 0), (0, 0), (op.pad_before, op.pad_after), (0, 0))
    return np.pad(x, ends, constant_values=value)


def _unrolled(x: Int8, op: Conv1D) -> Int8:
    """(N, rows, time, channels) -> (N, rows, steps, kernel * channels), oldest step first."""
    if op.kernel == 1 and op.stride == 1:
        return x
    windows = sliding_window_view(x, op.kernel, axis=2)[:, :, :: op.stride].swapaxes(3, 4)
    return windows.reshape(*windows.shape[:3], -1)


def _max_pool(x: Int8, op: MaxPool1D, steps: int) -> Int8:
    padded, last = _with_ends(x, op, -128), (steps - 1) * op.stride + 1
    result = padded[:, :, : last : op.stride]
    for shift in range(1, op.size):
        result = np.maximum(result, padded[:, :, shift : shift + last : op.stride])
    return result


def _average_step(op: AveragePool1D, source: Tensor, target: Tensor) -> Kernel:
    first = np.arange(target.shape[1]) * op.stride - op.pad_before
    there = np.minimum(first + op.size, source.shape[1]) - np.maximum(first, 0)
    count = there.astype(np.int64)[:, None]
    last = (target.shape[1] - 1) * op.stride + 1

    def average(x: Int8) -> Int8:
        padded = _with_ends(x, op, 0).astype(np.int64)
        total = sum(padded[:, :, tap : tap + last : op.stride] for tap in range(op.size))
        away = np.sign(total) * ((np.abs(total) + count // 2) // count)
        mean: Int8 = away.astype(np.int8)
        return mean

    return average


def _mean_step(op: MeanTime, source: Tensor, target: Tensor, rounding: Rounding) -> Kernel:
    mean = time_mean(op, source, target, rounding)
    return lambda x: mean(_sums(x)).astype(np.int8)


def _sums(x: Int8) -> Int64:
    total: Int64 = x.sum(axis=2, keepdims=True, dtype=np.int64)
    return total


def _add_step(
    op: Add, sources: tuple[Tensor, Tensor], target: Tensor, rounding: Rounding
) -> Kernel:
    first, second = sources
    if rounding == "xnnpack":
        (a, b), shift = add_shift_xnnpack(sources, target)
        half = 1 << (shift - 1)
        return _writer(
            op,
            target,
            lambda x, y: (a * _centred(x, first) + b * _centred(y, second) + half) >> shift,
        )
    left, right, total = add_factors(sources, target)

    def centred(x: Int8, y: Int8) -> Int64:
        terms = left.double(_centred(x, first) << ADD_SHIFT)
        return total.double(terms + right.double(_centred(y, second) << ADD_SHIFT))

    return _writer(op, target, centred)
