"""FloatGraph: a checkpoint with its batch norms folded, in the operations the device will run.

It has the topology of the QuantizedGraph made from it, runs in numpy, and is what the fp32
model files print. It computes in float64, where the order of a sum does not show in a float32:
calibration ranges, and with them the model id, do not depend on a BLAS or its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.integer.graph import Head, MaxPool1D, MeanTime, Reshape
from wearkit.model import architecture
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import ModelSpec

Float = NDArray[np.float32]
Wide = NDArray[np.float64]
INPUT_NAME = "input"
_BATCH = 128  # windows at a time: bounds the unrolled convolution input to some 6 MB


@dataclass(frozen=True, slots=True, eq=False)
class FloatConv:
    """weight: (out, kernel, in) float32, bias: (out,) float32; valid, stride 1."""

    name: str
    input: str
    output: str
    weight: Float
    bias: Float
    relu: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FloatDense:
    """weight: (out, in) float32, bias: (out,) float32."""

    name: str
    input: str
    output: str
    weight: Float
    bias: Float
    relu: bool = True


FloatKernel = Callable[[Wide], Wide]
FloatOp = FloatConv | FloatDense | MaxPool1D | MeanTime | Reshape


@dataclass(frozen=True, slots=True, eq=False)
class FloatGraph:
    """shapes: tensor name -> (time, channels), in the order they are written."""

    model: ModelSpec
    shapes: dict[str, tuple[int, int]]
    ops: tuple[FloatOp, ...]
    input: str
    heads: tuple[Head, ...]

    def run(self, acc_g: Float) -> dict[str, Wide]:
        """Logits, task -> (N, labels) float64, of windows (N, length, 3) float32 in g."""
        steps = [_step(op) for op in self.ops]
        batches = [self._run_batch(steps, batch) for batch in _batches(acc_g)]
        return {
            head.task: np.concatenate([values[head.tensor][:, 0, :] for values in batches])
            for head in self.heads
        }

    def ranges(self, acc_g: Float) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of every tensor over windows (N >= 1, length, 3) in g."""
        ranges: dict[str, tuple[float, float]] = {}
        steps = [_step(op) for op in self.ops]
        for batch in _batches(acc_g):
            for name, value in self._run_batch(steps, batch).items():
                low, high = ranges.get(name, (np.inf, -np.inf))
                ranges[name] = (min(low, float(value.min())), max(high, float(value.max())))
        return ranges

    def _run_batch(self, steps: list[FloatKernel], acc_g: Float) -> dict[str, Wide]:
        values: dict[str, Wide] = {self.input: acc_g.astype(np.float64)}
        for op, step in zip(self.ops, steps, strict=True):
            values[op.output] = step(values[op.input])
        return values


def fold(checkpoint: Checkpoint) -> FloatGraph:
    """The float graph of a checkpoint. Raises ModelFileError when a batch norm cannot be folded or
    the network is one for comparing figures only."""
    model, weights = checkpoint.model, checkpoint.weights
    if INPUT_NAME in {task.name for task in model.tasks}:
        raise ModelFileError(f"A task cannot be called {INPUT_NAME!r}: rename it and train again.")
    shapes = {INPUT_NAME: (model.window.length, len(model.window.axes))}
    ops: list[FloatOp] = []
    current = INPUT_NAME
    for index, item in enumerate(architecture.shapes(model)):
        op = _fold_layer(item.layer, index, current, weights)
        ops.append(op)
        shapes[op.output] = item.shape_out
        current = op.output
    heads = []
    for task in model.tasks:
        name = f"heads.{task.name}"
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        ops.append(FloatDense(name, current, task.name, weight, bias, relu=False))
        shapes[task.name] = (1, len(task.labels))
        heads.append(Head(task.name, task.name))
    return FloatGraph(model, shapes, tuple(ops), INPUT_NAME, tuple(heads))


def _fold_layer(
    layer: architecture.Layer, index: int, source: str, weights: Mapping[str, Float]
) -> FloatOp:
    """One trunk layer. Tensor names hold a dot, which no task name can."""
    match layer:
        case architecture.Conv(name=name):
            weight, bias = _fold_norm(name, weights)
            return FloatConv(name, source, f"{name}.out", weight, bias)
        case architecture.DenseLayer(name=name):
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            return FloatDense(name, source, f"{name}.out", weight, bias)
        case architecture.MaxPool(size=size):
            name = f"pool{index}"
            return MaxPool1D(name, source, f"{name}.out", size, size)
        case architecture.MeanTimeLayer():
            return MeanTime("mean", source, "mean.out")
        case architecture.Flatten():
            return Reshape("flatten", source, "flatten.out")
        case architecture.PublishedRow():
            raise ModelFileError(
                "The published tensor path is for comparing figures only and has no exported form: "
                "train mtl-net."
            )


def _fold_norm(name: str, weights: Mapping[str, Float]) -> tuple[Float, Float]:
    """Convolution and batch norm as one convolution, (out, kernel, in): folded in float64."""
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (
        weights[f"{name}.norm.{part}"].astype(np.float64) for part in parts
    )
    if float(variance.min()) < 0:
        raise ModelFileError(f"{name}.norm.running_var holds a negative variance: train again.")
    factor = gamma / np.sqrt(variance + architecture.BATCH_NORM_EPS)
    kernel = weights[f"{name}.conv.weight"].astype(np.float64).transpose(0, 2, 1)
    bias = (weights[f"{name}.conv.bias"] - mean) * factor + beta
    with np.errstate(over="ignore"):  # looked for in the next line
        folded = (kernel * factor[:, None, None]).astype(np.float32), bias.astype(np.float32)
    if not all(np.isfinite(part).all() for part in folded):
        raise ModelFileError(f"Folding the batch norm of {name} overflows float32: train again.")
    return np.ascontiguousarray(folded[0]), folded[1]


def _step(op: FloatOp) -> FloatKernel:
    match op:
        case FloatConv() | FloatDense():
            return _affine(op)
        case MaxPool1D(size=size):
            return lambda x: _max_pool(x, size)
        case MeanTime():
            return lambda x: np.asarray(x.mean(axis=1, keepdims=True))
        case Reshape():
            return lambda x: x.reshape(len(x), 1, -1)


def has_relu(op: object) -> bool:
    """A float or an integer operation ends in a ReLU."""
    return getattr(op, "relu", False) or getattr(op, "activation", "none") == "relu"


def _affine(op: FloatConv | FloatDense) -> FloatKernel:
    kernel = op.weight.shape[1] if isinstance(op, FloatConv) else 1
    matrix = op.weight.reshape(len(op.weight), -1).T.astype(np.float64)
    lowest = 0.0 if op.relu else -np.inf

    def step(x: Wide) -> Wide:
        if kernel > 1:
            rows = sliding_window_view(x, kernel, axis=1).transpose(0, 1, 3, 2)
            x = rows.reshape(*rows.shape[:2], -1)
        return np.maximum(x @ matrix + op.bias, lowest)

    return step


def _max_pool(x: Wide, size: int) -> Wide:
    steps = x.shape[1] // size
    pooled: Wide = x[:, : steps * size].reshape(len(x), steps, size, -1).max(axis=2)
    return pooled


def _batches(acc_g: Float) -> Iterator[Float]:
    for start in range(0, max(1, len(acc_g)), _BATCH):
        yield acc_g[start : start + _BATCH]
