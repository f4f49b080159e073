"""One quantization, from which every emitted file is printed.

Recipe (the TFLite int8 specification): activations asymmetric per tensor over the calibration
range with 0 inside, scale (max - min) / 255; ReLU outputs start at zero point -128; convolution
weights symmetric per channel in -127..127; dense weights symmetric per tensor (older TFLite
Micro miscomputes per-channel ones without a word); bias int32 of scale input * weight.

Two guards keep dead channels and constant activations from making absurd multipliers
M = input scale * weight scale / output scale:
* M <= 1: an output step finer than one accumulator step would hold no information.
* M >= 2**-20: a weight then errs by at most M/2 output steps per input step, which over 255
  input steps and the largest layer here (1216 inputs) is 0.15 output steps at the very worst.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import INPUT_SCALE_G, counts_to_int8
from wearkit.errors import DataError, ModelFileError
from wearkit.integer.graph import Conv1D, Dense, Op, QuantizedGraph, Rounding, Tensor, bias_scale
from wearkit.model.checkpoint import Checkpoint
from wearkit_export.quantization.float_graph import FloatConv, FloatDense, FloatGraph, fold

_SMALLEST_MULTIPLIER = 2.0**-20
_BIAS_LIMIT = 2**30  # half of int32: the products of the largest layer reach 2**26 at most
_SMALLEST_SCALE = 2.0**-60  # far below any sensor's noise, far above float32's subnormals


def quantize(
    checkpoint: Checkpoint,
    calibration_counts: NDArray[np.int16],
    *,
    dense_per_channel: bool = False,
    rounding: Rounding = "tflm",
) -> QuantizedGraph:
    """Quantize a checkpoint with the ranges its activations take on calibration windows.

    calibration_counts: (N >= 1, length, 3) int16 ADXL345 counts.
    dense_per_channel: one scale per dense unit instead of one per layer.
    rounding: the family the graph names as its own; no number depends on it.
    Raises DataError for unusable calibration windows, ModelFileError for weights that
    int8 cannot carry.
    """
    return quantize_graph(
        fold(checkpoint),
        calibration_counts,
        dense_per_channel=dense_per_channel,
        rounding=rounding,
    )


def quantize_graph(
    graph: FloatGraph,
    calibration_counts: NDArray[np.int16],
    *,
    dense_per_channel: bool = False,
    rounding: Rounding = "tflm",
) -> QuantizedGraph:
    """As `quantize`, from a graph that is already folded."""
    check_counts(calibration_counts, graph.shapes[graph.input], "calibration")
    ranges = graph.ranges(counts_to_g(calibration_counts))
    source = Tensor(graph.input, (1, *graph.shapes[graph.input]), INPUT_SCALE_G, 0)
    tensors = {source.name: source}
    ops: list[Op] = []
    for op in graph.ops:
        source, shape = tensors[op.input], graph.shapes[op.output]
        if isinstance(op, FloatConv | FloatDense):
            per_channel = dense_per_channel or isinstance(op, FloatConv)
            target = _output_tensor(op, source, shape, ranges[op.output])
            ops.append(quantize_layer(op, source, target, per_channel))
        else:
            target = Tensor(op.output, (1, *shape), source.scale, source.zero_point)
            ops.append(op)
        tensors[target.name] = target
    return QuantizedGraph(
        graph.model, tuple(tensors.values()), tuple(ops), graph.input, graph.heads, rounding
    )


def counts_to_g(counts: NDArray[np.int16]) -> NDArray[np.float32]:
    """What the int8 input of these counts means, in g: the float twin of the device's input."""
    return counts_to_int8(counts).astype(np.float32) * np.float32(INPUT_SCALE_G)


def check_counts(counts: NDArray[np.int16], shape: tuple[int, int], role: str) -> None:
    """Raises DataError unless `counts` are one or more (length, 3) windows of int16."""
    if counts.dtype != np.int16 or counts.ndim != 3 or counts.shape[1:] != shape:
        raise DataError(
            f"The {role} windows must be (N, {shape[0]}, {shape[1]}) int16 counts, "
            f"not {counts.dtype}{counts.shape}."
        )
    if len(counts) == 0:
        raise DataError(f"There is not a single {role} window: give --calibration a run's windows.")


def _largest_weights(op: FloatConv | FloatDense, per_channel: bool) -> NDArray[np.float64]:
    """max |w| of each output channel, or of the layer: (out,) or (1,)."""
    flat = op.weight.reshape(len(op.weight), -1).astype(np.float64)
    rows: NDArray[np.float64] = np.abs(flat).max(axis=1)
    return rows if per_channel else np.full(1, rows.max())


def _output_tensor(
    op: FloatConv | FloatDense, source: Tensor, shape: tuple[int, int], span: tuple[float, float]
) -> Tensor:
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    if not np.isfinite([low, high]).all():
        raise ModelFileError(f"{op.name} overflows float32 on the calibration windows.")
    finest = source.scale * float(_largest_weights(op, per_channel=False)[0]) / 127
    scale = float(np.float32(max((high - low) / 255, finest, _SMALLEST_SCALE)))
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return Tensor(op.output, (1, *shape), scale, zero_point)


def quantize_layer(
    op: FloatConv | FloatDense, source: Tensor, target: Tensor, per_channel: bool
) -> Conv1D | Dense:
    """One layer's integers. per_channel: a weight scale for each output channel.

    Raises ModelFileError when a bias does not fit int32.
    """
    smallest = _SMALLEST_MULTIPLIER * target.scale / source.scale
    largest = np.maximum(_largest_weights(op, per_channel) / 127, smallest)
    weight_scale = largest.astype(np.float32)
    rows = op.weight.reshape(len(op.weight), -1) / weight_scale.astype(np.float64)[:, None]
    weight = np.clip(np.rint(rows), -127, 127).astype(np.int8).reshape(op.weight.shape)
    step = bias_scale(source.scale, weight_scale).astype(np.float64)
    bias = np.rint(op.bias.astype(np.float64) / step)
    if op.relu:
        # Nothing the inputs add can lift such a channel above zero, now or before the clamp.
        bias = np.maximum(bias, -_BIAS_LIMIT)
    worst = int(np.abs(bias).argmax())
    if abs(float(bias[worst])) > _BIAS_LIMIT:
        raise ModelFileError(
            f"The bias of {op.name}, channel {worst}, is {abs(float(bias[worst])):.1e} times the "
            "smallest step its inputs can add and does not fit int32; train again, this network "
            "has diverged."
        )
    kind = Conv1D if isinstance(op, FloatConv) else Dense
    return kind(
        name=op.name,
        input=op.input,
        output=op.output,
        weight=weight,
        weight_scale=weight_scale,
        bias=bias.astype(np.int32),
        activation="relu" if op.relu else "none",
    )
