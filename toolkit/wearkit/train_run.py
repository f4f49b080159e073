"""train(): windows and a split -> a run on disk, scored and drawn."""

from __future__ import annotations

from pathlib import Path

from wearkit.checkpoint import save_checkpoint
from wearkit.evaluate import evaluate_float
from wearkit.metrics import TaskScore
from wearkit.run_folder import _save_windows_and_metrics
from wearkit.split import Split
from wearkit.train import TrainingResult
from wearkit.windows import WindowSet


def write_run(
    path: Path, windows: WindowSet, split: Split, result: TrainingResult
) -> dict[str, TaskScore]:
    """Score the kept network on the test windows and write the whole run, pictures too.

    Returns task -> score. Raises StorageError when the disk refuses; the checkpoint goes first.
    """
    from wearkit.plots import draw_run

    save_checkpoint(result.checkpoint, path)
    scores = evaluate_float(result.checkpoint, windows.take(split.test))
    _save_windows_and_metrics(path, windows, split, result, scores)
    source = "simulated data" if windows.simulated else "test people"
    what = f"{result.checkpoint.model.arch}, fold {split.fold} of {split.folds}, {source}"
    draw_run(path, result.history, result.epoch, scores, what)
    return scores
