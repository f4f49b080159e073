"""Print a graph as ONNX (opset 13, IR 8): fp32 from a FloatGraph, int8 QDQ from a QuantizedGraph.

The input is (N, length, 3) in sensor byte order; inside it is channel-first as ONNX convolves.

ONNX Runtime computes in integers only where it can fuse a layer with the Q/DQ pairs around it;
elsewhere it computes in float32, where an int8 value may round the other way. On x86 it first
moves pairs from int8 to uint8, and only a QuantizeLinear with exactly one reader moves. Hence
every activation is a pair of its own, the heads' too. A Flatten that changes nothing keeps those
pairs from being merged again: one before each head of several, one before each output.
tests/parity checks that nothing but integers is left.

An int8 model is printed in two forms of the same integers. The plain one holds weights and inner
activations as uint8, 128 higher, because x86 multiplies unsigned by signed bytes: CPUs with AVX2
and without VNNI add two such products in 16 bits, which saturates, unless both sides are unsigned
and the kernel widens them first. The signed form (S8S8 in ONNX Runtime's words) is for runtimes
that know no uint8 weights. The model's input and outputs are int8 in both.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    Conv1D,
    Dense,
    MaxPool1D,
    MeanTime,
    QuantizedGraph,
    Reshape,
    bias_scale,
)
from wearkit.spec import trained
from wearkit_export.formats.metadata import PRODUCER, model_metadata, not_ours
from wearkit_export.quantization.float_graph import FloatConv, FloatDense, FloatGraph, has_relu

OPSET = 13
IR_VERSION = 8
BATCH = "N"
_CHANNELS_FIRST = (0, 2, 1)  # (N, time, channels) <-> (N, channels, time)


def emit_onnx(graph: QuantizedGraph | FloatGraph, model_id: str, *, signed: bool = False) -> bytes:
    """The .onnx file of a graph: same graph, same bytes. Any batch, outputs named by task.

    signed: an int8 model keeps its weights and inner activations as int8; a float one has none.
    Raises onnx.checker.ValidationError if what was printed is not valid ONNX: our own fault.
    """
    printer: _Printer = _FloatPrinter()
    if isinstance(graph, QuantizedGraph):
        printer = _Int8Printer(graph) if signed else _Uint8Printer(graph)
    first = printer.node("Transpose", [printer.entry(graph.input)], "cf", perm=_CHANNELS_FIRST)
    printer.store(graph.input, first)
    heads = {head.tensor for head in graph.heads}
    for op in graph.ops:
        _print(printer, op, heads)
    model = _model(printer, graph, model_id)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Printer:
    """Nodes and initializers so far, and the float32 ONNX value of each graph tensor."""

    element = TensorProto.FLOAT

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._values: dict[str, str] = {}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        # Not ascontiguousarray, which would make a vector of a scalar.
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def entry(self, tensor: str) -> str:
        """The float32 value of the model's input."""
        return tensor

    def weights(self, op: Any, weight: NDArray[Any]) -> list[str]:
        """The float32 weight and bias of an operation."""
        return [
            self.constant(f"{op.name}.weight", weight),
            self.constant(f"{op.name}.bias", op.bias),
        ]

    def read(self, tensor: str) -> str:
        """The float32 value of a graph tensor, for one reader."""
        return self._values[tensor]

    def settle(self, tensor: str, value: str) -> str:
        """`value` rounded to what the graph tensor can hold."""
        return value

    def store(self, tensor: str, value: str) -> None:
        self._values[tensor] = self.settle(tensor, value)

    def answer(self, tensor: str, value: str) -> None:
        """Make `value` the model output of that name."""
        raise NotImplementedError


class _FloatPrinter(_Printer):
    def answer(self, tensor: str, value: str) -> None:
        # The node that made the value writes it under the task's own name.
        self.nodes[-1].output[0] = self.nodes[-1].name = tensor


class _Int8Printer(_Printer):
    """Weights and activations as the graph has them."""

    element = TensorProto.INT8
    stored: type[np.int8] | type[np.uint8] = np.int8
    offset = 0

    def __init__(self, graph: QuantizedGraph) -> None:
        super().__init__()
        self._graph = graph
        self._readers = Counter(op.input for op in graph.ops)
        self._reads: Counter[str] = Counter()

    def entry(self, tensor: str) -> str:
        return self.node("DequantizeLinear", [tensor, *self._outer_scale(tensor)], "entry.real")

    def read(self, tensor: str) -> str:
        if self._readers[tensor] == 1 or self._graph.tensor(tensor).shape[1] > 1:
            return self._values[tensor]
        self._reads[tensor] += 1
        name = f"{tensor}.to{self._reads[tensor]}"
        self._values[tensor] = self.node("Flatten", [self._values[tensor]], name, axis=1)
        return self.settle(tensor, name)

    def settle(self, tensor: str, value: str) -> str:
        quantized = f"{value}.q"
        self.node("QuantizeLinear", [value, *self._scale(tensor)], quantized)
        return self._dequantize(tensor, quantized, value)

    def answer(self, tensor: str, value: str) -> None:
        apart = self.node("Flatten", [self.settle(tensor, value)], f"{tensor}.apart", axis=1)
        self.node("QuantizeLinear", [apart, *self._outer_scale(tensor)], tensor)

    def weights(self, op: Any, weight: NDArray[Any]) -> list[str]:
        step = bias_scale(self._graph.tensor(op.input).scale, op.weight_scale)
        return [
            self._dequantized(f"{op.name}.weight", *self._stored(weight), op.weight_scale),
            self._dequantized(f"{op.name}.bias", op.bias, 0, step),
        ]

    def _dequantize(self, tensor: str, quantized: str, name: str) -> str:
        return self.node("DequantizeLinear", [quantized, *self._scale(tensor)], f"{name}.real")

    def _stored(self, values: NDArray[np.int8]) -> tuple[NDArray[Any], int]:
        """int8 values as the file holds them, and what it holds for 0."""
        return (values.astype(np.int16) + self.offset).astype(self.stored), self.offset

    def _dequantized(
        self, name: str, values: NDArray[Any], zero: int, scale: NDArray[np.float32]
    ) -> str:
        # One scale is written as a scalar, many as a vector along the output channels.
        scale = scale.reshape(()) if scale.size == 1 else scale
        inputs = [
            self.constant(name, values),
            self.constant(f"{name}.scale", scale),
            self.constant(f"{name}.zero_point", np.full(scale.shape, zero, values.dtype)),
        ]
        return self.node("DequantizeLinear", inputs, f"{name}.real", axis=0)

    def _scale(self, tensor: str) -> list[str]:
        """Scale and zero point of an activation inside the model, as initializers made once."""
        zero_point = self._graph.tensor(tensor).zero_point + self.offset
        return self._parameters(tensor, "", self.stored(zero_point))

    def _outer_scale(self, tensor: str) -> list[str]:
        """The same for the model's input and outputs, which are int8 in every form."""
        name = ".int8" if self.offset else ""
        return self._parameters(tensor, name, np.int8(self._graph.tensor(tensor).zero_point))

    def _parameters(self, tensor: str, form: str, zero_point: np.int8 | np.uint8) -> list[str]:
        scale = np.array(self._graph.tensor(tensor).scale, np.float32)
        return [
            self._once(f"{tensor}.scale", scale),
            self._once(f"{tensor}{form}.zero_point", np.array(zero_point)),
        ]

    def _once(self, name: str, value: NDArray[Any]) -> str:
        if all(initializer.name != name for initializer in self.initializers):
            self.constant(name, value)
        return name


class _Uint8Printer(_Int8Printer):
    """Weights and inner activations 128 higher, as uint8."""

    stored = np.uint8
    offset = 128


def _print(printer: _Printer, op: Any, heads: set[str]) -> None:
    source = printer.read(op.input)
    match op:
        case Conv1D() | FloatConv():
            weight = op.weight.transpose(_CHANNELS_FIRST)
            shape = {"kernel_shape": [weight.shape[2]]}
            stride = op.stride if isinstance(op, Conv1D) else 1
            inputs = [source, *printer.weights(op, weight)]
            value = printer.node("Conv", inputs, op.name, strides=[stride], **shape)
        case Dense() | FloatDense():
            inputs = [source, *printer.weights(op, op.weight)]
            value = printer.node("Gemm", inputs, op.name, transB=1)
        case MaxPool1D(size=size, stride=stride):
            value = printer.node(
                "MaxPool", [source], op.name, kernel_shape=[size], strides=[stride]
            )
        case MeanTime():
            mean = printer.node("GlobalAveragePool", [source], f"{op.name}.cf")
            value = printer.node("Flatten", [printer.settle(op.output, mean)], op.name, axis=1)
        case Reshape():
            turned = printer.node("Transpose", [source], f"{op.name}.tf", perm=_CHANNELS_FIRST)
            value = printer.node("Flatten", [turned], op.name, axis=1)
        case _:
            raise ModelFileError(not_ours(op))
    if has_relu(op):
        value = printer.node("Relu", [value], f"{op.name}.relu")
    if op.output in heads:
        printer.answer(op.output, value)
    else:
        printer.store(op.output, value)


def _model(printer: _Printer, graph: QuantizedGraph | FloatGraph, model_id: str) -> onnx.ModelProto:
    spec = trained(graph.model)
    window = spec.window
    shape: list[str | int | None] = [BATCH, window.length, len(window.axes)]
    inputs = [helper.make_tensor_value_info(graph.input, printer.element, shape)]
    outputs = [
        helper.make_tensor_value_info(task.name, printer.element, [BATCH, len(task.labels)])
        for task in graph.model.tasks
    ]
    body = helper.make_graph(printer.nodes, spec.arch, inputs, outputs, printer.initializers)
    model = helper.make_model(
        body,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, model_metadata(graph, model_id))
    return model
