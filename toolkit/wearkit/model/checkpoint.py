"""Checkpoint: the weights of one network and everything needed to know what it is.

On disk: checkpoint.safetensors (the weights) beside checkpoint.json (what they are, and the
SHA-256 of the weights file). Both are read as untrusted input.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from wearkit.errors import DataError, ModelFileError
from wearkit.files.limited import RUN_UNREADABLE, read_limited
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.files.strict_json import parse_json
from wearkit.model.architecture import weight_shapes
from wearkit.model.provenance import UNRECORDED, Provenance
from wearkit.spec import ModelSpec

FORMAT = "wearkit-checkpoint"
FORMAT_VERSION = 1
JSON_NAME = "checkpoint.json"
WEIGHTS_NAME = "checkpoint.safetensors"
_MAX_JSON_BYTES = 4 << 20
_MAX_WEIGHTS_BYTES = 64 << 20
_MAX_HEADER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """weights: name -> float32 array, exactly `architecture.weight_shapes(model)`. file_sha256: of
    the weights file it was read from, see `weights_sha256`.

    provenance: training configuration, seeds, split, data fingerprint, simulated or not, which of
    student and teacher was kept, package versions.
    """

    model: ModelSpec
    weights: Mapping[str, NDArray[np.float32]]
    provenance: Provenance = UNRECORDED
    file_sha256: str = ""

    def __post_init__(self) -> None:
        expected = weight_shapes(self.model)
        if set(self.weights) != set(expected):
            odd = sorted(set(self.weights) ^ set(expected))[0]
            raise ModelFileError(f"The checkpoint does not fit {self.model.arch}: see {odd!r}.")
        for name, shape in expected.items():
            tensor = self.weights[name]
            if tensor.shape != shape or tensor.dtype != np.float32:
                raise ModelFileError(
                    f"Tensor {name!r} is {tensor.dtype}{tensor.shape}, not float32{shape}."
                )
            if not np.isfinite(tensor).all():
                raise ModelFileError(f"Tensor {name!r} holds a value that is not finite.")


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write both files into `folder`. One checkpoint always gives the same bytes."""
    weights = save_tensors(dict(checkpoint.weights))
    write_bytes(folder / WEIGHTS_NAME, weights)
    write_json(
        folder / JSON_NAME,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "weights": {"file": WEIGHTS_NAME, "sha256": hashlib.sha256(weights).hexdigest()},
            "model": checkpoint.model.to_json(),
            "provenance": checkpoint.provenance.to_json(),
        },
    )


def load_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint of a run folder.

    Raises ModelFileError when a file is missing, damaged, too large, changed since it was
    written, or of another format version.
    """
    value = _read_description(folder / JSON_NAME)
    try:
        model = ModelSpec.from_json(value["model"])
        expected_sha256 = str(value["weights"]["sha256"])
        provenance = Provenance.from_json(dict(value["provenance"]))
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise ModelFileError(f"{folder / JSON_NAME} is damaged: {error!r}; train again.") from error
    path = folder / WEIGHTS_NAME
    data = read_limited(path, _MAX_WEIGHTS_BYTES, RUN_UNREADABLE)
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise ModelFileError(
            f"{path} is not the file {JSON_NAME} was written for (its SHA-256 differs): it is "
            "truncated or was changed; train again or restore the file."
        )
    _check_header(path, data, weight_shapes(model))
    try:
        weights = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{path} is damaged: {error}; train again.") from error
    return Checkpoint(model, weights, provenance, expected_sha256)


def weights_sha256(checkpoint: Checkpoint) -> str:
    """SHA-256 of its weights file, by which a run and a bundle know that they are of one network:
    that of the file it was read from, else of the one `save_checkpoint` would write."""
    if checkpoint.file_sha256:
        return checkpoint.file_sha256
    return hashlib.sha256(save_tensors(dict(checkpoint.weights))).hexdigest()


def _read_description(path: Path) -> dict[str, Any]:
    try:
        value = parse_json(read_limited(path, _MAX_JSON_BYTES, RUN_UNREADABLE))
    except ValueError as error:
        raise ModelFileError(f"{path} is truncated or not JSON; train again.") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ModelFileError(f"{path} does not describe a wearkit checkpoint.")
    version = value.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {version!r} and this wearkit reads {FORMAT_VERSION}: use "
            "the wearkit that wrote it, or train again."
        )
    return value


def _check_header(path: Path, data: bytes, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Compare names, types, shapes and extents with the architecture before anything is copied."""
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= size <= min(_MAX_HEADER_BYTES, len(data) - 8):
        raise ModelFileError(f"{path} has no valid safetensors header; train again.")
    try:
        header = parse_json(data[8 : 8 + size])
        tensors = {name: item for name, item in header.items() if name != "__metadata__"}
        if set(tensors) != set(expected):
            odd = sorted(set(tensors) ^ set(expected))[0]
            raise ModelFileError(f"{path} does not fit its architecture: see {odd!r}.")
        for name, shape in expected.items():
            begin, end = tensors[name]["data_offsets"]
            described = (tensors[name]["dtype"], tuple(tensors[name]["shape"]), end - begin)
            if described != ("F32", shape, 4 * math.prod(shape)):
                raise ModelFileError(f"{path}: tensor {name!r} is not float32 of shape {shape}.")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} has a damaged header: {error!r}; train again.") from error
