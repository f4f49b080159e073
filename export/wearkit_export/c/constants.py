"""The numbers of a layer as the C kernels want them: folded biases, fixed-point factors, tiles.

Everything is decided here, off line; firmware/include/wk/wk_layer.h and wk_requantize.h say what
the kernels do with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    Dense,
    Linear,
    QuantizedGraph,
    Rounding,
    Tensor,
    accumulator_bound,
    clamp_range,
    multipliers,
)
from wearkit.integer.requantize import fixed_point

TILE = 16  # inputs of a tile
_GROUP = 4  # channels are padded to a multiple of this
_INT32 = 2**31 - 1
_FRACTION_BITS = 22  # of a float64 significand, after the 31 bits of a multiplier
# With DSP instructions an accumulator holds 256 times the sum, so the sum has 24 bits; inputs at
# even places are -128..127, inputs at odd places -255..0 (wk_layer.h).
_WIDE_LIMIT = 2**23
_SMALL_SHIFTS = range(1, 23)
_SMALL_LIMIT = 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Constants:
    """One layer. weight: (out, inputs) int8; the rest one number a channel.

    bias: with the input's zero point folded in; odd_sum: sum of the weights at odd places;
    multiplier, fraction, shift: as wk_requantize.h takes them; small: WK_SMALL_SHIFTS may be
    promised.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int64]
    odd_sum: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    fraction: NDArray[np.int64]
    shift: NDArray[np.int64]
    zero_point: int
    low: int
    high: int
    small: bool

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[0])

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[1])


def layer_constants(op: Linear, graph: QuantizedGraph) -> Constants:
    """Fold a layer. Raises ModelFileError when its sums may leave 32 bits."""
    source, target = graph.tensor(op.input), graph.tensor(op.output)
    weight = op.weight.reshape(op.weight.shape[0], -1)
    sums = weight.astype(np.int64)
    bias = op.bias.astype(np.int64) - source.zero_point * sums.sum(axis=1)
    if int((255 * np.abs(sums).sum(axis=1) + np.abs(bias)).max()) > _INT32:
        raise ModelFileError(
            f"{op.name} has so many inputs that its sums may leave 32 bits in C: use fewer."
        )
    bound = accumulator_bound(op, source)
    multiplier, fraction, shift = _factors(op, source, target, graph.rounding)
    low, high = clamp_range(op.activation, target)
    small = (
        min(shift) in _SMALL_SHIFTS
        and max(shift) in _SMALL_SHIFTS
        and bound < _SMALL_LIMIT
        and (low, high) == (-128, 127)
    )
    ones = np.ones(weight.shape[0], dtype=np.int64)
    return Constants(
        weight=weight,
        bias=bias,
        odd_sum=sums[:, 1::2].sum(axis=1),
        multiplier=multiplier * ones,
        fraction=fraction * ones,
        shift=shift * ones,
        zero_point=target.zero_point,
        low=low,
        high=high,
        small=small,
    )


def fits_wide(weight: NDArray[np.int8]) -> bool:
    """24 bits hold every sum of the wide form of the inputs (wk_wide.h)."""
    size = np.abs(weight.astype(np.int64))
    reach = 128 * size[:, ::2].sum(axis=1) + 255 * size[:, 1::2].sum(axis=1)
    return int(reach.max()) < _WIDE_LIMIT


def segment_tiles(weight: NDArray[np.int8]) -> int:
    """How many tiles of a dense layer a 24-bit accumulator takes before it must be emptied."""
    tiles_of = -(-int(weight.shape[1]) // TILE)
    for parts in range(1, tiles_of + 1):
        length = -(-tiles_of // parts)
        starts = range(0, tiles_of, length)
        if all(fits_wide(weight[:, TILE * at : TILE * (at + length)]) for at in starts):
            return length
    return 1


def tiles(weight: NDArray[np.int8], channels: int) -> NDArray[np.int8]:
    """(out, inputs) -> (tile, channels, 16): group after group of so many channels."""
    rows = padded(weight)
    length = -(-rows.shape[1] // TILE)
    whole = np.zeros((rows.shape[0], length * TILE), dtype=np.int8)
    whole[:, : rows.shape[1]] = rows
    groups = whole.reshape(-1, channels, length, TILE)
    return groups.swapaxes(1, 2).reshape(-1, channels, TILE)


def padded(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Zeros for the channels that make their number a multiple of four."""
    out, inputs = weight.shape
    rows = np.zeros((-(-out // _GROUP) * _GROUP, inputs), dtype=np.int8)
    rows[:out] = weight
    return rows


Factors = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""multiplier, fraction, shift."""


def _factors(op: Linear, source: Tensor, target: Tensor, rounding: Rounding) -> Factors:
    if rounding == "xnnpack":
        return _float32_factors(op, source, target)
    scale = multipliers(op, source, target)
    if rounding == "litert-ref" and isinstance(op, Dense):
        return _float64_factors(scale)
    if rounding == "ruy" and isinstance(op, Dense) and len(op.weight_scale) == 1:
        # As in wearkit.integer.requantize: this one product of scales is taken in float32.
        product = np.float32(source.scale) * op.weight_scale
        scale = product.astype(np.float64) / target.scale
    factor = fixed_point(scale)
    return factor.mantissa, np.zeros_like(factor.mantissa), -factor.exponent


def _float64_factors(scale: NDArray[np.float64]) -> Factors:
    """The 53 bits of each significand, as 31 and 22."""
    significand, exponent = np.frexp(scale)
    bits = (significand * 2.0**53).astype(np.int64)
    low = bits & ((1 << _FRACTION_BITS) - 1)
    return bits >> _FRACTION_BITS, low, -exponent.astype(np.int64)


def _float32_factors(op: Linear, source: Tensor, target: Tensor) -> Factors:
    scale = np.float32(source.scale) * op.weight_scale / np.float32(target.scale)
    significand, exponent = np.frexp(scale)
    bits = (significand * 2.0**24).astype(np.int64)
    return bits, np.zeros_like(bits), 24 - exponent.astype(np.int64)
