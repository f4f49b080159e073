"""A bundle from a .tflite that others made: read, compared with every runtime, then in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import CARD, GOLDEN, INT8_TFLITE, MANIFEST, REPORT
from wearkit.bundle.runtimes.tflite import open_placed_tflite
from wearkit.errors import ModelFileError
from wearkit.files.limited import read_limited
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.integer import reference
from wearkit.integer.graph import QuantizedGraph, Rounding, Tensor
from wearkit.integer.graph_file import model_id, save_graph
from wearkit.integer.logits import Logits
from wearkit.spec import TaskSpec
from wearkit_export.bundle.c_folder import CFolder, check_c, write_c
from wearkit_export.bundle.compared import OnProgress, silent
from wearkit_export.bundle.equality import Models, check_int8, require_equal
from wearkit_export.bundle.import_report import ImportedReport, imported_card
from wearkit_export.bundle.place import replacing_bundle
from wearkit_export.bundle.write import manifest
from wearkit_export.import_tflite import Imported, import_tflite
from wearkit_export.import_tflite.model_file import FILE_MAX_BYTES

GOLDEN_RANDOM_WINDOWS = 24
COMPARED_RANDOM_WINDOWS = 512

_NOT_MICRO = (
    "constants lie behind the flatbuffer, where TFLite Micro does not look for them: it would "
    "compute garbage without a word."
)


@dataclass(frozen=True, slots=True, eq=False)
class ImportedExport:
    """A bundle in place, and what was measured."""

    path: Path
    report: ImportedReport


def write_imported_bundle(
    source: Path,
    out: Path,
    *,
    tasks: Sequence[TaskSpec] | None = None,
    outputs: Sequence[str] | None = None,
    rounding: Rounding = "tflm",
    progress: OnProgress = silent,
) -> ImportedExport:
    """Import a .tflite into the folder `out`; an older bundle there is replaced at the very end.

    tasks: names and labels of the outputs. outputs: names of the file's outputs in the order of the
    tasks, where the file leaves it open (see `import_tflite.outputs.match`).
    rounding: the family the C code computes in. progress: told how far it is.
    Raises ModelFileError for a file that cannot be imported, DataError for tasks that do not fit
    its outputs, VerificationError when a runtime disagrees with the reference, StorageError when
    the disk refuses or `out` is not a bundle.
    """
    data = read_limited(source, FILE_MAX_BYTES)
    imported = import_tflite(data, tasks, rounding, outputs)
    graph = imported.graph
    with replacing_bundle(out) as folder:
        save_graph(graph, folder)
        write_bytes(folder / INT8_TFLITE, data)
        entry = graph.tensor(graph.input)
        golden = windows(entry, GOLDEN_RANDOM_WINDOWS, seed=1)
        logits = reference.run(graph, golden)
        inputs = golden.reshape(len(golden), *imported.input_shape[1:])
        named = {f"logits_{task}_int8": values for task, values in logits.items()}
        write_npz(folder / GOLDEN, {"inputs_int8": inputs, **named})
        c_folder = _write_c(graph, folder, golden, logits)
        compared = {"golden": golden, "random": windows(entry, COMPARED_RANDOM_WINDOWS, seed=2)}
        report = _measure(imported, data, compared, folder, c_folder, progress)
        write_json(folder / REPORT, report.to_json())
        write_bytes(folder / CARD, imported_card(report).encode())
        write_json(folder / MANIFEST, manifest(graph, folder, imported.input_shape[1:]))
    return ImportedExport(out, report)


def windows(entry: Tensor, random: int, seed: int) -> NDArray[np.int8]:
    """(N, rows, steps, channels) int8 for a model whose sensor is unknown.

    `random` windows of noise and as many random walks, then rails, the zero point, alternating
    extremes, a ramp: reproducible from the seed.
    """
    generator = np.random.default_rng(seed)
    rows, steps, channels = entry.shape
    noise = generator.integers(-128, 128, (random, *entry.shape))
    walks = generator.normal(0, 12, (random, *entry.shape)).cumsum(axis=2) + entry.zero_point
    step = np.arange(steps)[:, None] * np.ones(channels, int)
    alternating = np.where(step % 2 == 0, -128, 127)
    ramp = np.linspace(-128, 127, steps)[:, None] * np.ones(channels)
    constants = [np.full((steps, channels), value) for value in (-128, 127, entry.zero_point, 0)]
    constants += [alternating, -1 - alternating, ramp, ramp[::-1]]
    extremes = np.repeat(np.stack(constants)[:, None], rows, axis=1)
    rounded = np.rint(np.concatenate([noise, walks, extremes]))
    windows: NDArray[np.int8] = np.clip(rounded, -128, 127).astype(np.int8)
    return windows


def _write_c(
    graph: QuantizedGraph, folder: Path, golden: NDArray[np.int8], logits: Logits
) -> CFolder | str:
    """The C sources, or why there are none."""
    try:
        return write_c(graph, folder, golden, logits)
    except ModelFileError as error:
        return str(error)


def _measure(
    imported: Imported,
    data: bytes,
    compared: dict[str, NDArray[np.int8]],
    folder: Path,
    c_folder: CFolder | str,
    progress: OnProgress,
) -> ImportedReport:
    """Run the file in every runtime, and its C in `folder`.

    Raises ModelFileError when one refuses it, VerificationError when one must match and does not.
    """
    models = Models(
        int8_tflite=data,
        outputs=imported.output_places,
        not_micro=_NOT_MICRO if imported.external_constants else None,
    )
    # LiteRT verifies a file before it runs it. TFLite Micro does not and can crash, so that it
    # must not see a file that LiteRT refuses.
    inputs = np.concatenate(list(compared.values()))
    litert = open_placed_tflite(
        "litert", data, imported.output_places, "reference", "ai_edge_litert"
    )
    litert.run(inputs[:1])
    rows = check_int8(imported.graph, models, inputs, progress=progress)
    if isinstance(c_folder, CFolder):
        progress("the C on this computer", 0, 0)
        rows.append(check_c(imported.graph, folder, inputs))
    require_equal(rows)
    return ImportedReport(
        imported=imported,
        source=data,
        model_id=model_id(imported.graph),
        windows={name: len(array) for name, array in compared.items()},
        equality=tuple(rows),
        no_c=None if isinstance(c_folder, CFolder) else c_folder,
        c_folder=c_folder if isinstance(c_folder, CFolder) else None,
    )
