"""Read an int8 QDQ model.onnx back into plain layers (see fingerprint.py).

What a file holds as uint8 is 128 higher than the graph's int8; both forms give the same layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from wearkit.errors import VerificationError
from wearkit_export.formats.fingerprint import MODEL_INPUT, Printed, PrintedLayer, Scale

_MOVES = {"Transpose", "Flatten"}
_OFFSETS = {np.dtype(np.int8): 0, np.dtype(np.uint8): 128}


def read_onnx(data: bytes) -> Printed:
    """The layers of an int8 model. Raises VerificationError for what our emitter never writes."""
    try:
        reader = _Reader(onnx.load_model_from_string(data))
        return reader.read()
    except (DecodeError, KeyError, IndexError, ValueError, TypeError) as error:
        raise VerificationError(f"The int8 ONNX file cannot be read back: {error!r}.") from error


class _Reader:
    """Follows values through the nodes: which layer made each, and at which scale it is held."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._nodes = model.graph.node
        self._constants = {
            item.name: numpy_helper.to_array(item) for item in model.graph.initializer
        }
        self._outputs = [output.name for output in model.graph.output]
        self._writer = {model.graph.input[0].name: MODEL_INPUT}
        self._held: dict[int, Scale] = {}
        self._dequantized: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        self._layers: list[PrintedLayer] = []

    def read(self) -> Printed:
        for node in self._nodes:
            self._follow(node)
        layers = tuple(
            replace(layer, after=self._held[number]) for number, layer in enumerate(self._layers)
        )
        return Printed(layers, {name: self._writer[name] for name in self._outputs})

    def _follow(self, node: onnx.NodeProto) -> None:
        source, output = node.input[0], node.output[0]
        if node.op_type == "DequantizeLinear" and source in self._constants:
            scale = np.atleast_1d(self._constants[node.input[1]])
            values = _signed(source, self._constants[source], self._constants[node.input[2]])
            self._dequantized[output] = (values, scale)
            return
        number = self._writer[source]
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type in {"QuantizeLinear", "DequantizeLinear"}:
            self._hold(number, node)
        elif node.op_type == "Relu":
            self._layers[number] = replace(self._layers[number], relu=True)
        elif node.op_type not in _MOVES:
            self._layers.append(self._layer(node, number, attributes))
            number = len(self._layers) - 1
        self._writer[output] = number

    def _hold(self, number: int, node: onnx.NodeProto) -> None:
        """Every pair around one layer's value must state one scale and zero point."""
        scale, zero_point = (self._constants[name] for name in node.input[1:3])
        if zero_point.dtype not in _OFFSETS:
            raise ValueError(f"{node.name} is {zero_point.dtype}, not int8 or uint8")
        stated = Scale(float(scale), int(zero_point) - _OFFSETS[zero_point.dtype])
        if self._held.setdefault(number, stated) != stated:
            raise ValueError(f"{node.name} changes the scale of layer {number}")

    def _layer(self, node: onnx.NodeProto, source: int, attributes: dict[str, Any]) -> PrintedLayer:
        before = self._held[source]
        match node.op_type:
            case "Conv" | "Gemm":
                return self._linear(node, source, before, attributes)
            case "MaxPool":
                sizes = (int(attributes["kernel_shape"][0]), int(attributes["strides"][0]))
                return PrintedLayer("max", source, before, before, numbers=sizes)
            case "GlobalAveragePool":
                return PrintedLayer("mean", source, before, before)
            case _:
                raise ValueError(f"unexpected {node.op_type}")

    def _linear(
        self, node: onnx.NodeProto, source: int, before: Scale, attributes: dict[str, Any]
    ) -> PrintedLayer:
        (weight, weight_scale), (bias, step) = (self._dequantized[name] for name in node.input[1:3])
        if node.op_type == "Gemm":
            if attributes.get("transB") != 1:
                raise ValueError(f"{node.name} is not transposed")
            constants = (weight, weight_scale, bias, step)
            return PrintedLayer("dense", source, before, before, constants=constants)
        constants = (weight.transpose(0, 2, 1), weight_scale, bias, step)
        numbers = (int(attributes["strides"][0]),)
        return PrintedLayer("conv", source, before, before, numbers=numbers, constants=constants)


def _signed(name: str, values: NDArray[Any], zero_point: NDArray[Any]) -> NDArray[Any]:
    """Weights as int8 and biases as they are. Raises ValueError unless 0 stands for 0."""
    offset = _OFFSETS[values.dtype] if values.dtype != np.int32 else 0
    if zero_point.dtype != values.dtype or np.any(zero_point != offset):
        raise ValueError(f"{name} is not symmetric")
    return (values.astype(np.int16) - offset).astype(np.int8) if offset else values
