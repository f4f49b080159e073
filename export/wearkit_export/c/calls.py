"""The kernel calls of generated C."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearkit.integer.graph import Conv1D, Dense, DepthwiseConv1D, Pool, Tensor
from wearkit_export.c.constants import TILE, Constants, fits_wide


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Call:
    """reads: the tensors whose buffers it reads; source: the first of them, in the shape it sees.

    A call handles one row at a time.
    """

    name: str
    reads: tuple[str, ...]
    source: Tensor
    target: Tensor

    uses_scratch: ClassVar[bool] = False

    def scratch_bytes(self) -> int:
        """What a kernel with DSP instructions needs besides."""
        return 0

    def work(self) -> Iterator[tuple[str, int]]:
        """Buffers of its own on every target: what for, bytes."""
        yield from ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ConvCall(Call):
    """Convolution, ReLU, max pool (size 1 is none) and, if `mean`, the mean over all steps.

    steps: outputs of a row, before the mean. twice: the rounding family rounds twice.
    """

    op: Conv1D
    constants: Constants
    steps: int
    pool: int
    pool_stride: int
    mean: bool
    twice: bool
    uses_scratch: ClassVar[bool] = True

    @property
    def step(self) -> int:
        """Values from one convolution to the next."""
        return self.op.stride * self.source.shape[2]

    @property
    def hop(self) -> int:
        """Values from one output to the next."""
        return self.pool_stride * self.step

    @property
    def tiled(self) -> bool:
        """Windows start at multiples of four values, and 24 bits hold their sums."""
        return self.source.shape[2] % 4 == 0 and fits_wide(self.constants.weight)

    @property
    def kernel(self) -> str:
        fast = self.pool == 2 and self.twice and self.constants.small
        fast = fast and self.constants.outputs % 4 == 0
        return f"wk_conv1d_{'tiles' if self.tiled else 'taps'}{'_max2' if fast else ''}"

    @property
    def pad_values(self) -> tuple[int, int]:
        channels = self.source.shape[2]
        return self.op.pad_before * channels, self.op.pad_after * channels

    @property
    def columns(self) -> int:
        """Outputs at a time on the way to a mean: kernels like two where nothing is pooled."""
        return 2 if self.pool == 1 and self.steps > 1 else 1

    def scratch_bytes(self) -> int:
        return self.scratch_of(self.columns if self.mean else self.steps)

    def scratch_of(self, steps: int) -> int:
        """WK_CONV1D_TILES_SCRATCH or WK_CONV1D_TAPS_SCRATCH of wk_conv1d.h."""
        window = self.constants.inputs
        if self.tiled:
            rest = (self.pool - 1 if self.pool > 1 else 1) * self.step
            return rest * 2 + -(-window // TILE) * 2 * TILE
        return ((steps - 1) * self.pool_stride + self.pool) * self.step * 2 + -(-window // 2) * 4

    def work(self) -> Iterator[tuple[str, int]]:
        if any(self.pad_values):
            _, steps, channels = self.source.shape
            yield "padded", steps * channels + sum(self.pad_values)
        if self.mean:
            yield "sums", 2 * self.constants.outputs
            yield "column", self.columns * self.constants.outputs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthwiseCall(Call):
    op: DepthwiseConv1D
    constants: Constants


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DenseCall(Call):
    """in_place: nobody reads the inputs afterwards, so that they may be converted where they lie.

    segment: tiles between two emptyings of a 24-bit accumulator.
    """

    op: Dense
    constants: Constants
    in_place: bool
    segment: int
    uses_scratch: ClassVar[bool] = True

    @property
    def half_bytes(self) -> int:
        """WK_DENSE_IN_PLACE of wk_dense.h."""
        return -(-self.constants.inputs // TILE) * TILE

    def scratch_bytes(self) -> int:
        return 0 if self.in_place else 2 * self.half_bytes


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PoolCall(Call):
    """A pool that no convolution takes along."""

    op: Pool
    maximum: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MeanCall(Call):
    """A mean over time on its own; the fields are those of wk_mean_t."""

    multiplier: int
    shift: int
    sum_offset: int
    offset: int
    up_channels: int
    once: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LookupCall(Call):
    """An activation function on its own: int8 -> int8 through a table of 256."""

    table: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AddCall(Call):
    """Two tensors, value by value; factors as wk_add_t has them."""

    zero_points: tuple[int, int]
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    zero_point: int
    low: int
    high: int


LinearCall = ConvCall | DepthwiseCall | DenseCall
