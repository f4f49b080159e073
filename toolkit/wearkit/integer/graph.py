"""QuantizedGraph: integer operations and tensors, the single source of every emitted model.

Nothing here decides how a runtime rounds beyond naming the family. `operations` holds the
operations, `graph_file` saves and loads graphs and computes the model id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import INPUT_SCALE_G
from wearkit.errors import ModelFileError
from wearkit.integer.operations import (
    ACTIVATIONS,
    Activation,
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
    Relu,
    Reshape,
    Tensor,
    clamp_range,
    inputs_of,
)
from wearkit.spec import ImportedSpec, ModelSpec

__all__ = [
    "POOL_REACH_MAX",
    "ROUNDINGS",
    "Activation",
    "Add",
    "AveragePool1D",
    "Conv1D",
    "Dense",
    "DepthwiseConv1D",
    "Head",
    "Linear",
    "MaxPool1D",
    "MeanTime",
    "Op",
    "Pool",
    "QuantizedGraph",
    "Relu",
    "Reshape",
    "Rounding",
    "Tensor",
    "accumulator_bound",
    "bias_scale",
    "check_range",
    "clamp_range",
    "inputs_of",
    "mean_is_plain",
    "multipliers",
]

Rounding = Literal["tflm", "ruy", "litert-ref", "xnnpack"]
"""Families of requantization; docs/design.md section 4 names the runtimes of each."""

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
INT32_MAX = 2**31 - 1
POOL_REACH_MAX = 2
"""Steps of a pool's window for each step it is given. No weights bound it, and what padding adds
must be held in memory; a padded window this long sees everything from every place."""
# XNNPACK refuses to build an operator whose multiplier is not below this.
_MULTIPLIER_LIMIT = 256.0


@dataclass(frozen=True, slots=True)
class Head:
    """The tensor that answers a task."""

    task: str
    tensor: str


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedGraph:
    """ops run in order; heads are in the order of model.tasks, which is the order on the wire.

    Raises ModelFileError when a shape, scale or name does not fit, or when an int32 accumulator
    (shifted left as TFLite Micro does for multipliers of 1 and more) could overflow.
    """

    model: ModelSpec | ImportedSpec
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    input: str
    heads: tuple[Head, ...]
    rounding: Rounding = "tflm"

    def __post_init__(self) -> None:
        if self.rounding not in ROUNDINGS:
            raise ModelFileError(f"Unknown rounding family {self.rounding!r}.")
        table = {tensor.name: tensor for tensor in self.tensors}
        if len(table) != len(self.tensors):
            raise ModelFileError("Two tensors of the graph have the same name.")
        _check_input(table.get(self.input), self.model)
        _check_order(self.input, self.ops, set(table))
        for op in self.ops:
            _check_op(op, [table[name] for name in inputs_of(op)], table[op.output])
        _check_heads(self.heads, self.model, table)

    def tensor(self, name: str) -> Tensor:
        """The activation of that name. Raises ModelFileError when there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise ModelFileError(f"The graph has no tensor {name!r}.")

    def head(self, task: str) -> Tensor:
        """The int8 logits tensor of a task. Raises ModelFileError when there is none."""
        for head in self.heads:
            if head.task == task:
                return self.tensor(head.tensor)
        raise ModelFileError(f"The graph has no head for task {task!r}.")


def multipliers(op: Linear, source: Tensor, target: Tensor) -> NDArray[np.float64]:
    """Input scale * weight scale / output scale per output channel, in float64: (out,) or (1,)."""
    scale: NDArray[np.float64] = op.weight_scale.astype(np.float64)
    return source.scale * scale / target.scale


def bias_scale(input_scale: float, weight_scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scale of a bias and of an accumulator step: the product, rounded to float32."""
    scale: NDArray[np.float32] = np.float32(input_scale) * weight_scale
    return scale


def accumulator_bound(op: Linear, source: Tensor) -> int:
    """The largest |int32 accumulator| any int8 input can reach, partial sums included."""
    reach = max(127 - source.zero_point, source.zero_point + 128)
    weight = np.abs(op.weight.reshape(op.weight.shape[0], -1).astype(np.int64)).sum(axis=1)
    return int((weight * reach + np.abs(op.bias.astype(np.int64))).max())


def mean_is_plain(source: Tensor, target: Tensor) -> bool:
    """A mean that only has to find the nearest integer, and never a tie: all families agree."""
    same = (source.scale, source.zero_point) == (target.scale, target.zero_point)
    return same and source.shape[1] % 2 == 1


def _check_input(tensor: Tensor | None, model: ModelSpec | ImportedSpec) -> None:
    if tensor is None:
        raise ModelFileError("The graph's input is not among its tensors.")
    if isinstance(model, ImportedSpec):
        return
    shape = (1, model.window.length, len(model.window.axes))
    if tensor.shape != shape:
        raise ModelFileError(f"The graph's input must have the shape of a window, {shape}.")
    if tensor.scale != INPUT_SCALE_G or tensor.zero_point != 0:
        raise ModelFileError("The graph's input must have the scale 1/64 g and zero point 0.")


def _check_order(first: str, ops: tuple[Op, ...], names: set[str]) -> None:
    """Every tensor is written once, before it is read."""
    ready = {first}
    for op in ops:
        if not ready.issuperset(inputs_of(op)) or op.output in ready or op.output not in names:
            raise ModelFileError(f"Operation {op.name} reads or writes the wrong tensor.")
        ready.add(op.output)
    if ready != names or len({op.name for op in ops}) != len(ops):
        raise ModelFileError("A tensor is never written, or two operations share a name.")


def _check_heads(
    heads: tuple[Head, ...], model: ModelSpec | ImportedSpec, table: dict[str, Tensor]
) -> None:
    if [head.task for head in heads] != [task.name for task in model.tasks]:
        raise ModelFileError("The graph's heads and the model's tasks differ.")
    for head, task in zip(heads, model.tasks, strict=True):
        tensor = table.get(head.tensor)
        if tensor is None or tensor.shape != (1, 1, len(task.labels)):
            raise ModelFileError(f"The head of task {task.name!r} must give one logit a label.")


def _check_op(op: Op, sources: list[Tensor], target: Tensor) -> None:
    source = sources[0]
    if getattr(op, "activation", "none") not in ACTIVATIONS:
        raise ModelFileError(f"{op.name} has an unknown activation function.")
    if not _shape_fits(op, sources, target.shape):
        raise ModelFileError(f"{op.name} cannot turn {source.shape} into {target.shape}.")
    match op:
        case Conv1D() | DepthwiseConv1D() | Dense():
            check_range(op, source, target)
        case MeanTime():
            reach = 255 * source.shape[1]
            _check_scale(op, source.scale / target.scale, reach)
        case Relu() | Add():
            _check_scale(op, max(tensor.scale for tensor in sources) / target.scale, 255)
        case _ if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            raise ModelFileError(f"{op.name} must pass scale and zero point through.")


def _shape_fits(op: Op, sources: list[Tensor], shape: tuple[int, int, int]) -> bool:
    (rows, steps, channels), outputs = sources[0].shape, shape[2]
    match op:
        case Conv1D(weight=weight, kernel=kernel):
            fits = weight.shape[2] == channels and weight.shape[0] == outputs
            return fits and shape[:2] == (rows, _output_steps(op, kernel, steps))
        case DepthwiseConv1D(weight=weight, kernel=kernel):
            fits = weight.shape[0] % channels == 0 and weight.shape[0] == outputs
            return fits and shape[:2] == (rows, _output_steps(op, kernel, steps))
        case Dense(weight=weight):
            return sources[0].shape == (1, 1, weight.shape[1]) and shape == (1, 1, len(weight))
        case MaxPool1D(size=size) | AveragePool1D(size=size):
            fits = size <= POOL_REACH_MAX * steps
            return fits and shape == (rows, _output_steps(op, size, steps), channels)
        case MeanTime():
            return shape == (rows, 1, channels)
        case Relu() | Add():
            return all(source.shape == shape for source in sources)
        case Reshape():
            return sources[0].size == int(np.prod(shape))


def _output_steps(op: Conv1D | DepthwiseConv1D | Pool, size: int, steps: int) -> int:
    """0 when the operation cannot slide: then no shape fits."""
    pads = (op.pad_before, op.pad_after)
    padded = steps + sum(pads)
    if op.stride < 1 or not 1 <= size <= padded or min(pads) < 0 or max(pads) >= size:
        return 0
    return (padded - size) // op.stride + 1


def check_range(op: Linear, source: Tensor, target: Tensor) -> None:
    """Raises ModelFileError when an accumulator could leave int32, be it only after the left
    shift TFLite Micro makes for a multiplier of 1 or more."""
    if float(np.finfo(np.float32).tiny) > source.scale * float(op.weight_scale.min()):
        raise ModelFileError(f"{op.name}: a bias scale is too small for float32.")
    largest = float(multipliers(op, source, target).max())
    _check_scale(op, largest, accumulator_bound(op, source))


def _check_scale(op: Op, multiplier: float, reach: int) -> None:
    if not multiplier < _MULTIPLIER_LIMIT:
        raise ModelFileError(f"{op.name}: the output scale is far too fine for its accumulator.")
    left_shift = max(0, int(np.frexp(multiplier)[1]))
    if reach << left_shift > INT32_MAX:
        raise ModelFileError(f"{op.name}: an int32 accumulator could overflow.")
