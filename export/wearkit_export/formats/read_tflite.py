"""Read an int8 model.tflite back into plain layers (see fingerprint.py), checking every index."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit_export.formats.fingerprint import MODEL_INPUT, Printed, PrintedLayer, Scale

_Builtin = schema.BuiltinOperator
_Relu = schema.ActivationFunctionType.RELU
_TYPES = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}


def read_tflite(data: bytes) -> Printed:
    """The layers of an int8 model. Raises VerificationError for what our emitter never writes."""
    try:
        if not schema.Model.ModelBufferHasIdentifier(data, 0):
            raise ValueError("no TFL3 identifier")
        return _Reader(schema.Model.GetRootAs(data, 0)).read()
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise VerificationError(f"The int8 TFLite file cannot be read back: {error!r}.") from error


class _Reader:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._graph = model.Subgraphs(0)
        self._writer = {int(self._graph.Inputs(0)): MODEL_INPUT}
        self._layers: list[PrintedLayer] = []

    def read(self) -> Printed:
        for number in range(self._graph.OperatorsLength()):
            self._follow(self._graph.Operators(number))
        signature = self._model.SignatureDefs(0)
        outputs = [signature.Outputs(number) for number in range(signature.OutputsLength())]
        heads = {item.Name().decode(): self._writer[int(item.TensorIndex())] for item in outputs}
        return Printed(tuple(self._layers), heads)

    def _follow(self, operator: Any) -> None:
        code = self._model.OperatorCodes(
            _within(operator.OpcodeIndex(), self._model.OperatorCodesLength())
        )
        source, output = int(operator.Inputs(0)), int(operator.Outputs(0))
        number = self._writer[source]
        if code.BuiltinCode() == _Builtin.RESHAPE:
            self._writer[output] = number
            return
        before, after = self._scale(source), self._scale(output)
        options = _options(operator, code.BuiltinCode())
        match code.BuiltinCode():
            case _Builtin.CONV_2D:
                layer = self._linear(operator, "conv", (options.StrideW(),), options, before, after)
            case _Builtin.FULLY_CONNECTED:
                layer = self._linear(operator, "dense", (), options, before, after)
            case _Builtin.MAX_POOL_2D:
                sizes = (options.FilterWidth(), options.StrideW())
                layer = PrintedLayer("max", number, before, after, numbers=sizes)
            case _Builtin.AVERAGE_POOL_2D:
                layer = PrintedLayer("mean", number, before, after)
            case other:
                raise ValueError(f"unexpected operator {other}")
        self._writer[output] = len(self._layers)
        self._layers.append(layer)

    def _linear(
        self,
        operator: Any,
        kind: str,
        numbers: tuple[int, ...],
        options: Any,
        before: Scale,
        after: Scale,
    ) -> PrintedLayer:
        weight, weight_scale = self._constant(int(operator.Inputs(1)))
        bias, step = self._constant(int(operator.Inputs(2)))
        # (out, height 1, kernel, in) -> (out, kernel, in)
        weight = weight[:, 0] if kind == "conv" else weight
        return PrintedLayer(
            kind,
            self._writer[int(operator.Inputs(0))],
            before,
            after,
            options.FusedActivationFunction() == _Relu,
            numbers,
            (weight, weight_scale, bias, step),
        )

    def _tensor(self, index: int) -> Any:
        return self._graph.Tensors(_within(index, self._graph.TensorsLength()))

    def _scale(self, index: int) -> Scale:
        tensor = self._tensor(index)
        quantization = tensor.Quantization()
        if tensor.Type() != schema.TensorType.INT8 or quantization.ScaleLength() != 1:
            raise ValueError(f"activation {index} is not int8 with one scale")
        return Scale(float(quantization.Scale(0)), int(quantization.ZeroPoint(0)))

    def _constant(self, index: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        tensor = self._tensor(index)
        buffer = self._model.Buffers(_within(tensor.Buffer(), self._model.BuffersLength()))
        shape = [int(extent) for extent in tensor.ShapeAsNumpy()]
        dtype = np.dtype(_TYPES[tensor.Type()]).newbyteorder("<")
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(shape)
        quantization = tensor.Quantization()
        if quantization.ZeroPointAsNumpy().any() or quantization.QuantizedDimension() != 0:
            raise ValueError(f"constant {index} is not symmetric along its first dimension")
        return values, quantization.ScaleAsNumpy()


def _options(operator: Any, code: int) -> Any:
    kind: type[Any] = {
        _Builtin.CONV_2D: schema.Conv2DOptions,
        _Builtin.FULLY_CONNECTED: schema.FullyConnectedOptions,
        _Builtin.MAX_POOL_2D: schema.Pool2DOptions,
        _Builtin.AVERAGE_POOL_2D: schema.Pool2DOptions,
    }[code]
    table, options = operator.BuiltinOptions(), kind()
    options.Init(table.Bytes, table.Pos)
    return options


def _within(index: int, length: int) -> int:
    if not 0 <= index < length:
        raise IndexError(f"index {index} of {length}")
    return index
