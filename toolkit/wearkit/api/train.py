"""train(): windows and a split -> a run on disk, scored and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wearkit.errors import DataError
from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.scores import evaluate_float
from wearkit.model.checkpoint import save_checkpoint
from wearkit.model.training_config import TrainingConfig
from wearkit.spec import ModelSpec
from wearkit.training.claim import claimed, refuse_to_replace_run
from wearkit.training.epochs import Progress
from wearkit.training.run import (
    Run,
    begin_writing,
    new_run,
    open_run,
    room_for,
    save_windows_and_metrics,
)
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

if TYPE_CHECKING:
    from wearkit.training.loop import TrainingResult


def train(
    windows: WindowSet,
    split: Split,
    arch: str = "mtl-net",
    config: TrainingConfig | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    request: dict[str, Any] | None = None,
) -> Run:
    """Train on `split.train`, select on `split.val`, score once on `split.test`, and write the run.

    arch: mtl-net, mtl-net-micro or mtl-net-paper. config: Smooth-Distill for 12 epochs by default.
    out: the folder, runs/<utc>-<arch> by default; a run that is there, finished or not, is
    replaced only with `force`. resume: go on with a training of the same windows and settings that
    was killed in `out`. device: auto, cpu, cuda, ... progress: is told of batches and epochs.
    request: plain JSON that state.json keeps for whoever resumes. Ctrl-C, or should_stop() turning
    true, ends training early and keeps the best network so far: `run.interrupted`. On the CPU the
    same arguments give the same bits.

    Raises DataError when the windows do not fit or a tested person is trained or validated on
    (except in the paper's split), MissingToolError without torch or the device, ModelFileError when
    there is nothing to resume, StorageError when a run is there, another training is at work in the
    folder or the disk refuses, WearkitError when training diverges.

    >>> settings = wk.TrainingConfig(epochs=1)
    >>> again = wk.train(windows, split, "mtl-net-micro", settings, out="runs/again")
    >>> len(again.history)
    1
    """
    from wearkit.training import state
    from wearkit.training.loop import train as learn

    path = new_run(arch) if out is None else Path(out)
    model = ModelSpec(arch, windows.spec, windows.tasks)
    if not resume:
        refuse_to_replace_run(path, force=force)
    _refuse_known_people(split)
    with claimed(path):
        if not resume:  # again, for what another training wrote while this one waited to begin
            refuse_to_replace_run(path, force=force)
        room_for(path, windows, split, model)
        result = learn(
            windows,
            split,
            model,
            TrainingConfig() if config is None else config,
            device=device,
            progress=progress,
            should_stop=should_stop,
            state=state.StateFolder(path, request or {}),
            resume=resume,
        )
        write_run(path, windows, split, result)
        if not result.interrupted:
            state.discard_state(path)
        return open_run(path)


def _refuse_known_people(split: Split) -> None:
    """Raises DataError when somebody is tested whom the network sees, unless it is the paper's
    split, whose figures are printed as leaky."""
    if split.shared_subjects and split.name != "paper":
        raise DataError(
            f"The {split.name} split tests {len(split.shared_subjects)} people that it trains or "
            f"validates on, {split.shared_subjects[0]!r} for one: such scores say nothing of new "
            "people. Split by people, or take the paper's split, whose figures say that they leak."
        )


def write_run(
    path: Path, windows: WindowSet, split: Split, result: TrainingResult
) -> dict[str, TaskScore]:
    """Score the kept network on the test windows and write the whole run, pictures too.

    Returns task -> score. Raises StorageError when the disk refuses; the checkpoint goes first.
    """
    from wearkit.evaluation.plots import draw_run

    begin_writing(path)
    save_checkpoint(result.checkpoint, path)
    scores = evaluate_float(result.checkpoint, windows.take(split.test))
    save_windows_and_metrics(path, windows, split, result, scores)
    source = "simulated data" if windows.simulated else "test people"
    title = f"{result.checkpoint.model.arch}, fold {split.fold} of {split.folds}, {source}"
    draw_run(path, result.history, result.epoch, scores, title)
    return scores
