"""A .tflite file as plain data: tensors, operators and constants, every index checked.

Field numbers are those of TFLite's schema version 3. What the operators mean is for `mapping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit_export.import_tflite.flatbuffer import Table, Tables, root
from wearkit_export.import_tflite.operator_names import NAMES

FILE_MAX_BYTES = 64 << 20
_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_COUNT_MAX = 1024  # tensors, operators, buffers
_CODES_MAX = 256
_OPERANDS_MAX = 64
_RANK_MAX = 8
_SCALES_MAX = 1 << 16
_EXTENT_MAX = 1 << 24
_CUSTOM = NAMES.index("CUSTOM")
_TYPES = (
    "FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 "
    "UINT64 RESOURCE VARIANT UINT32 UINT16 INT4 BFLOAT16"
).split()
_DTYPES = {"INT8": "<i1", "INT32": "<i4", "INT64": "<i8"}
NO_TENSOR = -1
"""The index of an operand that is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class FileTensor:
    """scales, zero_points: as many as the file has, which may be none; axis: the dimension that
    several scales run along; buffer: 0 for what is computed."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    buffer: int


@dataclass(frozen=True, slots=True, eq=False)
class FileOperator:
    """position: its number in the file, from 0; options: its table of that kind, or None."""

    position: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_kind: int
    options: Table | None


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """The one subgraph of a file. signature: tensor index -> the name of that output."""

    data: bytes
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signature: Mapping[int, str]
    buffers: Tables

    def tensor(self, index: int) -> FileTensor:
        """Raises ModelFileError when there is none."""
        if not 0 <= index < len(self.tensors):
            raise ModelFileError(f"The file refers to tensor {index}, which it does not have.")
        return self.tensors[index]

    def constant(self, tensor: FileTensor) -> NDArray[Any] | None:
        """The values of a constant in its shape, or None for a tensor that is computed.

        Raises ModelFileError when the buffer does not fit type and shape.
        """
        if tensor.buffer == 0:
            return None
        raw = self._buffer(tensor.buffer)
        if not raw:
            return None
        if tensor.type not in _DTYPES:
            raise ModelFileError(
                f"Constant {tensor.index} ({tensor.name!r}) has type {tensor.type}, which no int8 "
                "model needs."
            )
        dtype = np.dtype(_DTYPES[tensor.type])
        if len(raw) != dtype.itemsize * int(np.prod(tensor.shape, dtype=object)):
            raise ModelFileError(
                f"Constant {tensor.index} ({tensor.name!r}) holds {len(raw)} bytes, which do not "
                f"fill its shape {list(tensor.shape)}: the file is damaged."
            )
        return np.frombuffer(raw, dtype).reshape(tensor.shape)

    @property
    def external_constants(self) -> bool:
        """Constants lie behind the flatbuffer, where TFLite Micro does not look for them."""
        return any(buffer.scalar(1, "u64") > 1 for buffer in self.buffers)

    def check_constants(self) -> None:
        """Raises ModelFileError when any constant, read or not, does not fill its shape.

        Types that no int8 model needs are left to the operator that reads them.
        """
        for tensor in self.tensors:
            if tensor.type in _DTYPES:
                self.constant(tensor)

    def _buffer(self, index: int) -> bytes:
        """Its bytes, wherever they are: in the flatbuffer, or behind it by offset and size."""
        buffer = self.buffers[index]
        offset, size = buffer.scalar(1, "u64"), buffer.scalar(2, "u64")
        if offset <= 1:  # 0 and 1 both mean: not behind the flatbuffer
            return buffer.bytes(0, FILE_MAX_BYTES)
        if offset + size > len(self.data):
            raise ModelFileError(f"Buffer {index} lies outside the file: it is cut off.")
        return self.data[offset : offset + size]


def read_model_file(data: bytes) -> ModelFile:
    """Raises ModelFileError, naming the place, for a file that is damaged or too large."""
    if len(data) > FILE_MAX_BYTES:
        raise ModelFileError(f"The TFLite file is larger than {FILE_MAX_BYTES >> 20} MiB.")
    model = root(data, _IDENTIFIER)
    if model.scalar(0, "u32") != _SCHEMA_VERSION:
        raise ModelFileError(
            f"The TFLite file has schema version {model.scalar(0, 'u32')}, not {_SCHEMA_VERSION}."
        )
    subgraphs = model.tables(2, "subgraph", _COUNT_MAX)
    if len(subgraphs) != 1:
        raise ModelFileError(
            f"The model has {len(subgraphs)} subgraphs and only one is supported: leave out "
            "control flow and training signatures."
        )
    graph = subgraphs[0]
    buffers = model.tables(4, "buffer", _COUNT_MAX)
    tensors = tuple(
        _tensor(table, index, len(buffers))
        for index, table in enumerate(graph.tables(0, "tensor", _COUNT_MAX))
    )
    codes = [_code_name(code) for code in model.tables(1, "operator code", _CODES_MAX)]
    operators = tuple(
        _operator(table, position, codes)
        for position, table in enumerate(graph.tables(3, "operator", _COUNT_MAX))
    )
    outputs = _indices(graph, 2)
    signature = _signature(model, outputs)
    return ModelFile(data, tensors, operators, _indices(graph, 1), outputs, signature, buffers)


def _code_name(code: Table) -> str:
    # Numbers past 126 do not fit the older field, which then holds 127.
    number = max(code.scalar(0, "i8"), code.scalar(3, "i32"))
    if number == _CUSTOM:
        return f"custom operator {code.text(1)!r}"
    return NAMES[number] if 0 <= number < len(NAMES) else f"operator code {number}"


def _tensor(table: Table, index: int, buffers: int) -> FileTensor:
    shape = _shape(table, index)
    number = table.scalar(1, "i8")
    name, buffer = table.text(3), table.scalar(2, "u32")
    if buffer >= max(buffers, 1):
        raise ModelFileError(f"Tensor {index} refers to buffer {buffer}, which the file lacks.")
    if table.table(6, "sparsity") is not None:
        raise ModelFileError(f"Tensor {index} ({name!r}) is sparse: convert without sparsity.")
    quantization = table.table(4, f"quantization of tensor {index}")
    scales, zero_points, axis = _quantization(quantization)
    if len(scales) != len(zero_points):
        raise ModelFileError(
            f"Tensor {index} ({name!r}) has {len(scales)} scales, but {len(zero_points)} zero "
            "points: the file is damaged."
        )
    return FileTensor(
        index=index,
        name=name,
        shape=shape,
        type=_TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}",
        scales=scales,
        zero_points=zero_points,
        axis=axis,
        buffer=buffer,
    )


def _shape(table: Table, index: int) -> tuple[int, ...]:
    extents = table.numbers(0, "<i4", _RANK_MAX)
    shape = () if extents is None else tuple(int(extent) for extent in extents)
    if any(not 0 <= extent <= _EXTENT_MAX for extent in shape):
        raise ModelFileError(f"Tensor {index} cannot have the shape {list(shape)}.")
    return shape


def _quantization(table: Table | None) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    scales = None if table is None else table.numbers(2, "<f4", _SCALES_MAX)
    points = None if table is None else table.numbers(3, "<i8", _SCALES_MAX)
    return (
        np.empty(0, np.float32) if scales is None else scales,
        np.empty(0, np.int64) if points is None else points,
        0 if table is None else table.scalar(6, "i32"),
    )


def _operator(table: Table, position: int, codes: list[str]) -> FileOperator:
    code = table.scalar(0, "u32")
    if code >= len(codes):
        raise ModelFileError(f"Operator {position} has no operator code: the file is damaged.")
    return FileOperator(
        position=position,
        name=codes[code],
        inputs=_indices(table, 1),
        outputs=_indices(table, 2),
        options_kind=table.scalar(3, "u8"),
        options=table.table(4, f"options of operator {position}"),
    )


def _indices(table: Table, field: int) -> tuple[int, ...]:
    numbers = table.numbers(field, "<i4", _OPERANDS_MAX)
    return () if numbers is None else tuple(int(index) for index in numbers)


def _signature(model: Table, outputs: tuple[int, ...]) -> dict[int, str]:
    """Names of the outputs by the first signature, if there is one."""
    signatures = model.tables(7, "signature", _COUNT_MAX)
    if not len(signatures):
        return {}
    maps = signatures[0].tables(1, "signature output", _COUNT_MAX)
    named = {entry.scalar(1, "u32"): entry.text(0) for entry in maps}
    return {index: name for index, name in named.items() if index in outputs}
