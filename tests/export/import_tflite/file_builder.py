"""Write .tflite files operator by operator, also such that no converter would write.

Loaded by the fixture `file_builder`; it uses TFLite's own schema module, ours reads without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

_CODE = schema.BuiltinOperator
_OPTIONS = schema.BuiltinOptions
_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
}
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU6 = 0, 1, 3


class FileBuilder:
    """Tensors are numbers; operators are written in the order of the calls."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[int] = []

    def activation(self, shape: Sequence[int], scale: float, zero_point: int) -> int:
        return self._tensor(shape, np.dtype(np.int8), [scale], [zero_point], 0, 0)

    def constant(
        self, values: NDArray[Any], scale: NDArray[np.float32] | None = None, axis: int = 0
    ) -> int:
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self.buffers.append(buffer)
        zeros = None if scale is None else [0] * len(scale)
        number = len(self.buffers) - 1
        return self._tensor(values.shape, values.dtype, scale, zeros, number, axis)

    def convolution(
        self,
        source: int,
        target: int,
        weight: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.int32],
        stride: tuple[int, int] = (1, 1),
        padding: int = VALID,
        activation: int = NONE,
    ) -> None:
        options = schema.Conv2DOptionsT()
        self._slide(options, stride, padding, activation)
        operands = self._linear(source, weight, scale, bias, axis=0)
        self.operator(_CODE.CONV_2D, operands, target, _OPTIONS.Conv2DOptions, options)

    def depthwise(
        self,
        source: int,
        target: int,
        weight: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.int32],
        multiplier: int,
        stride: tuple[int, int] = (1, 1),
        padding: int = VALID,
        activation: int = NONE,
    ) -> None:
        options = schema.DepthwiseConv2DOptionsT()
        self._slide(options, stride, padding, activation)
        options.depthMultiplier = multiplier
        operands = self._linear(source, weight, scale, bias, axis=3)
        kind = _OPTIONS.DepthwiseConv2DOptions
        self.operator(_CODE.DEPTHWISE_CONV_2D, operands, target, kind, options)

    def dense(
        self,
        source: int,
        target: int,
        weight: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.int32],
        activation: int = NONE,
    ) -> None:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        operands = self._linear(source, weight, scale, bias, axis=0)
        kind = _OPTIONS.FullyConnectedOptions
        self.operator(_CODE.FULLY_CONNECTED, operands, target, kind, options)

    def pool(
        self,
        source: int,
        target: int,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: int = VALID,
        activation: int = NONE,
        average: bool = False,
    ) -> None:
        options = schema.Pool2DOptionsT()
        self._slide(options, stride, padding, activation)
        options.filterHeight, options.filterWidth = size
        code = _CODE.AVERAGE_POOL_2D if average else _CODE.MAX_POOL_2D
        self.operator(code, [source], target, _OPTIONS.Pool2DOptions, options)

    def mean(self, source: int, target: int, axes: Sequence[int], keep: bool) -> None:
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        operands = [source, self.constant(np.array(axes, np.int32))]
        self.operator(_CODE.MEAN, operands, target, _OPTIONS.ReducerOptions, options)

    def add(self, first: int, second: int, target: int, activation: int = NONE) -> None:
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        self.operator(_CODE.ADD, [first, second], target, _OPTIONS.AddOptions, options)

    def relu(self, source: int, target: int, six: bool = False) -> None:
        self.operator(_CODE.RELU6 if six else _CODE.RELU, [source], target)

    def reshape(self, source: int, target: int) -> None:
        shape = np.array(self.tensors[target].shape, np.int32)
        self.operator(_CODE.RESHAPE, [source, self.constant(shape)], target)

    def operator(
        self,
        code: int,
        operands: Sequence[int],
        target: int,
        kind: int = 0,
        options: Any = None,
    ) -> None:
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = list(operands), [target]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.operators.append(operator)

    def finish(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        signature: Sequence[tuple[str, int]] = (),
    ) -> bytes:
        """The bytes of the file. signature: (name, tensor) of its outputs; without any it has
        none, as many foreign files."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        if signature:
            model.signatureDefs = [_signature(inputs, signature)]
        model.operatorCodes = [_operator_code(code) for code in self.codes]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _linear(
        self,
        source: int,
        weight: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.int32],
        axis: int,
    ) -> list[int]:
        entry = np.float32(self.tensors[source].quantization.scale[0])
        return [source, self.constant(weight, scale, axis), self.constant(bias, entry * scale)]

    def _slide(self, options: Any, stride: tuple[int, int], padding: int, activation: int) -> None:
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        if hasattr(options, "dilationHFactor"):
            options.dilationHFactor = options.dilationWFactor = 1

    def _tensor(
        self,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        scale: Any,
        zero_point: Any,
        buffer: int,
        axis: int,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"tensor {len(self.tensors)}", list(shape)
        tensor.type, tensor.buffer = _TYPES[dtype], buffer
        if scale is not None:
            quantization = schema.QuantizationParametersT()
            quantization.scale = np.asarray(scale, np.float32)
            quantization.zeroPoint = np.asarray(zero_point, np.int64)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _signature(inputs: Sequence[int], outputs: Sequence[tuple[str, int]]) -> Any:
    found = schema.SignatureDefT()
    found.signatureKey, found.subgraphIndex = b"serving_default", 0
    found.inputs = [_named("x", inputs[0])]
    found.outputs = [_named(name, tensor) for name, tensor in outputs]
    return found


def _named(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def _operator_code(code: int) -> Any:
    # The newest version any of these has for int8; runtimes choose their kernels by it.
    versions = {_CODE.CONV_2D: 3, _CODE.DEPTHWISE_CONV_2D: 3, _CODE.FULLY_CONNECTED: 4}
    found = schema.OperatorCodeT()
    found.builtinCode, found.deprecatedBuiltinCode = code, min(code, 127)
    found.version = 1 if code == _CODE.RESHAPE else versions.get(code, 2)
    return found
