"""The frozen operations of a QuantizedGraph and the tensors between them.

Activations are (rows, steps, channels) int8 with one scale and zero point each: steps run along
time, and every row goes through the same weights. Our own networks have one row; a flat vector
is (1, 1, features). An activation function is part of the operation before it, as in TFLite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError

Activation = Literal["none", "relu", "relu6"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


# As Python floats: numpy's would make a float32 of what they are compared with, and overflow.
_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation: real value = scale * (q - zero_point). scale is a float32 value."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (
            _SMALLEST <= self.scale <= _LARGEST and float(np.float32(self.scale)) == self.scale
        ):
            raise ModelFileError(f"Tensor {self.name}: the scale must be a positive float32.")
        if not -128 <= self.zero_point <= 127:
            raise ModelFileError(f"Tensor {self.name}: the zero point must fit int8.")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ModelFileError(
                f"Tensor {self.name}: {self.shape} is not a shape of rows, steps, channels."
            )

    @property
    def size(self) -> int:
        """Values, which are bytes."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Conv1D:
    """Convolution over time, each row on its own with the same weights.

    weight: (out, kernel, in) int8, symmetric; weight_scale: (out,) float32;
    bias: (out,) int32 with scale float32(input scale * weight scale).
    pad_before, pad_after: steps added at either end, which hold the input's zero point.
    """

    name: str
    input: str
    output: str
    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    stride: int = 1
    pad_before: int = 0
    pad_after: int = 0
    activation: Activation = "none"

    def __post_init__(self) -> None:
        _freeze_constants(self, dimensions=3)
        if self.weight_scale.shape != self.bias.shape:
            raise ModelFileError(f"{self.name}: a convolution has one weight scale per channel.")

    @property
    def kernel(self) -> int:
        """Time steps of the kernel."""
        return int(self.weight.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class DepthwiseConv1D:
    """Convolution over time, each channel on its own.

    weight: (out, kernel) int8; output channel o reads input channel o // (out / channels), so
    out / channels is TFLite's depth multiplier. The rest as in Conv1D.
    """

    name: str
    input: str
    output: str
    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    stride: int = 1
    pad_before: int = 0
    pad_after: int = 0
    activation: Activation = "none"

    def __post_init__(self) -> None:
        _freeze_constants(self, dimensions=2)
        if self.weight_scale.shape != self.bias.shape:
            raise ModelFileError(f"{self.name}: a convolution has one weight scale per channel.")

    @property
    def kernel(self) -> int:
        """Time steps of the kernel."""
        return int(self.weight.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """weight: (out, in) int8; weight_scale: (1,) per tensor or (out,); bias as in Conv1D."""

    name: str
    input: str
    output: str
    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    activation: Activation = "none"

    def __post_init__(self) -> None:
        _freeze_constants(self, dimensions=2)
        if self.weight_scale.shape not in {(1,), self.bias.shape}:
            raise ModelFileError(f"{self.name}: a dense layer has 1 weight scale, or one per unit.")


@dataclass(frozen=True, slots=True)
class MaxPool1D:
    """Maximum over `size` steps every `stride`; padded steps take no part.

    Scale and zero point pass through.
    """

    name: str
    input: str
    output: str
    size: int
    stride: int
    pad_before: int = 0
    pad_after: int = 0


@dataclass(frozen=True, slots=True)
class AveragePool1D:
    """Mean over `size` steps every `stride`, of the steps that are there; a half rounds away from
    zero, zero being q = 0. Scale and zero point pass through. All families agree on it."""

    name: str
    input: str
    output: str
    size: int
    stride: int
    pad_before: int = 0
    pad_after: int = 0


@dataclass(frozen=True, slots=True)
class MeanTime:
    """Mean over all steps of each row, in the scale of the output.

    over_image: TFLite's MEAN over height and width that keeps both; the ruy family computes it
    in another way than every other mean.
    """

    name: str
    input: str
    output: str
    over_image: bool = False


@dataclass(frozen=True, slots=True)
class Relu:
    """An activation function on its own, into the scale of the output."""

    name: str
    input: str
    output: str
    activation: Activation


@dataclass(frozen=True, slots=True)
class Add:
    """input + other, value by value, into the scale of the output."""

    name: str
    input: str
    other: str
    output: str
    activation: Activation = "none"


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another shape for the same bytes in the same order."""

    name: str
    input: str
    output: str


Linear = Conv1D | DepthwiseConv1D | Dense
Pool = MaxPool1D | AveragePool1D
Op = Linear | Pool | MeanTime | Relu | Add | Reshape


def inputs_of(op: Op) -> tuple[str, ...]:
    """The names of the tensors an operation reads."""
    return (op.input, op.other) if isinstance(op, Add) else (op.input,)


def clamp_range(activation: Activation, target: Tensor) -> tuple[int, int]:
    """The smallest and the largest int8 an operation may write to `target`, both included."""
    if activation == "none":
        return -128, 127
    if activation == "relu":
        return target.zero_point, 127
    return target.zero_point, min(127, target.zero_point + math.floor(_six(target) + 0.5))


def six_lies_half_way(target: Tensor) -> bool:
    """6 is half way between two steps of `target`, where runtimes round in two ways."""
    return _six(target) % 1 == 0.5


def _six(target: Tensor) -> float:
    """6 in steps of the output, as the runtimes have it: a float32. No int8 needs more than 256."""
    if target.scale < 6 / 256:
        return 256.0
    return float(np.float32(6) / np.float32(target.scale))


def _freeze_constants(op: Linear, dimensions: int) -> None:
    """Check types and shapes; then freeze the arrays, so that a prepared reference stays true."""
    channels = op.weight.shape[0] if op.weight.ndim else 0
    if op.weight.dtype != np.int8 or op.weight.ndim != dimensions or op.weight.size == 0:
        raise ModelFileError(f"{op.name}: the weights must be int8 with {dimensions} dimensions.")
    if int(op.weight.min()) < -127:
        raise ModelFileError(f"{op.name}: symmetric weights lie in -127..127.")
    if op.bias.dtype != np.int32 or op.bias.shape != (channels,):
        raise ModelFileError(f"{op.name}: the bias must be int32, one per channel.")
    scale = op.weight_scale
    usable = np.isfinite(scale) & (scale >= np.finfo(np.float32).tiny)
    if scale.dtype != np.float32 or scale.ndim != 1 or not bool(usable.all()):
        raise ModelFileError(f"{op.name}: the weight scales must be positive float32 numbers.")
    for name in ("weight", "weight_scale", "bias"):
        frozen: NDArray[Any] = np.array(getattr(op, name), order="C")
        frozen.setflags(write=False)
        object.__setattr__(op, name, frozen)
