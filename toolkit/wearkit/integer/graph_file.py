"""QuantizedGraph on disk: graph.json (structure) beside graph.safetensors (constants).

The model id is a digest of the structure and of every constant, so two graphs with one id
answer every window alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from wearkit.errors import DataError, ModelFileError
from wearkit.files.limited import MAX_JSON_BYTES, json_object, read_limited
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.integer.graph import (
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Head,
    Linear,
    MaxPool1D,
    MeanTime,
    Op,
    QuantizedGraph,
    Relu,
    Reshape,
    Tensor,
)
from wearkit.spec import canonical_json, spec_from_json

FORMAT = "wearkit-graph"
FORMAT_VERSION = 1
JSON_NAME = "graph.json"
TENSORS_NAME = "graph.safetensors"
_MAX_TENSORS_BYTES = 1 << 30

_KINDS: dict[str, type[Op]] = {
    "conv1d": Conv1D,
    "depthwise_conv1d": DepthwiseConv1D,
    "dense": Dense,
    "max_pool1d": MaxPool1D,
    "average_pool1d": AveragePool1D,
    "mean_time": MeanTime,
    "relu": Relu,
    "add": Add,
    "reshape": Reshape,
}
_KIND_OF = {kind: name for name, kind in _KINDS.items()}
_FIELD_TYPES = {
    "stride": int,
    "size": int,
    "pad_before": int,
    "pad_after": int,
    "over_image": bool,
}
"""Fields that are not text; JSON's 1.0 and "1" are neither integers nor booleans."""
_CONSTANTS = ("weight", "weight_scale", "bias")
_CONSTANT_TYPES = {"weight": np.int8, "weight_scale": np.float32, "bias": np.int32}


def model_id(graph: QuantizedGraph) -> str:
    """64 hex digits: SHA-256 of the canonical structure, then of each constant by name."""
    digest = hashlib.sha256(canonical_json(structure(graph)))
    for name, array in sorted(constants(graph).items()):
        digest.update(canonical_json([name, str(array.dtype), list(array.shape)]))
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def structure(graph: QuantizedGraph) -> dict[str, Any]:
    """Everything but the constants, as plain JSON. float32 scales are exact in it."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": graph.model.to_json(),
        "rounding": graph.rounding,
        "input": graph.input,
        "heads": [{"task": head.task, "tensor": head.tensor} for head in graph.heads],
        "tensors": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "scale": tensor.scale,
                "zero_point": tensor.zero_point,
            }
            for tensor in graph.tensors
        ],
        "ops": [_op_to_json(op) for op in graph.ops],
    }


def constants(graph: QuantizedGraph) -> dict[str, NDArray[Any]]:
    """`<op>.weight`, `<op>.weight_scale`, `<op>.bias` of every operation that has them."""
    return {
        f"{op.name}.{part}": getattr(op, part)
        for op in graph.ops
        if isinstance(op, Linear)
        for part in _CONSTANTS
    }


def save_graph(graph: QuantizedGraph, folder: Path) -> None:
    """Write graph.json and graph.safetensors; the same graph gives the same bytes."""
    write_bytes(folder / TENSORS_NAME, save_tensors(constants(graph)))
    write_json(folder / JSON_NAME, structure(graph))


def load_graph(folder: Path) -> QuantizedGraph:
    """The graph of a bundle folder.

    Raises ModelFileError when a file is missing, damaged, too large or of another version.
    """
    structure = read_limited(folder / JSON_NAME, MAX_JSON_BYTES)
    tensors = read_limited(folder / TENSORS_NAME, _MAX_TENSORS_BYTES)
    return parse_graph(structure, tensors, folder)


def parse_graph(structure: bytes, tensors: bytes, folder: Path) -> QuantizedGraph:
    """As `load_graph` of two files that are read already. folder: theirs, for the sentence."""
    value = json_object(folder / JSON_NAME, structure, FORMAT, FORMAT_VERSION)
    arrays = _tensors_of(folder / TENSORS_NAME, tensors)
    try:
        ops = tuple(_op_from_json(item, arrays) for item in value["ops"])
        if arrays:
            raise ModelFileError(f"{TENSORS_NAME} holds {min(arrays)!r}, which no operation uses.")
        return QuantizedGraph(
            model=spec_from_json(value["model"]),
            tensors=tuple(_tensor_from_json(item) for item in value["tensors"]),
            ops=ops,
            input=str(value["input"]),
            heads=tuple(Head(str(item["task"]), str(item["tensor"])) for item in value["heads"]),
            rounding=value["rounding"],
        )
    except (KeyError, TypeError, ValueError, OverflowError, DataError) as error:
        raise ModelFileError(f"{folder / JSON_NAME} is damaged: {error!r}.") from error


def _tensors_of(path: Path, data: bytes) -> dict[str, NDArray[Any]]:
    if len(data) > _MAX_TENSORS_BYTES:
        raise ModelFileError(f"{path} is larger than {_MAX_TENSORS_BYTES} bytes and is not read.")
    try:
        return load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{path} is damaged; export the bundle again.") from error


def _op_to_json(op: Op) -> dict[str, Any]:
    return {"kind": _KIND_OF[type(op)]} | {name: getattr(op, name) for name in _plain_fields(op)}


def _plain_fields(kind: Op | type[Op]) -> list[str]:
    """What an operation holds beside its constants."""
    return [field.name for field in fields(kind) if field.name not in _CONSTANTS]


def _op_from_json(value: Mapping[str, Any], arrays: dict[str, NDArray[Any]]) -> Op:
    """Build one operation, taking its constants out of `arrays`."""
    kind = _KINDS[str(value["kind"])]
    arguments: dict[str, Any] = {
        name: _typed(value[name], _FIELD_TYPES.get(name, str), name) for name in _plain_fields(kind)
    }
    if issubclass(kind, Linear):
        for part in _CONSTANTS:
            array = arrays.pop(f"{arguments['name']}.{part}")
            if array.dtype != _CONSTANT_TYPES[part]:
                raise ModelFileError(f"Constant {arguments['name']}.{part} has type {array.dtype}.")
            arguments[part] = array
    return kind(**arguments)


def _typed(value: Any, expected: type[Any], name: str) -> Any:
    if type(value) is not expected:
        raise TypeError(f"{name} must be {expected.__name__}")
    return value


def _tensor_from_json(value: Mapping[str, Any]) -> Tensor:
    rows, steps, channels = (_typed(extent, int, "shape") for extent in value["shape"])
    return Tensor(
        name=str(value["name"]),
        shape=(rows, steps, channels),
        scale=float(value["scale"]),
        zero_point=_typed(value["zero_point"], int, "zero_point"),
    )
