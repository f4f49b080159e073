"""What the C types of the kernels hold, asked of every call before it is printed: a number that is
cut off in a struct would give another answer without a word."""

from __future__ import annotations

from collections.abc import Iterator

from wearkit.errors import ModelFileError
from wearkit_export.c.calls import (
    AddCall,
    Call,
    ConvCall,
    DenseCall,
    DepthwiseCall,
    LinearCall,
    LookupCall,
    MeanCall,
    PoolCall,
)

UINT8_MAX, UINT16_MAX, INT32_MAX = 2**8 - 1, 2**16 - 1, 2**31 - 1
OUTPUTS_MAX = UINT16_MAX - 3
"""Kernels count channels in fours with 16 bits, and must be able to step past the last."""
WINDOW_MAX = UINT16_MAX // 32 * 16
"""Tiles of two channels of a convolution, 32 bytes for 16 inputs, are counted with 16 bits."""

Number = tuple[str, int, int, int]
"""What it is, its value, the lowest and the highest that fit."""


def check_fits(call: Call) -> None:
    """Raises ModelFileError naming the first number of the call that its C type does not hold."""
    for what, value, low, high in _numbers(call):
        if not low <= value <= high:
            raise ModelFileError(
                f"{call.name}: {what} is {value}, and the C takes {low} to {high}: use a smaller "
                "layer, or run model.int8.tflite."
            )


def _numbers(call: Call) -> Iterator[Number]:
    for tensor in (call.source, call.target):
        yield "the size of an activation", tensor.size, 1, INT32_MAX
        yield "the number of rows", tensor.shape[0], 1, UINT16_MAX
        if not isinstance(call, DenseCall | AddCall | LookupCall):
            yield "the number of steps", tensor.shape[1], 1, UINT16_MAX
            yield "the number of channels", tensor.shape[2], 1, UINT16_MAX
    match call:
        case ConvCall() | DenseCall() | DepthwiseCall():
            yield from _linear(call)
        case PoolCall():
            yield "the size of the pool", call.op.size, 1, UINT16_MAX
            yield "the stride", call.op.stride, 1, UINT16_MAX
            yield "the padding", call.op.pad_before, 0, UINT16_MAX
        case MeanCall():
            yield "the shift", call.shift, -30, 31
            yield "the offset", call.offset, -(2**15), 2**15 - 1
            yield "the offset of the sum", call.sum_offset, -(2**31), INT32_MAX
            yield "the multiplier", call.multiplier, 0, INT32_MAX
        case AddCall():
            # XNNPACK's is a shift of a 64-bit sum; its first two are not used.
            yield from (("a shift", shift, -31, 62) for shift in call.shifts)
            yield from (("a multiplier", factor, 0, INT32_MAX) for factor in call.multipliers)


def _linear(call: LinearCall) -> Iterator[Number]:
    yield "the number of outputs", call.constants.outputs, 1, OUTPUTS_MAX
    match call:
        case ConvCall():
            yield "the number of inputs of an output", call.constants.inputs, 1, WINDOW_MAX
            yield "the stride in values", call.step, 1, UINT16_MAX
            yield "the size of the pool", call.pool, 1, UINT8_MAX
            yield "the stride of the pool", call.pool_stride, 1, UINT8_MAX
            yield "the number of steps before the mean", call.steps, 1, UINT16_MAX
        case DenseCall():
            yield "the number of inputs", call.constants.inputs, 1, UINT16_MAX
            yield "the number of tiles of a segment", call.segment, 1, UINT16_MAX
        case DepthwiseCall():
            yield "the kernel", call.op.kernel, 1, UINT16_MAX
            yield "the stride", call.op.stride, 1, UINT16_MAX
            yield "the padding", call.op.pad_before, 0, UINT16_MAX
