"""Write a bundle: quantize, print, read back, run, and only then put it in place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit import __version__, reference
from wearkit.bundle import (
    CARD,
    FILES,
    FORMAT,
    FORMAT_VERSION,
    FP32_ONNX,
    FP32_TFLITE,
    GOLDEN,
    INT8_ONNX,
    INT8_TFLITE,
    MANIFEST,
    REPORT,
    file_sha256,
    labels,
)
from wearkit.checkpoint import Checkpoint
from wearkit.counts import COUNT_MAX, COUNT_MIN, INPUT_SCALE_G, counts_to_int8
from wearkit.errors import StorageError
from wearkit.graph import QuantizedGraph, Rounding
from wearkit.graph_file import model_id, save_graph
from wearkit.npz import write_npz
from wearkit.safe_write import write_bytes, write_json
from wearkit.spec import trained
from wearkit_export.emit_onnx import emit_onnx
from wearkit_export.emit_tflite import emit_tflite
from wearkit_export.float_graph import fold
from wearkit_export.quantize import quantize_graph

GOLDEN_REAL_WINDOWS = 24


def write_bundle(
    checkpoint: Checkpoint,
    calibration_counts: NDArray[np.int16],
    out: Path,
    *,
    dense_per_channel: bool = False,
    rounding: Rounding = "tflm",
) -> None:
    float_graph = fold(checkpoint)
    graph = quantize_graph(
        float_graph, calibration_counts, dense_per_channel=dense_per_channel, rounding=rounding
    )
    identity = model_id(graph)
    with _replacing_folder(out) as folder:
        save_graph(graph, folder)
        write_bytes(folder / FP32_ONNX, emit_onnx(float_graph, identity))
        write_bytes(folder / INT8_ONNX, emit_onnx(graph, identity))
        write_bytes(folder / FP32_TFLITE, emit_tflite(float_graph, identity))
        write_bytes(folder / INT8_TFLITE, emit_tflite(graph, identity))
        write_npz(folder / GOLDEN, golden_arrays(graph, calibration_counts))
        write_json(folder / REPORT, {})
        write_bytes(folder / CARD, b"")
        write_json(folder / MANIFEST, manifest(graph, folder))


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
    made = np.stack([*constants, *waves, *alone]).astype(np.int16)
    return np.concatenate([real[chosen], made])


def golden_arrays(graph: QuantizedGraph, real: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """What golden.npz holds; the logits are the integer reference's."""
    counts = golden_counts(real)
    inputs = counts_to_int8(counts)
    arrays: dict[str, NDArray[Any]] = {"counts_int16": counts, "inputs_int8": inputs}
    logits = reference.run(graph, inputs)
    return arrays | {f"logits_{task}_int8": values for task, values in logits.items()}


def manifest(graph: QuantizedGraph, folder: Path) -> dict[str, Any]:
    """The content of manifest.json for a folder that holds every other file."""
    model = trained(graph.model)
    heads = [(head.task, graph.tensor(head.tensor)) for head in graph.heads]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "wearkit": __version__,
        "model_id": model_id(graph),
        "arch": model.arch,
        "spec": model.window.to_json(),
        "labels": labels(graph.model),
        "input": {"scale": INPUT_SCALE_G, "zero_point": 0, "shape": [model.window.length, 3]},
        "outputs": {
            task: {"scale": tensor.scale, "zero_point": tensor.zero_point} for task, tensor in heads
        },
        "rounding": graph.rounding,
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
            for name in FILES
        },
    }


@contextmanager
def _replacing_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` and, when all went well, put it in the place of `out`.

    An older bundle stays until then. Raises StorageError when the disk refuses or when `out` is
    something that no export wrote.
    """
    if out.exists() and not (out / MANIFEST).is_file():
        raise StorageError(f"{out} exists and is not a bundle: name another folder with --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    try:
        fresh, old = scratch / "new", scratch / "old"
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
