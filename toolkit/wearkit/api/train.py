"""train(): windows and a split -> a run on disk, scored and drawn."""

from __future__ import annotations

from pathlib import Path

from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.scores import evaluate_float
from wearkit.model.checkpoint import save_checkpoint
from wearkit.training.loop import TrainingResult
from wearkit.training.run import save_windows_and_metrics
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


def write_run(
    path: Path, windows: WindowSet, split: Split, result: TrainingResult
) -> dict[str, TaskScore]:
    """Score the kept network on the test windows and write the whole run, pictures too.

    Returns task -> score. Raises StorageError when the disk refuses; the checkpoint goes first.
    """
    from wearkit.evaluation.plots import draw_run

    save_checkpoint(result.checkpoint, path)
    scores = evaluate_float(result.checkpoint, windows.take(split.test))
    save_windows_and_metrics(path, windows, split, result, scores)
    source = "simulated data" if windows.simulated else "test people"
    what = f"{result.checkpoint.model.arch}, fold {split.fold} of {split.folds}, {source}"
    draw_run(path, result.history, result.epoch, scores, what)
    return scores
