"""Print a graph as a TFLite flatbuffer: fp32 from a FloatGraph, full int8 from a QuantizedGraph.

Time lies along the image width and the height is 1, so (time, channels) bytes stay as they are.
Every constant starts on a multiple of 16 bytes: a Cortex-M0 faults on an unaligned int32 bias.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    Conv1D,
    Dense,
    MaxPool1D,
    MeanTime,
    QuantizedGraph,
    Reshape,
    Tensor,
    bias_scale,
)
from wearkit_export.formats.metadata import PRODUCER, model_metadata, not_ours
from wearkit_export.quantization.float_graph import FloatConv, FloatDense, FloatGraph, has_relu

ALIGNMENT = 16
SIGNATURE = "serving_default"
_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
# The newest operator below is FULLY_CONNECTED v4, which TensorFlow 1.14 brought.
_MIN_RUNTIME_VERSION = "1.14.0"
_STRUCTURE_BYTES = 1 << 16  # head room beside the constants, so that the builder never regrows

_Builtin = schema.BuiltinOperator
_Options = schema.BuiltinOptions
_Activation = schema.ActivationFunctionType
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}


def emit_tflite(graph: QuantizedGraph | FloatGraph, model_id: str) -> bytes:
    """The .tflite file of a graph: same graph, same bytes. Batch 1, outputs named by task."""
    printer = _Printer(graph)
    for op in graph.ops:
        match op:
            case Conv1D() | FloatConv():
                printer.convolution(op)
            case Dense() | FloatDense():
                printer.dense(op)
            case MaxPool1D():
                printer.max_pool(op)
            case MeanTime():
                printer.mean_time(op)
            case Reshape():
                printer.flatten(op)
            case _:
                raise ModelFileError(not_ours(op))
    for name, text in model_metadata(graph, model_id).items():
        printer.describe(name, text)
    return printer.finish()


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Starts every vector of bytes (only model constants are) on a multiple of ALIGNMENT."""

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:
        if x.dtype != np.uint8:
            plain: int = super().CreateNumpyVector(x)
            return plain
        self.StartVector(1, x.size, ALIGNMENT)
        self.head -= x.size
        self.Bytes[self.head : self.head + x.size] = x.tobytes()
        offset: int = self.EndVector()
        return offset


class _Printer:
    """The tensors, buffers and operators of the one subgraph, in the order of the graph."""

    def __init__(self, graph: QuantizedGraph | FloatGraph) -> None:
        self._graph = graph
        self._buffers = [schema.BufferT()]  # buffer 0 is the empty one of every activation
        self._tensors: list[Any] = []
        self._index: dict[str, int] = {}
        self._operators: list[Any] = []
        self._codes: list[tuple[int, int]] = []
        self._metadata: list[Any] = []
        if isinstance(graph, QuantizedGraph):
            self._quantized = {tensor.name: tensor for tensor in graph.tensors}
            self._shapes = {tensor.name: tensor.shape[1:] for tensor in graph.tensors}
        else:
            self._quantized, self._shapes = {}, graph.shapes
        self._activation(graph.input)

    def convolution(self, op: Conv1D | FloatConv) -> None:
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = op.stride if isinstance(op, Conv1D) else 1
        options.strideH = options.dilationWFactor = options.dilationHFactor = 1
        options.fusedActivationFunction = _activation_function(op)
        # (out, kernel, in) is already (out, height 1, width, in).
        constants = self._constants(op, op.weight[:, np.newaxis])
        self._operator(_Builtin.CONV_2D, 3, (_Options.Conv2DOptions, options), op, constants)

    def dense(self, op: Dense | FloatDense) -> None:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = _activation_function(op)
        version = 4 if isinstance(op, Dense) else 1
        constants = self._constants(op, op.weight)
        inputs = [self._vector(op.input), *constants]
        described = (_Options.FullyConnectedOptions, options)
        target = self._activation(op.output, flat=True)
        self._operate((_Builtin.FULLY_CONNECTED, version), described, inputs, target)

    def max_pool(self, op: MaxPool1D) -> None:
        options = _pool_options(op.size, op.stride)
        self._operator(_Builtin.MAX_POOL_2D, 2, (_Options.Pool2DOptions, options), op)

    def mean_time(self, op: MeanTime) -> None:
        steps = self._shapes[op.input][0]
        options = _pool_options(steps, steps)
        self._operator(_Builtin.AVERAGE_POOL_2D, 2, (_Options.Pool2DOptions, options), op)

    def flatten(self, op: Reshape) -> None:
        self._reshape(op.name, self._index[op.input], self._activation(op.output, flat=True))

    def describe(self, name: str, text: str) -> None:
        """Metadata: a named buffer of UTF-8 text."""
        entry = schema.MetadataT()
        entry.name = name
        entry.buffer = self._buffer(np.frombuffer(text.encode(), np.uint8))
        self._metadata.append(entry)

    def finish(self) -> bytes:
        # The format's own entry: a 16-byte, zero-padded string.
        self.describe("min_runtime_version", _MIN_RUNTIME_VERSION.ljust(16, "\0"))
        subgraph = schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs = [self._index[self._graph.input]]
        subgraph.outputs = [self._index[head.tensor] for head in self._graph.heads]
        model = schema.ModelT()
        model.version = _SCHEMA_VERSION
        model.description = PRODUCER
        model.operatorCodes = [_operator_code(*code) for code in self._codes]
        model.subgraphs, model.buffers = [subgraph], self._buffers
        model.metadata, model.signatureDefs = self._metadata, [self._signature()]
        size = sum(len(buffer.data) for buffer in self._buffers if buffer.data is not None)
        builder = _AlignedBuilder(size + _STRUCTURE_BYTES)
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _signature(self) -> Any:
        signature = schema.SignatureDefT()
        signature.signatureKey = SIGNATURE
        signature.inputs = [_tensor_map(self._graph.input, self._index[self._graph.input])]
        signature.outputs = [
            _tensor_map(head.task, self._index[head.tensor]) for head in self._graph.heads
        ]
        return signature

    def _vector(self, name: str) -> int:
        """An activation as (1, values), reshaped once for all its readers.

        The format lets a dense layer read an image of 1 x 1, but tf2onnx drops its bias then.
        """
        index = self._index[name]
        if len(self._tensors[index].shape) == 2:
            return index
        flat = f"{name}.flat"
        if flat not in self._index:
            self._reshape(flat, index, self._activation(name, flat=True, written_as=flat))
        return self._index[flat]

    def _reshape(self, name: str, source: int, target: int) -> None:
        options = schema.ReshapeOptionsT()
        options.newShape = self._tensors[target].shape
        shape = self._constant(f"{name}.shape", np.array(options.newShape, np.int32))
        described = (_Options.ReshapeOptions, options)
        self._operate((_Builtin.RESHAPE, 1), described, [source, shape], target)

    def _operator(
        self,
        builtin: int,
        version: int,
        described: tuple[int, Any],
        op: Any,
        constants: list[int] | None = None,
    ) -> None:
        inputs = [self._index[op.input], *(constants or [])]
        self._operate((builtin, version), described, inputs, self._activation(op.output))

    def _operate(
        self, code: tuple[int, int], described: tuple[int, Any], inputs: list[int], target: int
    ) -> None:
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs, operator.outputs = inputs, [target]
        operator.builtinOptionsType, operator.builtinOptions = described
        self._operators.append(operator)

    def _constants(
        self, op: Conv1D | Dense | FloatConv | FloatDense, weight: NDArray[Any]
    ) -> list[int]:
        scales: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None] = (None, None)
        if isinstance(op, Conv1D | Dense):
            source = self._quantized[op.input]
            scales = op.weight_scale, bias_scale(source.scale, op.weight_scale)
        return [
            self._constant(f"{op.name}.weight", weight, scales[0]),
            self._constant(f"{op.name}.bias", op.bias, scales[1]),
        ]

    def _constant(
        self, name: str, values: NDArray[Any], scale: NDArray[np.float32] | None = None
    ) -> int:
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        tensor = _tensor(name, list(values.shape), values.dtype)
        tensor.buffer = self._buffer(little.reshape(-1).view(np.uint8))
        if scale is not None:
            tensor.quantization = _quantization(scale, np.zeros(len(scale), np.int64))
        return self._append(tensor)

    def _activation(self, name: str, flat: bool = False, written_as: str = "") -> int:
        steps, channels = self._shapes[name]
        shape = [1, channels] if flat else [1, 1, steps, channels]
        quantized: Tensor | None = self._quantized.get(name)
        dtype = np.dtype(np.float32 if quantized is None else np.int8)
        tensor = _tensor(written_as or name, shape, dtype)
        if quantized is not None:
            tensor.quantization = _quantization(
                np.array([quantized.scale], np.float32), np.array([quantized.zero_point], np.int64)
            )
        return self._append(tensor)

    def _append(self, tensor: Any) -> int:
        self._index[tensor.name] = len(self._tensors)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _buffer(self, data: NDArray[np.uint8]) -> int:
        buffer = schema.BufferT()
        buffer.data = data
        self._buffers.append(buffer)
        return len(self._buffers) - 1


def _tensor(name: str, shape: list[int], dtype: np.dtype[Any]) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, shape, _TYPES[dtype]
    tensor.hasRank = True
    return tensor


def _quantization(scale: NDArray[np.float32], zero_point: NDArray[np.int64]) -> Any:
    parameters = schema.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = scale, zero_point
    return parameters


def _tensor_map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def _operator_code(builtin: int, version: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    return code


def _pool_options(size: int, stride: int) -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.filterWidth, options.strideW = size, stride
    options.filterHeight = options.strideH = 1
    return options


def _activation_function(op: Conv1D | Dense | FloatConv | FloatDense) -> int:
    kind: int = _Activation.RELU if has_relu(op) else _Activation.NONE
    return kind
