"""export(): a run -> a bundle whose every file agrees with the integers of one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import BUNDLES, MANIFEST, Bundle, open_bundle
from wearkit.errors import StorageError
from wearkit.integer.graph import Rounding
from wearkit.optional_packages import require_packages
from wearkit.spec import TaskSpec
from wearkit.training.run import Run, open_run

if TYPE_CHECKING:
    from wearkit_export.bundle.import_bundle import ImportedExport
    from wearkit_export.bundle.write import Exported

_NEEDED = ("onnx", "onnxruntime", "ai_edge_litert", "flatbuffers")
OnProgress = Callable[[str, int, int], None]
Calibration = str | Path | NDArray[np.int16] | None


def export(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    rounding: Rounding = "tflm",
    calibration: Calibration = None,
    dense_per_channel: bool = False,
    ort: bool = False,
    force: bool = False,
    full: bool = False,
    progress: OnProgress | None = None,
) -> Bundle:
    """Quantize a run to int8, print ONNX, TFLite and C, run them all, and put the bundle in place.

    out: build/<run>-int8 by default; a bundle that is there is replaced only with `force`.
    rounding: the runtimes whose arithmetic the C code has, bit for bit: tflm, ruy, litert-ref or
    xnnpack. calibration: (N, length, 3) int16 counts, or a file or folder of them or of
    recordings; the run's own by default. dense_per_channel: a weight scale for each dense unit.
    ort: model.int8.ort too. full: compare every runtime on all test windows, not on a sample of
    1,000. progress: called with the stage of the work, what is done of it and its total (0 where
    nobody knows).

    Raises MissingToolError without wearkit[export], ModelFileError for a run that cannot be
    exported, StorageError when a bundle is there or the disk refuses, VerificationError when a
    file or a runtime disagrees with the integers.

    >>> bundle.graph.rounding
    'tflm'
    """
    exported = export_run(
        run,
        out,
        rounding=rounding,
        calibration=calibration,
        dense_per_channel=dense_per_channel,
        ort=ort,
        force=force,
        full=full,
        progress=progress,
    )
    return open_bundle(exported.path)


def export_run(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    rounding: Rounding = "tflm",
    calibration: Calibration = None,
    dense_per_channel: bool = False,
    ort: bool = False,
    force: bool = False,
    full: bool = False,
    progress: OnProgress | None = None,
) -> Exported:
    """As `export`, with the report and the times it took."""
    require_exporter()
    from wearkit_export.bundle.compared import silent
    from wearkit_export.bundle.write import write_bundle
    from wearkit_export.quantization.calibration import read_calibration

    opened = run if isinstance(run, Run) else open_run(run)
    path = _target(out, opened.path.resolve().name, force=force)
    counts = opened.calibration
    if isinstance(calibration, str | Path):
        counts = read_calibration(Path(calibration), opened.checkpoint.model.window)
    elif calibration is not None:
        counts = calibration
    return write_bundle(
        opened.checkpoint,
        counts,
        path,
        run=opened,
        dense_per_channel=dense_per_channel,
        ort=ort,
        rounding=rounding,
        full=full,
        progress=progress or silent,
    )


def import_model(
    tflite: str | Path,
    out: str | Path | None = None,
    *,
    tasks: Sequence[TaskSpec] | None = None,
    outputs: Sequence[str] | None = None,
    rounding: Rounding = "tflm",
    force: bool = False,
    progress: OnProgress | None = None,
) -> ImportedExport:
    """A full-int8 .tflite that others made, as a bundle. tasks: names and labels of its outputs;
    outputs: their names in the file, in the order of the tasks, where the file leaves it open.

    Raises as `export`, and DataError for tasks that do not fit its outputs.
    """
    require_exporter()
    from wearkit_export.bundle.compared import silent
    from wearkit_export.bundle.import_bundle import write_imported_bundle

    source = Path(tflite)
    path = _target(out, source.stem, force=force)
    return write_imported_bundle(
        source,
        path,
        tasks=tasks,
        outputs=outputs,
        rounding=rounding,
        progress=progress or silent,
    )


def require_exporter() -> None:
    """Raises MissingToolError when a package of wearkit[export] is not installed."""
    require_packages("Exporting", *_NEEDED)


def _target(out: str | Path | None, name: str, *, force: bool) -> Path:
    path = Path(BUNDLES) / f"{name}-int8" if out is None else Path(out)
    if (path / MANIFEST).exists() and not force:
        raise StorageError(f"{path} exists already: give --out another name, or add --force.")
    return path
