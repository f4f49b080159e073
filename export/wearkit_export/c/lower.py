"""From the operations of a QuantizedGraph to kernel calls: what is fused, what becomes a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    MaxPool1D,
    MeanTime,
    Op,
    QuantizedGraph,
    Relu,
    Reshape,
    Rounding,
    Tensor,
    clamp_range,
    inputs_of,
    mean_is_plain,
)
from wearkit.integer.requantize import (
    ADD_SHIFT,
    MeanFactors,
    add_factors,
    add_shift_xnnpack,
    family_gap,
    fixed_point,
    image_mean_factors,
    mean_factors,
    rescale_factor,
    time_mean,
)
from wearkit_export.c.calls import (
    AddCall,
    Call,
    ConvCall,
    DenseCall,
    DepthwiseCall,
    LookupCall,
    MeanCall,
    PoolCall,
)
from wearkit_export.c.constants import layer_constants, segment_tiles

_MEAN_STEPS_MAX = 255  # WK_MEAN_STEPS_MAX of wk_mean.h
_BYTE_MAX = 255
_NAME_LENGTH = 24
_RESERVED = ("arena", "base", "scratch", "row", "step", "in", "int", "main")
# What the kernels and the generated functions are called behind their wk_: a layer of that name
# would be declared twice.
_KERNELS = frozenset(
    """
    add average_pool1d channel conv1d_taps conv1d_taps_max2 conv1d_tiles conv1d_tiles_max2 dense
    depthwise1d float32_bits forget halve_even high_product lookup max_pool1d mean_add mean_of
    mean_reciprocal mean_replace mean_time model_run model_stream_begin model_stream_push
    model_stream_run mve_dot_4 mve_dot_4x1 mve_dot_4x2 mve_max2 mve_rest mve_store plain_dot
    plain_dot_2x2 requantize round_channel round_float round_once round_single
    round_twice saturate wide_dot_2x2 wide_dot_4 wide_dot_4x1 wide_inputs wide_samples wide_taps_2x2
    wide_taps_max2 wide_tiles_max2 add_t channel_t conv1d_t dense_t depthwise1d_t mean_t outputs_t
    pool1d_t tap_t wide_layer_t
    """.split()
)


@dataclass(slots=True)
class Names:
    """C identifiers: short, unique, made of the names in the graph."""

    taken: set[str] = field(default_factory=lambda: {*_RESERVED, *_KERNELS})

    def take(self, wanted: str) -> str:
        name = re.sub(r"[^0-9a-z]+", "_", wanted.lower()).strip("_")
        name = name[-_NAME_LENGTH:].strip("_") or "layer"
        if name[0].isdigit():
            name = f"layer_{name}"
        unique, count = name, 2
        while unique in self.taken:
            unique, count = f"{name}_{count}", count + 1
        self.taken.add(unique)
        return unique


def storage(graph: QuantizedGraph, tensor: str) -> str:
    """The tensor whose bytes these are: a Reshape moves nothing."""
    for op in graph.ops:
        if op.output == tensor and isinstance(op, Reshape):
            return storage(graph, op.input)
    return tensor


def lower(graph: QuantizedGraph, names: Names) -> Iterator[Call]:
    """Every call in order. Raises ModelFileError when the rounding family cannot be matched."""
    gap = family_gap(graph, graph.rounding)
    if gap is not None:
        raise ModelFileError(gap)
    lowered: set[str] = set()
    for op in graph.ops:
        if op.name in lowered or isinstance(op, Reshape):
            continue
        fused = _fused(graph, op) if isinstance(op, Conv1D) else []
        lowered |= {other.name for other in fused}
        yield _call(graph, op, fused, names.take(op.name))


def _call(graph: QuantizedGraph, op: Op, fused: list[Op], name: str) -> Call:
    match op:
        case Conv1D():
            return _conv_call(graph, op, fused, name)
        case Dense():
            return _dense_call(graph, op, name)
        case DepthwiseConv1D():
            return DepthwiseCall(
                name=name,
                reads=(storage(graph, op.input),),
                source=graph.tensor(op.input),
                target=graph.tensor(op.output),
                op=op,
                constants=layer_constants(op, graph),
            )
        case MaxPool1D() | AveragePool1D():
            return PoolCall(
                name=name,
                reads=(storage(graph, op.input),),
                source=graph.tensor(op.input),
                target=graph.tensor(op.output),
                op=op,
                maximum=isinstance(op, MaxPool1D),
            )
        case MeanTime():
            return _mean_call(graph, op, name)
        case Relu():
            return _lookup_call(graph, op, name)
        case Add():
            return _add_call(graph, op, name)
        case Reshape():
            raise AssertionError("a Reshape moves nothing")


def _fused(graph: QuantizedGraph, op: Conv1D) -> list[Op]:
    """The max pool and the mean that a convolution takes along."""
    fused: list[Op] = []
    after = _only_reader(graph, op.output)
    if (
        isinstance(after, MaxPool1D)
        and max(after.size, after.stride) <= _BYTE_MAX
        and not (after.pad_before or after.pad_after)
    ):
        fused.append(after)
        after = _only_reader(graph, after.output)
    last = graph.tensor(fused[-1].output if fused else op.output)
    if (
        isinstance(after, MeanTime)
        and 1 < last.shape[1] <= _MEAN_STEPS_MAX
        and mean_is_plain(last, graph.tensor(after.output))
    ):
        fused.append(after)
    return fused


def _only_reader(graph: QuantizedGraph, tensor: str) -> Op | None:
    """The one operation that reads a tensor nobody else needs."""
    readers = [op for op in graph.ops if tensor in inputs_of(op)]
    if len(readers) != 1 or tensor in {head.tensor for head in graph.heads}:
        return None
    return readers[0]


def _conv_call(graph: QuantizedGraph, op: Conv1D, fused: list[Op], name: str) -> ConvCall:
    pool = next((item for item in fused if isinstance(item, MaxPool1D)), None)
    mean = next((item for item in fused if isinstance(item, MeanTime)), None)
    last = fused[-1] if fused else op
    return ConvCall(
        name=name,
        reads=(storage(graph, op.input),),
        source=graph.tensor(op.input),
        target=graph.tensor(last.output),
        op=op,
        constants=layer_constants(op, graph),
        steps=graph.tensor(mean.input if mean else last.output).shape[1],
        pool=pool.size if pool else 1,
        pool_stride=pool.stride if pool else 1,
        mean=mean is not None,
        twice=graph.rounding in {"tflm", "ruy"},
    )


def _dense_call(graph: QuantizedGraph, op: Dense, name: str) -> DenseCall:
    source = storage(graph, op.input)
    aliases = {tensor.name for tensor in graph.tensors if storage(graph, tensor.name) == source}
    readers = [
        other
        for other in graph.ops
        if aliases & set(inputs_of(other)) and not isinstance(other, Reshape)
    ]
    kept = aliases & {graph.input, *(head.tensor for head in graph.heads)}
    constants = layer_constants(op, graph)
    return DenseCall(
        name=name,
        reads=(source,),
        source=graph.tensor(op.input),
        target=graph.tensor(op.output),
        op=op,
        constants=constants,
        in_place=readers[-1] is op and not kept,
        segment=segment_tiles(constants.weight),
    )


def _mean_call(graph: QuantizedGraph, op: MeanTime, name: str) -> MeanCall | PoolCall:
    source, target = graph.tensor(op.input), graph.tensor(op.output)
    reads = (storage(graph, op.input),)
    if mean_is_plain(source, target):
        pool = AveragePool1D(op.name, op.input, op.output, source.shape[1], 1)
        return PoolCall(
            name=name, reads=reads, source=source, target=target, op=pool, maximum=False
        )
    once = graph.rounding == "xnnpack"
    factors = _mean_factors(op, source, target, graph.rounding)
    block = factors.block
    return MeanCall(
        name=name,
        reads=reads,
        source=source,
        target=target,
        multiplier=int(factors.factor.mantissa),
        shift=-int(factors.factor.exponent),
        sum_offset=factors.sum_offset,
        offset=factors.offset,
        up_channels=source.shape[2] // block * block if block else 0,
        once=once,
    )


def _mean_factors(op: MeanTime, source: Tensor, target: Tensor, rounding: Rounding) -> MeanFactors:
    if rounding == "ruy" and op.over_image:
        return image_mean_factors(source, target)
    if rounding != "xnnpack":
        return mean_factors(source, target)
    # In float32 there; the nearest integers must be the same ones for every sum.
    factor = fixed_point(source.scale / target.scale / source.shape[1])
    offset = -source.shape[1] * source.zero_point
    sums = np.arange(-128 * source.shape[1], 127 * source.shape[1] + 1)
    bits = 31 - int(factor.exponent)
    means = ((sums + offset) * int(factor.mantissa) + (1 << (bits - 1))) >> bits
    wanted = time_mean(op, source, target, "xnnpack")(sums)
    if not np.array_equal(np.clip(means + target.zero_point, -128, 127), wanted):
        raise ModelFileError(
            f"{op.name} cannot be averaged like xnnpack in integers: choose another family."
        )
    return MeanFactors(factor, offset, target.zero_point, 0)


def _lookup_call(graph: QuantizedGraph, op: Relu, name: str) -> LookupCall:
    source, target = graph.tensor(op.input), graph.tensor(op.output)
    values = np.arange(-128, 128, dtype=np.int64) - source.zero_point
    low, high = clamp_range(op.activation, target)
    moved = rescale_factor(source, target).double(values) + target.zero_point
    return LookupCall(
        name=name,
        reads=(storage(graph, op.input),),
        source=source,
        target=target,
        table=np.clip(moved, low, high).astype(np.int8),
    )


def _add_call(graph: QuantizedGraph, op: Add, name: str) -> AddCall:
    first, second = graph.tensor(op.input), graph.tensor(op.other)
    target = graph.tensor(op.output)
    low, high = clamp_range(op.activation, target)
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    if graph.rounding == "xnnpack":
        (left, right), shift = add_shift_xnnpack((first, second), target)
        multipliers, shifts = (left, right, 0), (0, 0, shift)
    else:
        factors = add_factors((first, second), target)
        left, right, total = (int(factor.mantissa) for factor in factors)
        multipliers = left, right, total
        left, right, total = (-int(factor.exponent) for factor in factors)
        # Both terms are shifted left by ADD_SHIFT first; the kernel does that shift.
        shifts = left, right, total
        assert ADD_SHIFT == 20  # TERM_FACTOR in wk_elementwise.c
    return AddCall(
        name=name,
        reads=(storage(graph, op.input), storage(graph, op.other)),
        source=first,
        target=target,
        zero_points=(first.zero_point, second.zero_point),
        multipliers=multipliers,
        shifts=shifts,
        zero_point=target.zero_point,
        low=low,
        high=high,
    )
