"""Whether a graph's integers are those of a checkpoint: computed, whatever a manifest says."""

from __future__ import annotations

import numpy as np

from wearkit.errors import ModelFileError
from wearkit.integer.graph import Conv1D, Dense, QuantizedGraph
from wearkit.model.checkpoint import Checkpoint
from wearkit_export.quantization.float_graph import FloatConv, FloatDense, fold
from wearkit_export.quantization.quantize import quantize_layer


def quantized_from(graph: QuantizedGraph, checkpoint: Checkpoint) -> bool:
    """Whether every weight, weight scale and bias of the graph is what quantizing this checkpoint
    gives. Only the scales of the activations, which come from calibration windows, are taken as
    they are. Raises ModelFileError when the checkpoint's network has no exported form.
    """
    layers = {op.name: op for op in graph.ops if isinstance(op, Conv1D | Dense)}
    floats = [op for op in fold(checkpoint).ops if isinstance(op, FloatConv | FloatDense)]
    if {op.name for op in floats} != set(layers):
        return False
    return all(_same(graph, layers[op.name], op) for op in floats)


def _same(graph: QuantizedGraph, layer: Conv1D | Dense, op: FloatConv | FloatDense) -> bool:
    source, target = graph.tensor(layer.input), graph.tensor(layer.output)
    per_channel = isinstance(op, FloatConv) or len(layer.weight_scale) > 1
    try:
        expected = quantize_layer(op, source, target, per_channel)
    except ModelFileError:  # these scales cannot carry this checkpoint's biases
        return False
    return (
        type(layer) is type(expected)
        and layer.activation == expected.activation
        and np.array_equal(layer.weight, expected.weight)
        and np.array_equal(layer.weight_scale, expected.weight_scale)
        and np.array_equal(layer.bias, expected.bias)
    )
