"""Bundle: the folder `wearkit export` leaves, opened only when every byte is what it was.

manifest.json                        sha256 and size of every other file, model id, labels, spec
graph.json + graph.safetensors       the integers themselves (wearkit.integer.graph_file)
model.{fp32,int8}.{onnx,tflite}      printed from them
model.int8.s8.onnx                   the int8 ONNX file for runtimes without uint8 weights
model.int8.ort                       the int8 ONNX file for phone builds, when asked for
c/                                   C sources for a microcontroller, where the model allows it
golden.npz                           counts, inputs and logits a device must reproduce
report.json, MODEL_CARD.md           what was measured

The bundle of an imported model holds its one .tflite, byte for byte, and no counts: nobody knows
which sensor it was made for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import ModelFileError
from wearkit.files.limited import file_sha256, read_json, read_limited
from wearkit.files.npz import read_npz
from wearkit.files.strict_json import parse_json
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.graph_file import load_graph, model_id
from wearkit.spec import ImportedSpec, ModelSpec, trained

FORMAT = "wearkit-bundle"
FORMAT_VERSION = 1
BUNDLES = "build"
MANIFEST = "manifest.json"
GOLDEN = "golden.npz"
REPORT = "report.json"
CARD = "MODEL_CARD.md"
FP32_ONNX, INT8_ONNX = "model.fp32.onnx", "model.int8.onnx"
FP32_TFLITE, INT8_TFLITE = "model.fp32.tflite", "model.int8.tflite"
FILES = (
    "graph.json",
    "graph.safetensors",
    FP32_ONNX,
    INT8_ONNX,
    FP32_TFLITE,
    INT8_TFLITE,
    GOLDEN,
    REPORT,
    CARD,
)
"""Files of every bundle beside the manifest, which lists these, those of C_FOLDER and OPTIONAL."""

IMPORTED_FILES = ("graph.json", "graph.safetensors", INT8_TFLITE, GOLDEN, REPORT, CARD)
"""The same for a model made elsewhere: its own .tflite is the only model file."""

INT8_S8_ONNX = "model.int8.s8.onnx"
"""Signed weights and activations (S8S8 in ONNX Runtime's words); older bundles lack it."""

INT8_ORT = "model.int8.ort"
OPTIONAL = (INT8_S8_ONNX, INT8_ORT)
C_FOLDER = "c"

_MAX_FILE_BYTES = 1 << 30
_MAX_REPORT_BYTES = 4 << 20
_PLAIN_NAME = re.compile(rf"({C_FOLDER}/(wk/)?)?[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}")


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """counts: (N, length, 3) int16; inputs: the same as int8; logits: task -> (N, labels) int8 of
    the integer reference in the graph's own rounding family."""

    counts: NDArray[np.int16]
    inputs: NDArray[np.int8]
    logits: Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True, eq=False)
class ImportedGolden:
    """As Golden for a model made elsewhere. inputs: (N, rows, steps, channels) int8."""

    inputs: NDArray[np.int8]
    logits: Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """model_id: 64 hex digits, the digest of the graph; its first 8 bytes travel on the wire."""

    path: Path
    manifest: Mapping[str, Any]
    graph: QuantizedGraph
    model_id: str

    @property
    def model(self) -> ModelSpec:
        """The network wearkit trained. Raises ModelFileError for an imported model."""
        return trained(self.graph.model)

    @property
    def head_scales(self) -> dict[str, float]:
        """Task -> what one step of its int8 logits is worth."""
        return {head.task: self.graph.tensor(head.tensor).scale for head in self.graph.heads}

    def file(self, name: str) -> Path:
        """The path of a file the manifest vouches for. Raises ModelFileError for any other."""
        if name not in self.manifest["files"]:
            raise ModelFileError(f"{self.path / MANIFEST} does not list {name}: export again.")
        return self.path / name

    def table(self) -> list[dict[str, str | float | int]]:
        """One plain row for each runtime that export ran against the integer reference, as
        pandas.DataFrame takes them: what is in report.json.

        Raises ModelFileError when report.json is none.

        >>> {row["differing"] for row in bundle.table() if row["must_match"]}
        {0}
        """
        path = self.file(REPORT)
        try:
            report = parse_json(read_limited(path, _MAX_REPORT_BYTES))
            rows = [
                {name: value for name, value in row.items() if isinstance(value, str | int | float)}
                for row in report["equality"]
                if "not_run" not in row
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path} is no report of wearkit export.") from error
        return rows

    def golden(self) -> Golden:
        """The golden vectors of a network wearkit trained.

        Raises ModelFileError when they do not fit the model, or when it was imported.
        """
        path = self.file(GOLDEN)
        types = {"counts_int16": "int16", "inputs_int8": "int8"}
        types |= {f"logits_{task.name}_int8": "int8" for task in self.model.tasks}
        arrays = read_npz(path, types)
        counts, inputs = arrays["counts_int16"], arrays["inputs_int8"]
        shapes = {
            f"logits_{task.name}_int8": (len(counts), len(task.labels)) for task in self.model.tasks
        }
        fits = counts.shape == (len(counts), self.model.window.length, 3)
        fits = fits and all(arrays[name].shape == shape for name, shape in shapes.items())
        if not fits or not np.array_equal(counts_to_int8(counts), inputs):
            raise ModelFileError(f"{path} does not hold windows of this model: export again.")
        logits = {task.name: arrays[f"logits_{task.name}_int8"] for task in self.model.tasks}
        return Golden(counts, inputs, logits)

    def imported_golden(self) -> ImportedGolden:
        """The golden vectors of a model made elsewhere.

        Raises ModelFileError when they do not fit the model, or when wearkit trained it.
        """
        path, tasks = self.file(GOLDEN), self.graph.model.tasks
        types = {"inputs_int8": "int8"} | {f"logits_{task.name}_int8": "int8" for task in tasks}
        arrays = read_npz(path, types)
        inputs = arrays["inputs_int8"]
        logits = {task.name: arrays[f"logits_{task.name}_int8"] for task in tasks}
        shape = self.graph.tensor(self.graph.input).shape
        fits = inputs.ndim > 1 and inputs[0:1].size == math.prod(shape)
        fits = fits and all(
            logits[task.name].shape == (len(inputs), len(task.labels)) for task in tasks
        )
        if not fits:
            raise ModelFileError(f"{path} does not hold windows of this model: export again.")
        return ImportedGolden(inputs.reshape(len(inputs), *shape), logits)


def open_bundle(path: str | Path) -> Bundle:
    """Read a bundle, hash every file it lists and check the model id.

    Raises ModelFileError, naming the file, when one is missing, changed or of another version.
    """
    path = Path(path)
    if not path.is_dir():
        raise ModelFileError(
            f"There is no bundle folder {path}: make one with `wearkit export --int8`."
        )
    manifest = read_json(path / MANIFEST, FORMAT, FORMAT_VERSION)
    required = IMPORTED_FILES if manifest.get("arch") is None else FILES
    _check_files(path, manifest.get("files"), required)
    graph = load_graph(path)
    if model_id(graph) != manifest.get("model_id"):
        raise ModelFileError(
            f"The graph in {path} is not the one {MANIFEST} was written for: export again."
        )
    described = (manifest.get("arch"), manifest.get("spec"), manifest.get("labels"))
    if described != (*arch_and_spec(graph.model), labels(graph.model)):
        raise ModelFileError(f"{path / MANIFEST} and graph.json describe different models.")
    return Bundle(path, manifest, graph, model_id(graph))


def labels(model: ModelSpec | ImportedSpec) -> dict[str, list[str]]:
    """Task -> labels in the order of the logits, as the manifest has them."""
    return {task.name: list(task.labels) for task in model.tasks}


def arch_and_spec(model: ModelSpec | ImportedSpec) -> tuple[str | None, dict[str, Any] | None]:
    """What the manifest says of the network and of its windows: nothing of an imported one."""
    if isinstance(model, ImportedSpec):
        return None, None
    return model.arch, model.window.to_json()


def newest_bundle(parent: Path = Path(BUNDLES)) -> Path:
    """The bundle written last. Raises ModelFileError when there is none."""
    dated = [(path.stat().st_mtime_ns, path) for path in parent.glob(f"*/{MANIFEST}")]
    if not dated:
        raise ModelFileError(
            f"There is no bundle in {parent}/: make one with `wearkit export --int8`."
        )
    return max(dated)[1].parent


def _check_files(path: Path, files: Any, required: tuple[str, ...]) -> None:
    if not isinstance(files, dict) or not set(required) <= set(files):
        missing = sorted(set(required) - set(files if isinstance(files, dict) else ()))
        raise ModelFileError(f"{path / MANIFEST} does not list {missing[0]}: export again.")
    for name, entry in files.items():
        if not _PLAIN_NAME.fullmatch(name) or not isinstance(entry, dict):
            raise ModelFileError(f"{path / MANIFEST} lists {name!r}, which is no file name.")
        _check_file(path / name, entry)


def _check_file(path: Path, entry: Mapping[str, Any]) -> None:
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise ModelFileError(f"{path} is larger than {_MAX_FILE_BYTES} bytes and is not read.")
        same = size == entry.get("bytes") and file_sha256(path) == entry.get("sha256")
    except OSError as error:
        raise ModelFileError(
            f"Cannot read {path} ({error.strerror or error}): the bundle is incomplete, export "
            "again."
        ) from error
    if not same:
        raise ModelFileError(
            f"{path} has changed since the bundle was written (its SHA-256 differs): export again."
        )
