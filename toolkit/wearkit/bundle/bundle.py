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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.described import check_described
from wearkit.bundle.listed import check_listed, is_plain_name, read_listed
from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.errors import ModelFileError
from wearkit.files.limited import read_json
from wearkit.files.npz import parse_npz
from wearkit.files.strict_json import parse_json
from wearkit.integer import reference
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.graph_file import JSON_NAME, TENSORS_NAME, model_id, parse_graph
from wearkit.spec import ModelSpec, trained

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

    def read(self, name: str) -> bytes:
        """The bytes of a file the manifest vouches for: read now, and the very bytes whose digest
        was compared. Raises ModelFileError for any other file, and for one that has changed."""
        if name not in self.manifest["files"]:
            raise ModelFileError(f"{self.path / MANIFEST} does not list {name}: export again.")
        return read_listed(self.path, name, self.manifest["files"][name])

    @property
    def checkpoint_sha256(self) -> str | None:
        """SHA-256 of the checkpoint.safetensors it says it was exported from; None where it says
        nothing: it is older than that key, or imported."""
        stated = self.manifest.get("checkpoint_sha256")
        return stated if isinstance(stated, str) else None

    def table(self) -> list[dict[str, str | float | int]]:
        """One plain row for each runtime that export ran against the integer reference, as
        pandas.DataFrame takes them: what is in report.json.

        Raises ModelFileError when report.json is none, or another model's.

        >>> {row["differing"] for row in bundle.table() if row["must_match"]}
        {0}
        """
        try:
            report = parse_json(self.read(REPORT))
            rows = [
                {name: value for name, value in row.items() if isinstance(value, str | int | float)}
                for row in report["equality"]
                if "not_run" not in row
            ]
            ours = report["model_id"] == self.model_id
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{self.path / REPORT} is no report of wearkit export.") from error
        if not ours:
            raise ModelFileError(f"{self.path / REPORT} is of another model: export again.")
        return rows

    def golden(self) -> Golden:
        """The golden vectors of a network wearkit trained, their logits computed anew.

        Raises ModelFileError when there are none, when they do not fit the model or are not what
        its integers give, or when it was imported.
        """
        path = self.path / GOLDEN
        types = {"counts_int16": "int16", "inputs_int8": "int8"}
        types |= {f"logits_{task.name}_int8": "int8" for task in self.model.tasks}
        arrays = parse_npz(path, self.read(GOLDEN), types)
        counts, inputs = arrays["counts_int16"], arrays["inputs_int8"]
        logits = {task.name: arrays[f"logits_{task.name}_int8"] for task in self.model.tasks}
        fits = counts.shape == (len(counts), self.model.window.length, 3)
        fits = fits and int(counts.size) > 0 and COUNT_MIN <= counts.min() <= counts.max()
        fits = fits and bool(counts.max() <= COUNT_MAX)
        if not fits or not np.array_equal(counts_to_int8(counts), inputs):
            raise ModelFileError(f"{path} does not hold windows of this model: export again.")
        self._check_logits(path, inputs, logits)
        return Golden(counts, inputs, logits)

    def imported_golden(self) -> ImportedGolden:
        """The golden vectors of a model made elsewhere, their logits computed anew.

        Raises ModelFileError as `golden`, or when wearkit trained it.
        """
        path, tasks = self.path / GOLDEN, self.graph.model.tasks
        types = {"inputs_int8": "int8"} | {f"logits_{task.name}_int8": "int8" for task in tasks}
        arrays = parse_npz(path, self.read(GOLDEN), types)
        inputs = arrays["inputs_int8"]
        shape = self.graph.tensor(self.graph.input).shape
        if not inputs.size or inputs.ndim < 2 or inputs[0].size != math.prod(shape):
            raise ModelFileError(f"{path} does not hold windows of this model: export again.")
        windows = inputs.reshape(len(inputs), *shape)
        logits = {task.name: arrays[f"logits_{task.name}_int8"] for task in tasks}
        self._check_logits(path, windows, logits)
        return ImportedGolden(windows, logits)

    def _check_logits(
        self, path: Path, inputs: NDArray[np.int8], stated: Mapping[str, NDArray[np.int8]]
    ) -> None:
        """Known answers are worth something only when they are known to be right."""
        computed = reference.run(self.graph, inputs)
        if any(not np.array_equal(computed[task], values) for task, values in stated.items()):
            raise ModelFileError(
                f"The logits in {path} are not those of this model's integers: export again."
            )


def open_bundle(path: str | Path) -> Bundle:
    """Read a bundle, hash every file it lists, and derive from its graph what its manifest says.

    Nothing a bundle says of itself is believed where the graph says it too: see `described`.
    Raises ModelFileError, naming the file, when one is missing, changed, no plain file or of
    another version, and naming the key where manifest and graph differ.
    """
    path = Path(path)
    if not path.is_dir():
        raise ModelFileError(
            f"There is no bundle folder {path}: make one with `wearkit export --int8`."
        )
    manifest = read_json(path / MANIFEST, FORMAT, FORMAT_VERSION)
    required = IMPORTED_FILES if manifest.get("arch") is None else FILES
    files = manifest.get("files")
    if not isinstance(files, dict) or not set(required) <= set(files):
        missing = sorted(set(required) - set(files if isinstance(files, dict) else ()))
        raise ModelFileError(f"{path / MANIFEST} does not list {missing[0]}: export again.")
    for name, entry in files.items():
        if not is_plain_name(name) or not isinstance(entry, dict):
            raise ModelFileError(f"{path / MANIFEST} lists {name!r}, which is no file name.")
        check_listed(path, name, entry)
    structure = read_listed(path, JSON_NAME, files[JSON_NAME])
    graph = parse_graph(structure, read_listed(path, TENSORS_NAME, files[TENSORS_NAME]), path)
    if model_id(graph) != manifest.get("model_id"):
        raise ModelFileError(
            f"The graph in {path} is not the one {MANIFEST} was written for: export again."
        )
    check_described(path / MANIFEST, manifest, graph)
    return Bundle(path, manifest, graph, model_id(graph))


def newest_bundle(parent: Path = Path(BUNDLES), *, imported: bool = False) -> Path:
    """The bundle written last. imported: a model made elsewhere will do, though nobody knows its
    windows. Raises ModelFileError when there is none."""
    dated = [(path.stat().st_mtime_ns, path) for path in parent.glob(f"*/{MANIFEST}")]
    usable = [item for item in dated if imported or not _is_imported(item[1])]
    if not usable:
        only = ", only imported models, whose windows nobody knows" if dated else ""
        raise ModelFileError(
            f"There is no bundle in {parent}/{only}: make one with `wearkit export --int8`."
        )
    return max(usable)[1].parent


def _is_imported(manifest: Path) -> bool:
    """Whether it says so. One that cannot be read is for `open_bundle` to refuse."""
    try:
        return read_json(manifest, FORMAT, FORMAT_VERSION).get("arch") is None
    except ModelFileError:
        return False
