"""QuantizedGraph: integer operations and tensors, the single source of every emitted model.

Activations are (rows, steps, channels) int8 with one scale and zero point each: steps run along
time, and every row goes through the same weights. Our own networks have one row; a flat vector
is (1, 1, features). Nothing here decides how a runtime rounds beyond naming the family.
`graph_file` saves and loads graphs and computes the model id.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import INPUT_SCALE_G
from wearkit.errors import ModelFileError
from wearkit.spec import ModelSpec

Rounding = Literal["tflm", "xnnpack"]
"""Families of requantization; docs/design.md section 4 names the runtimes of each."""

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
INT32_MAX = 2**31 - 1
# XNNPACK refuses to build an operator whose multiplier is not below this.
_MULTIPLIER_LIMIT = 256.0


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation: real value = scale * (q - zero_point). scale is a float32 value."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.scale)
            and self.scale >= np.finfo(np.float32).tiny
            and float(np.float32(self.scale)) == self.scale
        ):
            raise ModelFileError(f"Tensor {self.name}: the scale must be a positive float32.")
        if not -128 <= self.zero_point <= 127:
            raise ModelFileError(f"Tensor {self.name}: the zero point must fit int8.")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ModelFileError(
                f"Tensor {self.name}: {self.shape} is not a shape of rows, steps, channels."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Conv1D:
    """Valid convolution over time, each row on its own with the same weights.

    weight: (out, kernel, in) int8, symmetric; weight_scale: (out,) float32;
    bias: (out,) int32 with scale float32(input scale * weight scale); relu: fused.
    """

    name: str
    input: str
    output: str
    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    stride: int = 1
    relu: bool = True

    def __post_init__(self) -> None:
        _check_constants(self, dimensions=3)
        if self.weight_scale.shape != self.bias.shape:
            raise ModelFileError(f"{self.name}: a convolution has one weight scale per channel.")


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """weight: (out, in) int8; weight_scale: (1,) per tensor or (out,); bias as in Conv1D."""

    name: str
    input: str
    output: str
    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    relu: bool = True

    def __post_init__(self) -> None:
        _check_constants(self, dimensions=2)
        if self.weight_scale.shape not in {(1,), self.bias.shape}:
            raise ModelFileError(f"{self.name}: a dense layer has one weight scale or one a unit.")


@dataclass(frozen=True, slots=True)
class MaxPool1D:
    """Maximum over `size` steps every `stride`; scale and zero point pass through."""

    name: str
    input: str
    output: str
    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class MeanTime:
    """Mean over all time steps (an odd number), nearest integer; scale and zero point unchanged."""

    name: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """(rows, steps, channels) -> (1, 1, all of them): bytes stay where they are."""

    name: str
    input: str
    output: str


Op = Conv1D | Dense | MaxPool1D | MeanTime | Flatten


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

    model: ModelSpec
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
            _check_op(op, table[op.input], table[op.output])
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


def multipliers(op: Conv1D | Dense, source: Tensor, target: Tensor) -> NDArray[np.float64]:
    """Input scale * weight scale / output scale per output channel, in float64: (out,) or (1,)."""
    scale: NDArray[np.float64] = op.weight_scale.astype(np.float64)
    return source.scale * scale / target.scale


def bias_scale(input_scale: float, weight_scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scale of a bias and of an accumulator step: the product, rounded to float32."""
    scale: NDArray[np.float32] = np.float32(input_scale) * weight_scale
    return scale


def accumulator_bound(op: Conv1D | Dense, source: Tensor) -> int:
    """The largest |int32 accumulator| any int8 input can reach, partial sums included."""
    reach = max(127 - source.zero_point, source.zero_point + 128)
    weight = np.abs(op.weight.reshape(op.weight.shape[0], -1).astype(np.int64)).sum(axis=1)
    return int((weight * reach + np.abs(op.bias.astype(np.int64))).max())


def _check_constants(op: Conv1D | Dense, dimensions: int) -> None:
    """Types and shapes; then freeze the arrays, so that a prepared reference stays true."""
    channels = op.weight.shape[0] if op.weight.ndim else 0
    if op.weight.dtype != np.int8 or op.weight.ndim != dimensions or op.weight.size == 0:
        raise ModelFileError(f"{op.name}: the weights must be int8 with {dimensions} dimensions.")
    if int(op.weight.min()) < -127:
        raise ModelFileError(f"{op.name}: symmetric weights lie in -127..127.")
    if op.bias.dtype != np.int32 or op.bias.shape != (channels,):
        raise ModelFileError(f"{op.name}: the bias must be int32, one a channel.")
    scale = op.weight_scale
    usable = np.isfinite(scale) & (scale >= np.finfo(np.float32).tiny)
    if scale.dtype != np.float32 or scale.ndim != 1 or not bool(usable.all()):
        raise ModelFileError(f"{op.name}: the weight scales must be positive float32 numbers.")
    for name in ("weight", "weight_scale", "bias"):
        frozen: NDArray[Any] = np.array(getattr(op, name), order="C")
        frozen.setflags(write=False)
        object.__setattr__(op, name, frozen)


def _check_input(tensor: Tensor | None, model: ModelSpec) -> None:
    shape = (1, model.window.length, len(model.window.axes))
    if tensor is None or tensor.shape != shape:
        raise ModelFileError(f"The graph's input must have the shape of a window, {shape}.")
    if tensor.scale != INPUT_SCALE_G or tensor.zero_point != 0:
        raise ModelFileError("The graph's input must have the scale 1/64 g and zero point 0.")


def _check_order(first: str, ops: tuple[Op, ...], names: set[str]) -> None:
    """Every tensor is written once, before it is read."""
    ready = {first}
    for op in ops:
        if op.input not in ready or op.output in ready or op.output not in names:
            raise ModelFileError(f"Operation {op.name} reads or writes the wrong tensor.")
        ready.add(op.output)
    if ready != names or len({op.name for op in ops}) != len(ops):
        raise ModelFileError("A tensor is never written, or two operations share a name.")


def _check_heads(heads: tuple[Head, ...], model: ModelSpec, table: dict[str, Tensor]) -> None:
    if [head.task for head in heads] != [task.name for task in model.tasks]:
        raise ModelFileError("The graph's heads and the model's tasks differ.")
    for head, task in zip(heads, model.tasks, strict=True):
        tensor = table.get(head.tensor)
        if tensor is None or tensor.shape != (1, 1, len(task.labels)):
            raise ModelFileError(f"The head of task {task.name!r} must give one logit a label.")


def _check_op(op: Op, source: Tensor, target: Tensor) -> None:
    if target.shape != _output_shape(op, source):
        raise ModelFileError(f"{op.name} cannot turn {source.shape} into {target.shape}.")
    if isinstance(op, Conv1D | Dense):
        _check_range(op, source, target)
    elif (source.scale, source.zero_point) != (target.scale, target.zero_point):
        raise ModelFileError(f"{op.name} must pass scale and zero point through.")


def _output_shape(op: Op, source: Tensor) -> tuple[int, int, int]:
    rows, steps, channels = source.shape
    match op:
        case Conv1D(weight=weight, stride=stride) if (
            weight.shape[2] == channels and 1 <= weight.shape[1] <= steps and stride >= 1
        ):
            return rows, (steps - weight.shape[1]) // stride + 1, weight.shape[0]
        case Dense(weight=weight) if source.shape == (1, 1, weight.shape[1]):
            return 1, 1, weight.shape[0]
        case MaxPool1D(size=size, stride=stride) if 1 <= size <= steps and stride >= 1:
            return rows, (steps - size) // stride + 1, channels
        case MeanTime() if steps % 2 == 1:
            return rows, 1, channels
        case Flatten():
            return 1, 1, rows * steps * channels
        case _:
            raise ModelFileError(f"{op.name} does not fit its input of shape {source.shape}.")


def _check_range(op: Conv1D | Dense, source: Tensor, target: Tensor) -> None:
    """No accumulator may leave int32, not even after TFLite Micro's left shift."""
    scale = multipliers(op, source, target)
    if not float(scale.max()) < _MULTIPLIER_LIMIT:
        raise ModelFileError(f"{op.name}: the output scale is far too fine for its accumulator.")
    if np.finfo(np.float32).tiny > source.scale * float(op.weight_scale.min()):
        raise ModelFileError(f"{op.name}: a bias scale is too small for float32.")
    left_shift = max(0, int(np.frexp(scale)[1].max()))
    if accumulator_bound(op, source) << left_shift > INT32_MAX:
        raise ModelFileError(f"{op.name}: an int32 accumulator could overflow.")
