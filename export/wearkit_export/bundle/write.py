"""Write a bundle: quantize, print, read back, run, and only then put it in place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit import __version__
from wearkit.bundle.bundle import (
    CARD,
    FORMAT,
    FORMAT_VERSION,
    GOLDEN,
    INT8_ONNX,
    INT8_ORT,
    INT8_S8_ONNX,
    INT8_TFLITE,
    MANIFEST,
    REPORT,
)
from wearkit.bundle.described import described
from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.files.limited import file_sha256
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.integer import reference
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit.integer.graph_file import model_id, save_graph
from wearkit.model.checkpoint import Checkpoint, weights_sha256
from wearkit.training.run import Run
from wearkit_export.bundle.c_folder import CFolder, c_row, run_c, write_c
from wearkit_export.bundle.card import model_card
from wearkit_export.bundle.compared import (
    ComparedWindows,
    OnProgress,
    choose_windows,
    run_in_parts,
    silent,
)
from wearkit_export.bundle.equality import Emitted, Models, check_fp32, check_int8, require_equal
from wearkit_export.bundle.place import replacing_bundle
from wearkit_export.bundle.report import Report, measure_accuracy
from wearkit_export.formats.emit_onnx import emit_onnx
from wearkit_export.formats.emit_tflite import emit_tflite
from wearkit_export.formats.fingerprint import check_same, read_graph
from wearkit_export.formats.ort import check_ort, to_ort
from wearkit_export.formats.read_onnx import read_onnx
from wearkit_export.formats.read_tflite import read_tflite
from wearkit_export.quantization.float_graph import FloatGraph, fold
from wearkit_export.quantization.quantize import counts_to_g, quantize_graph

GOLDEN_REAL_WINDOWS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A bundle in place. quantize_emit_s: folding, calibrating, printing all five files and the C
    sources and writing them; report_s: running them and comparing. Neither is in the bundle."""

    path: Path
    report: Report
    quantize_emit_s: float
    report_s: float


def write_bundle(
    checkpoint: Checkpoint,
    calibration_counts: NDArray[np.int16],
    out: Path,
    *,
    run: Run | None = None,
    dense_per_channel: bool = False,
    rounding: Rounding = "tflm",
    ort: bool = False,
    full: bool = False,
    progress: OnProgress = silent,
) -> Exported:
    """Export a checkpoint to the folder `out`; an older bundle there is replaced at the very end.

    calibration_counts: (N >= 1, length, 3) int16. run: where the checkpoint comes from: its test
    windows are scored, and a sample of them is compared too (see `choose_windows`); full: all are
    compared. ort: write model.int8.ort as well, for phones. progress: told how far it is. The same
    arguments give the same bytes, but for that file (see wearkit_export.formats.ort).

    Raises DataError for unusable calibration windows, ModelFileError for weights int8 cannot
    carry or a rounding family that C cannot compute in integers, VerificationError when a file or
    a runtime disagrees with the integers of the graph, StorageError when the disk refuses or
    `out` is not a bundle.
    """
    with replacing_bundle(out) as folder:
        started = time.perf_counter()
        progress("quantizing and printing", 0, 0)
        float_graph = fold(checkpoint)
        graph = quantize_graph(
            float_graph, calibration_counts, dense_per_channel=dense_per_channel, rounding=rounding
        )
        files = print_files(graph, float_graph)
        save_graph(graph, folder)
        for name, data in files.by_name().items():
            write_bytes(folder / name, data)
        golden = golden_arrays(graph, calibration_counts if run is None else run.test.counts)
        write_npz(folder / GOLDEN, golden)
        c_folder = _write_c(graph, folder, golden)
        emitted = time.perf_counter()
        if ort:
            _write_ort(folder, files, golden["inputs_int8"])
        windows = choose_windows(
            golden["counts_int16"], None if run is None else run.test.counts, full=full
        )
        recorded = checkpoint.provenance.data
        report = replace(
            _verify(graph, float_graph, files, folder, windows, run, progress),
            c_folder=c_folder,
            calibration_windows=len(calibration_counts),
            simulated=None if recorded is None else recorded.simulated,
        )
        write_json(folder / REPORT, report.to_json())
        write_bytes(folder / CARD, model_card(report).encode(errors="backslashreplace"))
        window = (checkpoint.model.window.length, len(checkpoint.model.window.axes))
        write_json(folder / MANIFEST, manifest(graph, folder, window, weights_sha256(checkpoint)))
        reported = time.perf_counter()
    return Exported(out, report, emitted - started, reported - emitted)


def _write_c(graph: QuantizedGraph, folder: Path, golden: dict[str, NDArray[Any]]) -> CFolder:
    logits = {head.task: golden[f"logits_{head.task}_int8"] for head in graph.heads}
    return write_c(graph, folder, golden["inputs_int8"], logits, golden["counts_int16"])


def _write_ort(folder: Path, files: Emitted, inputs: NDArray[np.int8]) -> None:
    ort_model = to_ort(files.int8_s8_onnx)
    check_ort(ort_model, files.int8_onnx, inputs)
    write_bytes(folder / INT8_ORT, ort_model)


def print_files(graph: QuantizedGraph, float_graph: FloatGraph) -> Emitted:
    """The five model files of one quantization."""
    identity = model_id(graph)
    return Emitted(
        fp32_onnx=emit_onnx(float_graph, identity),
        int8_onnx=emit_onnx(graph, identity),
        int8_s8_onnx=emit_onnx(graph, identity, signed=True),
        fp32_tflite=emit_tflite(float_graph, identity),
        int8_tflite=emit_tflite(graph, identity),
    )


def _verify(
    graph: QuantizedGraph,
    float_graph: FloatGraph,
    files: Emitted,
    folder: Path,
    windows: ComparedWindows,
    run: Run | None,
    progress: OnProgress,
) -> Report:
    """Read the int8 files back, run every file in every runtime, and the C in `folder`.

    The reference and the float network run on all windows, because accuracy is of all of them.
    Raises VerificationError.
    """
    printed = read_graph(graph)
    check_same(printed, read_onnx(files.int8_onnx), INT8_ONNX)
    check_same(printed, read_onnx(files.int8_s8_onnx), INT8_S8_ONNX)
    check_same(printed, read_tflite(files.int8_tflite), INT8_TFLITE)
    chosen = windows.counts[windows.chosen]
    inputs = counts_to_int8(chosen)
    # Aside: the compiler is another process, and BLAS lets other threads run.
    with ThreadPoolExecutor(1) as aside:
        c_run = aside.submit(run_c, folder, inputs)
        floats = aside.submit(float_graph.run, counts_to_g(windows.counts))
        integers = run_in_parts(
            partial(reference.run, graph),
            counts_to_int8(windows.counts),
            "the integer reference",
            progress,
        )
        expected = windows.of(integers)
        models = Models(files.int8_tflite, files.int8_onnx, files.int8_s8_onnx)
        rows = check_int8(graph, models, inputs, expected=expected, progress=progress)
        progress("the C and the float network", 0, 0)
        rows.append(c_row(graph, c_run.result(), expected))
        require_equal(rows)
        float_logits = floats.result()
    return Report(
        graph=graph,
        model_id=model_id(graph),
        fingerprint=printed.fingerprint,
        file_bytes={name: len(content) for name, content in files.by_name().items()},
        windows=windows.compared,
        available_windows=windows.available,
        equality=tuple(rows),
        fp32=tuple(check_fp32(windows.of(float_logits), files, counts_to_g(chosen), progress)),
        accuracy=None
        if run is None
        else measure_accuracy(windows.test(float_logits), windows.test(integers), run),
        metrics=None if run is None else run.metrics,
    )


def golden_counts(real: NDArray[np.int16]) -> NDArray[np.int16]:
    """Up to GOLDEN_REAL_WINDOWS windows spread over `real` (N, length, 3), then windows no body
    makes: rails, alternating extremes, constants, a ramp, one axis at a time."""
    length = real.shape[1]
    chosen = np.unique(np.linspace(0, len(real) - 1, GOLDEN_REAL_WINDOWS).astype(int))
    step = np.arange(length)
    constants = [np.full((length, 3), value) for value in (0, COUNT_MIN, COUNT_MAX, 256, -256, 2)]
    alternating = np.where(step % 2 == 0, COUNT_MAX, COUNT_MIN)
    ramp = np.linspace(COUNT_MIN, COUNT_MAX, length).astype(int)
    waves = [np.repeat(wave[:, None], 3, axis=1) for wave in (alternating, -1 - alternating, ramp)]
    alone = [np.where(np.arange(3) == axis, alternating[:, None], 0) for axis in range(3)]
    counts = np.stack([*constants, *waves, *alone]).astype(np.int16)
    return np.concatenate([real[chosen], counts])


def golden_arrays(graph: QuantizedGraph, real: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """What golden.npz holds; the logits are the integer reference's."""
    counts = golden_counts(real)
    inputs = counts_to_int8(counts)
    arrays: dict[str, NDArray[Any]] = {"counts_int16": counts, "inputs_int8": inputs}
    logits = reference.run(graph, inputs)
    return arrays | {f"logits_{task}_int8": values for task, values in logits.items()}


def manifest(
    graph: QuantizedGraph, folder: Path, shape: Sequence[int], checkpoint_sha256: str | None = None
) -> dict[str, Any]:
    """The content of manifest.json for a folder that holds every other file.

    shape: of one window, as a caller is to give it. checkpoint_sha256: of the weights the graph
    was quantized from; None of an imported model.
    """
    derived = described(graph)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "wearkit": __version__,
        "model_id": model_id(graph),
        **derived,
        "input": derived["input"] | {"shape": list(shape)},
        "checkpoint_sha256": checkpoint_sha256,
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
            for name in _names(folder)
        },
    }


def _names(folder: Path) -> list[str]:
    """Every file of a folder as the manifest names it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)
