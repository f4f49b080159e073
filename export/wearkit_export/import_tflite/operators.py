"""One function for each TFLite operator that a graph can hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wearkit.integer.graph import (
    POOL_REACH_MAX,
    Activation,
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    MaxPool1D,
    MeanTime,
    Op,
    Relu,
    bias_scale,
    mean_is_plain,
)
from wearkit_export.import_tflite.flatbuffer import Table
from wearkit_export.import_tflite.image import Series, series, slide
from wearkit_export.import_tflite.mapping import (
    GraphBuilder,
    Handler,
    activation_function,
    natural_shape,
    quantization,
    unsupported,
)
from wearkit_export.import_tflite.model_file import NO_TENSOR, FileOperator, FileTensor

# The numbers of TFLite's BuiltinOptions union.
_CONV, _DEPTHWISE, _POOL, _DENSE, _ADD, _REDUCER = 1, 2, 5, 8, 11, 27

# Runtimes take input scale * weight scale for the bias; a file that says otherwise is broken.
_BIAS_SCALE_TOLERANCE = 1e-2


def convolution(graph: GraphBuilder, operator: FileOperator) -> None:
    options = _options(operator, _CONV)
    kernel = _weights(graph, operator, rank=4)
    out, rows, columns, channels = kernel.shape
    window = slide(operator, options, (rows, columns), dilated=4)
    source = graph.operand(operator, 0)
    if len(source.shape) == 4 and source.shape[3] != channels:
        raise unsupported(operator, "its kernels have other channels than its input (groups)")
    view = series(operator, source, window, whole_width="channels")
    read = graph.read(operator, 0, view.shape)
    target = graph.write(operator, (view.shape[0], view.steps, out), view.image(out))
    weight = kernel.reshape(out, view.size, channels * view.columns)
    scale = np.broadcast_to(_weight_scale(graph, operator, out, 0), (out,))
    graph.ops.append(
        Conv1D(
            name=f"conv_{operator.position}",
            input=read.name,
            output=target.name,
            weight=weight,
            weight_scale=scale,
            bias=_bias(graph, operator, read.scale, scale),
            stride=view.stride,
            pad_before=view.pad_before,
            pad_after=view.pad_after,
            activation=activation_function(operator, options.scalar(3, "i8")),
        )
    )


def depthwise(graph: GraphBuilder, operator: FileOperator) -> None:
    options = _options(operator, _DEPTHWISE)
    kernel = _weights(graph, operator, rank=4)
    leading, rows, columns, out = kernel.shape
    window = slide(operator, options, (rows, columns), dilated=5)
    view = series(operator, graph.operand(operator, 0), window)
    if leading != 1 or out % view.shape[2]:
        raise unsupported(operator, "its channels are no multiple of its input's")
    read = graph.read(operator, 0, view.shape)
    target = graph.write(operator, (view.shape[0], view.steps, out), view.image(out))
    scale = np.broadcast_to(_weight_scale(graph, operator, out, 3), (out,))
    graph.ops.append(
        DepthwiseConv1D(
            name=f"depthwise_{operator.position}",
            input=read.name,
            output=target.name,
            weight=kernel.reshape(view.size, out).T,
            weight_scale=scale,
            bias=_bias(graph, operator, read.scale, scale),
            stride=view.stride,
            pad_before=view.pad_before,
            pad_after=view.pad_after,
            activation=activation_function(operator, options.scalar(4, "i8")),
        )
    )


def dense(graph: GraphBuilder, operator: FileOperator) -> None:
    options = _options(operator, _DENSE)
    if options.scalar(1, "i8"):
        raise unsupported(operator, "its weights are shuffled")
    weight = _weights(graph, operator, rank=2)
    out, inputs = weight.shape
    source = graph.read(operator, 0)
    if source.size != inputs:
        raise unsupported(
            operator,
            f"its weights take {inputs} values and its input has {source.size}: to apply a layer "
            "to every step, use a convolution with a kernel of 1",
        )
    read = graph.read(operator, 0, (1, 1, inputs))
    # With keep_num_dims the vector keeps the dimensions it came in.
    kept = graph.operand(operator, 0).shape[:-1] if options.scalar(2, "u8") else (1,)
    target = graph.write(operator, (1, 1, out), (*kept, out))
    scale = _weight_scale(graph, operator, out, 0)
    graph.ops.append(
        Dense(
            name=f"dense_{operator.position}",
            input=read.name,
            output=target.name,
            weight=weight,
            weight_scale=scale,
            bias=_bias(graph, operator, read.scale, np.broadcast_to(scale, (out,))),
            activation=activation_function(operator, options.scalar(0, "i8")),
        )
    )


def max_pool(graph: GraphBuilder, operator: FileOperator) -> None:
    _pool(graph, operator, MaxPool1D, "max_pool")


def average_pool(graph: GraphBuilder, operator: FileOperator) -> None:
    _pool(graph, operator, AveragePool1D, "average_pool")


def mean(graph: GraphBuilder, operator: FileOperator) -> None:
    keep = _options(operator, _REDUCER).scalar(0, "u8") != 0
    source = graph.operand(operator, 0)
    axes = _axes(graph, operator, len(source.shape))
    rows, steps, channels = natural_shape(source)
    if axes == {2} and len(source.shape) == 4:
        shape = rows, steps, channels
    elif axes == {1} and len(source.shape) == 3:
        shape = 1, steps, channels
    elif len(source.shape) == 4 and (axes == {1, 2} or (axes == {1} and steps == 1)):
        shape = 1, rows * steps, channels
    else:
        raise unsupported(
            operator,
            f"its axes {sorted(axes)} of the shape {list(source.shape)} are not those of time",
        )
    read = graph.read(operator, 0, shape)
    ends = [1 if axis in axes else extent for axis, extent in enumerate(source.shape)]
    left = [extent for axis, extent in enumerate(source.shape) if axis not in axes]
    target = graph.write(operator, (shape[0], 1, channels), tuple(ends if keep else left))
    over_image = keep and axes == {1, 2}
    graph.ops.append(MeanTime(f"mean_{operator.position}", read.name, target.name, over_image))


def add(graph: GraphBuilder, operator: FileOperator) -> None:
    options = _options(operator, _ADD)
    shapes = [graph.operand(operator, number).shape for number in (0, 1)]
    if shapes[0] != shapes[1]:
        raise unsupported(operator, f"it adds {list(shapes[1])} to {list(shapes[0])}")
    first = graph.read(operator, 0)
    second = graph.read(operator, 1, first.shape)
    target = graph.write(operator, first.shape, shapes[0])
    activation = activation_function(operator, options.scalar(0, "i8"))
    name = f"add_{operator.position}"
    graph.ops.append(Add(name, first.name, second.name, target.name, activation))


def relu(graph: GraphBuilder, operator: FileOperator) -> None:
    _activation(graph, operator, "relu")


def relu6(graph: GraphBuilder, operator: FileOperator) -> None:
    _activation(graph, operator, "relu6")


def relabel(graph: GraphBuilder, operator: FileOperator) -> None:
    graph.alias(operator)


OPERATORS: Mapping[str, Handler] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": dense,
    "MAX_POOL_2D": max_pool,
    "AVERAGE_POOL_2D": average_pool,
    "MEAN": mean,
    "ADD": add,
    "RELU": relu,
    "RELU6": relu6,
    "RESHAPE": relabel,
    "EXPAND_DIMS": relabel,
    "SQUEEZE": relabel,
}
"""What can be imported, by TFLite's name."""


def _pool(
    graph: GraphBuilder,
    operator: FileOperator,
    kind: type[MaxPool1D] | type[AveragePool1D],
    name: str,
) -> None:
    options = _options(operator, _POOL)
    size = options.scalar(4, "i32"), options.scalar(3, "i32")
    window = slide(operator, options, size, dilated=None)
    source = graph.operand(operator, 0)
    view: Series = series(operator, source, window, whole_width="steps")
    if view.size > POOL_REACH_MAX * view.shape[1]:
        raise unsupported(
            operator, f"its window of {view.size} is out of proportion to its {view.shape[1]} steps"
        )
    read = graph.read(operator, 0, view.shape)
    channels = view.shape[2]
    target = graph.write(operator, (view.shape[0], view.steps, channels), view.image(channels))
    if quantization(source) != (target.scale, target.zero_point):
        raise unsupported(operator, "it changes scale or zero point")
    op: Op
    whole = view.size == view.shape[1] and view.steps == 1
    if kind is AveragePool1D and whole and mean_is_plain(read, target):
        # An odd number of steps never ties, so this is the mean that our own networks take.
        op = MeanTime(f"{name}_{operator.position}", read.name, target.name)
    else:
        op = kind(
            name=f"{name}_{operator.position}",
            input=read.name,
            output=target.name,
            size=view.size,
            stride=view.stride,
            pad_before=view.pad_before,
            pad_after=view.pad_after,
        )
    graph.ops.append(op)
    activation = activation_function(operator, options.scalar(5, "i8"))
    if activation != "none":
        graph.activate(operator, target, activation)


def _activation(graph: GraphBuilder, operator: FileOperator, activation: Activation) -> None:
    read = graph.read(operator, 0)
    target = graph.write(operator, read.shape, graph.operand(operator, 0).shape)
    name = f"{activation}_{operator.position}"
    graph.ops.append(Relu(name, read.name, target.name, activation))


def _axes(graph: GraphBuilder, operator: FileOperator, rank: int) -> set[int]:
    axes = graph.file.constant(graph.operand(operator, 1))
    if axes is None or axes.dtype != np.int32:
        raise unsupported(operator, "its axes are not constant")
    return {int(axis) % rank if -rank <= axis < rank else rank for axis in axes.reshape(-1)}


def _options(operator: FileOperator, kind: int) -> Table:
    if operator.options is None or operator.options_kind != kind:
        raise unsupported(operator, "its options are missing or those of another operator")
    return operator.options


def _weights(graph: GraphBuilder, operator: FileOperator, rank: int) -> NDArray[np.int8]:
    tensor = graph.operand(operator, 1)
    values = graph.file.constant(tensor)
    if values is None:
        raise unsupported(operator, "its weights are not constant")
    if values.dtype != np.int8 or values.ndim != rank or not values.size:
        raise unsupported(
            operator,
            f"its weights are {tensor.type} with shape {list(tensor.shape)}; {rank} dimensions of "
            "int8 are supported",
        )
    return values


def _weight_scale(
    graph: GraphBuilder, operator: FileOperator, out: int, axis: int
) -> NDArray[np.float32]:
    """One scale, or one for each of the output channels, which lie along `axis`."""
    tensor = graph.operand(operator, 1)
    count = len(tensor.scales)
    if count not in {1, out}:
        raise unsupported(operator, f"its weights have {count} scales for {out} channels")
    if count > 1 and tensor.axis != axis:
        raise unsupported(operator, "its weight scales run along another axis than its outputs")
    if tensor.zero_points.any():
        raise unsupported(operator, "its weights are not symmetric (a zero point is not 0)")
    return tensor.scales


def _bias(
    graph: GraphBuilder,
    operator: FileOperator,
    input_scale: float,
    weight_scale: NDArray[np.float32],
) -> NDArray[np.int32]:
    if len(operator.inputs) < 3 or operator.inputs[2] == NO_TENSOR:
        return np.zeros(len(weight_scale), np.int32)
    tensor: FileTensor = graph.operand(operator, 2)
    values = graph.file.constant(tensor)
    if values is None or values.dtype != np.int32 or values.size != len(weight_scale):
        raise unsupported(operator, "its bias is not one constant int32 for each channel")
    if len(tensor.scales) not in {0, 1, len(weight_scale)}:
        raise unsupported(operator, f"its bias has {len(tensor.scales)} scales")
    with np.errstate(all="ignore"):  # a scale may be anything before the graph is checked
        expected = bias_scale(input_scale, weight_scale)
        ratio = np.abs(tensor.scales / expected - 1) if len(tensor.scales) else np.zeros(1)
    if not bool((ratio <= _BIAS_SCALE_TOLERANCE).all()):
        raise unsupported(operator, "its bias has another scale than input times weights")
    if tensor.zero_points.any():
        raise unsupported(operator, "its bias has a zero point that is not 0")
    return values.reshape(-1)
