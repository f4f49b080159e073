"""From accumulators to int8: the arithmetic in which runtimes differ, one function a family.

`tflm` is TFLite Micro's double rounding: gemmlowp's SaturatingRoundingDoublingHighMul, then
RoundingDivideByPOT, which rounds halves away from zero. `ruy` rounds the second halves up
(depthwise only in whole blocks of eight channels).
`litert-ref` does as `tflm`, except that a dense layer multiplies in float64 and rounds once.
`xnnpack` multiplies in float32 and rounds halves to even. Each was compared with its runtimes
on accumulators beside every rounding edge (tests/export/import_tflite/test_operators.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.integer.graph import (
    Add,
    Dense,
    DepthwiseConv1D,
    Linear,
    MeanTime,
    Op,
    QuantizedGraph,
    Relu,
    Rounding,
    Tensor,
    inputs_of,
    mean_is_plain,
    multipliers,
)
from wearkit.integer.operations import six_lies_half_way

Int64 = NDArray[np.int64]
Requantize = Callable[[Int64], Int64]
"""(..., out) accumulators -> (..., out) integers before the zero point and the clamp."""

ADD_SHIFT = 20
"""Both terms of a sum are shifted left by this before they are brought to one scale."""

# The rounding constants of the tflm family; tests change one to prove that parity tests see it.
_HIGH_MUL_NUDGE = 1 << 30
_TIES_AWAY = 1

DEPTHWISE_BLOCK = 8
IMAGE_MEAN_BLOCK = 16
"""Channels that the ruy family's vector code takes at a time; see `FixedPoint.by_blocks`."""

_CLEAR_MEAN_STEPS_MAX = 4096
_BELOW_HALF = float(np.nextafter(0.5, 0.0))
_XNNPACK_ADD_RATIO = (2.0**-10, 2.0**8)  # beyond it XNNPACK hands the sum back to the built-in


@dataclass(frozen=True, slots=True, eq=False)
class FixedPoint:
    """value = mantissa * 2**(exponent - 31), mantissa in [2**30, 2**31) or 0; one or one a
    channel. Positive exponents shift the accumulator left, negative ones the product right."""

    mantissa: Int64
    exponent: Int64

    def double(self, accumulator: Int64) -> Int64:
        """Rounded at 2**-31, then at the shift with halves away from zero."""
        high, right = self._high(accumulator)
        mask = (1 << right) - 1
        rounded: Int64 = (high >> right) + ((high & mask) > (mask >> 1) + _TIES_AWAY * (high < 0))
        return rounded

    def double_up(self, accumulator: Int64) -> Int64:
        """As `double`, with the second halves rounded up."""
        high, right = self._high(accumulator)
        rounded: Int64 = (high + ((1 << right) >> 1)) >> right
        return rounded

    def by_blocks(self, accumulator: Int64, block: int) -> Int64:
        """`double_up` for whole blocks of channels, which go through vector code in the ruy
        family, and `double` for the channels that are left over."""
        channels = accumulator.shape[-1]
        in_block = np.arange(channels) < channels // block * block
        return np.where(in_block, self.double_up(accumulator), self.double(accumulator))

    def _high(self, accumulator: Int64) -> tuple[Int64, Int64]:
        left, right = np.maximum(self.exponent, 0), np.maximum(-self.exponent, 0)
        return ((accumulator << left) * self.mantissa + _HIGH_MUL_NUDGE) >> 31, right


def fixed_point(multiplier: NDArray[np.float64] | float) -> FixedPoint:
    """TFLite's QuantizeMultiplier: positive float64, any shape; below 2**-32 counts as zero."""
    fraction, power = np.frexp(multiplier)
    mantissa = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carry = mantissa == 1 << 31
    mantissa, exponent = np.where(carry, mantissa >> 1, mantissa), power.astype(np.int64) + carry
    vanishes = exponent < -31
    return FixedPoint(np.where(vanishes, 0, mantissa), np.where(vanishes, 0, exponent))


def linear_requantizer(
    op: Linear, source: Tensor, target: Tensor, rounding: Rounding
) -> Requantize:
    """From int32 accumulators (..., out) to centred outputs, by the rule that the family has for
    this kind of layer. Not clamped, and without the target's zero point."""
    multiplier = multipliers(op, source, target)
    match rounding:
        case "xnnpack":
            return float_requantizer(op.weight_scale, source.scale, target.scale)
        case "litert-ref" if isinstance(op, Dense):
            return lambda accumulator: _away(accumulator * multiplier)
        case "ruy" if isinstance(op, DepthwiseConv1D):
            scaled = fixed_point(multiplier)
            return lambda accumulator: scaled.by_blocks(accumulator, DEPTHWISE_BLOCK)
        case "ruy":
            if isinstance(op, Dense) and len(op.weight_scale) == 1:
                # This one product of scales is taken in float32.
                product = np.float32(source.scale) * op.weight_scale
                multiplier = product.astype(np.float64) / target.scale
            return fixed_point(multiplier).double_up
        case _:
            return double_requantizer(multiplier)


def double_requantizer(multiplier: NDArray[np.float64]) -> Requantize:
    """TFLite Micro's MultiplyByQuantizedMultiplier with a multiplier made by QuantizeMultiplier.

    multiplier: (out,) or (1,) float64, positive.
    """
    return fixed_point(multiplier).double


def float_requantizer(
    weight_scale: NDArray[np.float32], input_scale: float, output_scale: float
) -> Requantize:
    """XNNPACK's fp32 requantization: all in float32, in this order, rounded half to even."""
    scale = np.float32(input_scale) * weight_scale / np.float32(output_scale)

    def requantize(accumulator: Int64) -> Int64:
        scaled: NDArray[np.float32] = accumulator.astype(np.int32).astype(np.float32) * scale
        # Clamped while still a float, where the runtimes do it too: past int8 nothing differs.
        return np.rint(np.clip(scaled, -512.0, 512.0)).astype(np.int64)

    return requantize


def rescale_factor(source: Tensor, target: Tensor) -> FixedPoint:
    """What brings q - zero point from one scale to another: Relu."""
    return fixed_point(source.scale / target.scale)


def mean_factor(source: Tensor, target: Tensor) -> FixedPoint:
    """What turns a sum of q - zero point over all steps into their mean in the output's scale.

    TFLite divides the integer multiplier by the number of steps, cutting off the rest.
    """
    scale, steps = rescale_factor(source, target), source.shape[1]
    shift = min(steps.bit_length() - 1, 32, 31 + int(scale.exponent))
    mantissa = (int(scale.mantissa) << shift) // steps
    return FixedPoint(np.array(mantissa), np.array(int(scale.exponent) - shift))


@dataclass(frozen=True, slots=True)
class MeanFactors:
    """mean = round((sum of q + sum_offset) * factor) + offset, clamped to int8.

    block: channels in vector code (`by_blocks`); 1 rounds all halves up, 0 all away from zero.
    """

    factor: FixedPoint
    sum_offset: int
    offset: int
    block: int

    def mean(self, sums: Int64) -> Int64:
        """(..., channels) sums of q -> means, not clamped."""
        moved = sums + self.sum_offset
        if self.block == 0:
            return self.factor.double(moved) + self.offset
        return self.factor.by_blocks(moved, self.block) + self.offset


def mean_factors(source: Tensor, target: Tensor) -> MeanFactors:
    """TFLite's mean: `mean_factor` on sums of q - zero point."""
    centred = -source.shape[1] * source.zero_point
    return MeanFactors(mean_factor(source, target), centred, target.zero_point, 0)


def image_mean_factors(source: Tensor, target: Tensor) -> MeanFactors:
    """The ruy family's mean over an image: on sums of q itself, both zero points afterwards."""
    product = np.float32(source.shape[1]) * np.float32(target.scale)
    factor = fixed_point(float(np.float32(source.scale) / product))
    moved = _away(np.float64(source.zero_point * source.scale / target.scale))
    return MeanFactors(factor, 0, target.zero_point - int(moved), IMAGE_MEAN_BLOCK)


def time_mean(
    op: MeanTime, source: Tensor, target: Tensor, rounding: Rounding
) -> Callable[[Int64], Int64]:
    """(..., channels) sums of q over all steps -> int8 means, clamped."""
    if mean_is_plain(source, target):
        steps = source.shape[1]
        return lambda sums: (sums + steps // 2) // steps
    if rounding == "xnnpack":
        return lambda sums: np.clip(float_mean(sums, source, target), -128, 127)
    image = op.over_image and rounding == "ruy"
    factors = image_mean_factors(source, target) if image else mean_factors(source, target)
    return lambda sums: np.clip(factors.mean(sums), -128, 127)


def float_mean(sums: Int64, source: Tensor, target: Tensor) -> Int64:
    """XNNPACK's mean of sums of q over all steps: all in float32, rounded half to even."""
    factor = np.float32(source.scale) / np.float32(target.scale)
    offset = np.float32(target.zero_point) - np.float32(source.zero_point) * factor
    per_step = factor * (np.float32(1) / np.float32(source.shape[1]))
    means: NDArray[np.float32] = sums.astype(np.float32) * per_step + offset
    return np.rint(means).astype(np.int64)


def _mean_is_clear(source: Tensor, target: Tensor) -> bool:
    """No reachable sum lies so near a rounding edge that `float_mean` takes another side than
    exact arithmetic does, ties included: releases of XNNPACK round those in different ways."""
    steps = source.shape[1]
    if steps > _CLEAR_MEAN_STEPS_MAX:
        return False
    sums = np.arange(-128 * steps, 127 * steps + 1)
    exact = (sums - steps * source.zero_point) * (source.scale / target.scale / steps)
    exact += target.zero_point
    rounded = np.clip(float_mean(sums, source, target), -128, 127)
    sides = np.floor(exact + 0.5), np.ceil(exact - 0.5)
    return all(bool((rounded == np.clip(side, -128, 127)).all()) for side in sides)


def add_factors(op_sources: tuple[Tensor, Tensor], target: Tensor) -> tuple[FixedPoint, ...]:
    """Factors of either term (shifted left by ADD_SHIFT) and of their sum."""
    twice = 2 * max(tensor.scale for tensor in op_sources)
    terms = [fixed_point(tensor.scale / twice) for tensor in op_sources]
    return (*terms, fixed_point(twice / ((1 << ADD_SHIFT) * target.scale)))


def add_shift_xnnpack(
    op_sources: tuple[Tensor, Tensor], target: Tensor
) -> tuple[tuple[int, int], int]:
    """XNNPACK's integer multiplier of either term, and the shift of their sum (halves go up)."""
    ratios = [np.float32(tensor.scale) / np.float32(target.scale) for tensor in op_sources]
    shift = ADD_SHIFT + 1 - int(np.frexp(max(ratios))[1])
    first, second = (int(np.rint(np.ldexp(np.float64(ratio), shift))) for ratio in ratios)
    return (first, second), shift


def family_gap(graph: QuantizedGraph, rounding: Rounding) -> str | None:
    """Why a family's runtimes cannot be matched on this graph; None when they can."""
    for op in graph.ops:
        sources = tuple(graph.tensor(name) for name in inputs_of(op))
        reason = _gap(op, sources, graph.tensor(op.output), rounding)
        if reason is not None:
            return f"{op.name} cannot be computed as {rounding} does: {reason}"
    return None


def _gap(op: Op, sources: tuple[Tensor, ...], target: Tensor, rounding: Rounding) -> str | None:
    if rounding == "xnnpack":
        activation = getattr(op, "activation", "none")
        if activation == "relu6" and not isinstance(op, Relu) and six_lies_half_way(target):
            return "6 lies half way between two output steps, where XNNPACK rounds otherwise."
        if isinstance(op, MeanTime) and not _mean_is_clear(sources[0], target):
            return "some of its means lie half way, where releases of XNNPACK disagree."
        if isinstance(op, Add):
            low, high = _XNNPACK_ADD_RATIO
            ratios = [np.float32(source.scale) / np.float32(target.scale) for source in sources]
            if not low <= min(ratios) <= max(ratios) < high:
                return "XNNPACK sums only terms of 1/1024 to 256 times the scale of the output."
    elif rounding == "ruy" and isinstance(op, Add):
        if sum(256 * source.scale / target.scale for source in sources) >= 2**15 - 256:
            return "its sums can leave 16 bits, where that family wraps around."
    elif rounding == "tflm" and isinstance(op, Relu) and op.activation == "relu6":
        if (sources[0].scale, sources[0].zero_point) != (target.scale, target.zero_point):
            return "TFLite Micro's RELU6 ignores that its output has another scale."
    return None


def _away(value: NDArray[np.float64] | np.float64) -> Int64:
    """C's round: halves away from zero."""
    # Not 0.5: the largest float64 below a half would reach 1 in the addition.
    rounded: Int64 = np.trunc(value + np.copysign(_BELOW_HALF, value)).astype(np.int64)
    return rounded
