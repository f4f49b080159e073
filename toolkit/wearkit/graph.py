"""QuantizedGraph: integer operations and tensors, the single source of every emitted model.

Activations are (time, channels) int8 with one scale and zero point each; a flat vector is
(1, features). Nothing here decides how a runtime rounds beyond naming the family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.spec import ModelSpec

Rounding = Literal["tflm", "xnnpack"]
"""Families of requantization; docs/design.md section 4 names the runtimes of each."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation: real value = scale * (q - zero_point). scale is a float32 value."""

    name: str
    shape: tuple[int, int]
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and float(np.float32(self.scale)) == self.scale):
            raise ModelFileError(f"Tensor {self.name}: the scale must be a positive float32.")
        if not -128 <= self.zero_point <= 127:
            raise ModelFileError(f"Tensor {self.name}: the zero point must fit int8.")
        if min(self.shape) < 1:
            raise ModelFileError(f"Tensor {self.name}: shape {self.shape} is empty.")


@dataclass(frozen=True, slots=True, eq=False)
class Conv1D:
    """Valid convolution over time.

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
    """(time, channels) -> (1, time * channels), time-major: bytes stay where they are."""

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
    """ops run in order; heads are in the order of model.tasks, which is the order on the wire."""

    model: ModelSpec
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    input: str
    heads: tuple[Head, ...]
    rounding: Rounding = "tflm"
