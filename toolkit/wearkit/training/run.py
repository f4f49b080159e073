"""A run on disk: what `wearkit train` leaves and `wearkit export` and `evaluate` start from.

checkpoint.safetensors + checkpoint.json   the network (wearkit.model.checkpoint)
metrics.json                               scores on the fold's test subjects, the split, history
calibration.npz                            training windows for the quantizer, counts
test.npz                                   the fold's test windows, counts and targets
curves.png, confusion-<task>.png           the same, to look at
state.*                                    while unfinished only (wearkit.training.state)

`wearkit train --fold all` leaves fold-0, fold-1, ... each such a run, and cross_validation.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError, ModelFileError, StorageError
from wearkit.files.npz import TEXT, read_npz, write_npz
from wearkit.files.safe_write import write_json
from wearkit.model.architecture import mac_count, parameter_count
from wearkit.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from wearkit.spec import MAX_SUBJECT, ModelSpec, derive_seed, is_text
from wearkit.training.epochs import EpochRecord
from wearkit.training.metrics_file import (
    METRICS_NAME,
    DataMetrics,
    Metrics,
    ModelSize,
    SplitMetrics,
    SplitPart,
    TrainingMetrics,
    read_metrics,
)
from wearkit.training.task_score import TaskScore
from wearkit.windows.window_set import WindowSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wearkit.training.loop import TrainingResult
    from wearkit.windows.split import Split

RUNS = "runs"
FOLDS_SUMMARY = "cross_validation.json"
CALIBRATION_WINDOWS = 512
_FILES = (
    "checkpoint.safetensors",
    "checkpoint.json",
    "calibration.npz",
    "test.npz",
    METRICS_NAME,
    "*.png",
)
_PICTURES_BYTES = 4 << 20  # and metrics, generously
_STATE_COPIES = 10  # student, teacher, best, Adam's two; twice, while one state replaces another


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """calibration: (N, length, 3) int16 counts of training windows. test: the fold's test windows
    with the model's own tasks and labels. metrics: the content of metrics.json."""

    path: Path
    checkpoint: Checkpoint
    calibration: NDArray[np.int16]
    test: WindowSet
    metrics: Metrics

    @property
    def history(self) -> tuple[EpochRecord, ...]:
        """What each epoch gave, in order; empty when none had ended."""
        return self.metrics.history

    @property
    def interrupted(self) -> bool:
        """Whether training was stopped before its last epoch."""
        return self.checkpoint.provenance.interrupted

    def split_subjects(self, part: str) -> tuple[str, ...]:
        """Who is in the part "train", "val" or "test" of the split."""
        return self.metrics.split.part(part).subjects

    def table(self) -> list[dict[str, str | float | int]]:
        """One plain row a task, as pandas.DataFrame takes them: scores on the test windows, 0 to
        1.

        >>> [row["task"] for row in run.table()]
        ['posture', 'placement']
        """
        return [
            {
                "task": task,
                "windows": int(score.confusion.sum()),
                "subjects": len(score.per_subject),
                "accuracy": score.accuracy,
                "macro_f1": score.macro_f1,
            }
            for task, score in self.metrics.tasks.items()
        ]

    def figure(self) -> Figure:
        """Loss and accuracy by epoch, as a matplotlib figure.

        Raises DataError when no epoch had ended, MissingToolError without matplotlib.

        >>> len(run.figure().axes)
        4
        """
        if not self.history or self.metrics.kept is None:
            raise DataError(f"{self.path} ended before its first epoch: there is nothing to draw.")
        try:
            from wearkit.training.curves import curves
        except ModuleNotFoundError as error:
            raise MissingToolError(
                "Figures need matplotlib: pip install 'wearkit[train]'."
            ) from error
        return curves(self.history, self.metrics.kept.epoch, self.checkpoint.model.arch)


def new_run(arch: str, parent: Path = Path(RUNS)) -> Path:
    """A path for a run that starts now: <parent>/<utc>-<arch>, not yet taken."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{arch}"
    path, number = parent / name, 2
    while path.exists():
        path, number = parent / f"{name}-{number}", number + 1
    return path


def newest_run(parent: Path = Path(RUNS)) -> Path:
    """The run, or all folds of one, written last. Raises ModelFileError when there is none."""
    last_files = [
        path for name in ("checkpoint.json", FOLDS_SUMMARY) for path in parent.glob(f"*/{name}")
    ]
    dated = [(path.stat().st_mtime_ns, path) for path in last_files]
    if not dated:
        raise ModelFileError(f"There is no run in {parent}/: train one first with `wearkit train`.")
    return max(dated)[1].parent


def fold_folder(path: Path, fold: int) -> Path:
    """Where in `path` a run over every fold keeps one of them."""
    return path / f"fold-{fold}"


def holds_folds(path: Path) -> bool:
    """Whether `path` holds the folds of a run rather than one run."""
    return fold_folder(path, 0).is_dir() and not (path / "checkpoint.json").exists()


def claim_folder(path: Path, windows: WindowSet, split: Split, model: ModelSpec) -> None:
    """Make the folder and see that a run fits in it: better now than after the training. What a
    training killed while it wrote the run left half written is removed.

    Raises StorageError when it cannot be made or the disk is too full.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            for half_written in path.glob(f".{name}.*.part"):
                half_written.unlink(missing_ok=True)
        free = shutil.disk_usage(path).free
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    kept = len(split.test) + CALIBRATION_WINDOWS
    weights_bytes = 4 * parameter_count(model)
    needed = (1 + _STATE_COPIES) * weights_bytes + kept * windows.counts[:1].nbytes
    needed += _PICTURES_BYTES
    if free < needed:
        raise StorageError(
            f"The disk of {path} is too full: a run needs up to {needed >> 20} MiB and "
            f"{free >> 20} MiB are free; name another folder with --out."
        )


def save_run(
    path: Path,
    windows: WindowSet,
    split: Split,
    result: TrainingResult,
    scores: Mapping[str, TaskScore],
) -> None:
    """Write everything but the pictures. scores: of the kept network on the test windows.

    The checkpoint goes first, so that whatever happens later the training is not lost.
    Raises StorageError when the disk refuses.
    """
    save_checkpoint(result.checkpoint, path)
    save_windows_and_metrics(path, windows, split, result, scores)


def save_windows_and_metrics(
    path: Path,
    windows: WindowSet,
    split: Split,
    result: TrainingResult,
    scores: Mapping[str, TaskScore],
) -> None:
    """What stands beside the checkpoint: two sets of windows, and metrics.json, which is last."""
    write_npz(
        path / "calibration.npz",
        {"counts": windows.counts[calibration_choice(windows, split)]},
    )
    test = windows.take(split.test)
    columns = {f"target_{task.name}": test.targets[task.name] for task in test.tasks}
    write_npz(
        path / "test.npz",
        {
            "counts": test.counts,
            "subject": test.subject,
            "run": test.run,
            "start": test.start,
            "subjects": np.array(test.subjects),
            **columns,
        },
    )
    write_json(path / METRICS_NAME, describe(windows, split, result, scores).to_json())


def calibration_choice(windows: WindowSet, split: Split) -> NDArray[np.int64]:
    """Up to CALIBRATION_WINDOWS training windows, as evenly over the subjects as they allow.

    Seeded by the split: the same split of the same windows always gives the same choice.
    """
    generator = np.random.default_rng(derive_seed(split.seed, split.fold, "calibration"))
    shuffled = generator.permutation(np.asarray(split.train, np.int64))
    dealt = np.zeros(len(windows.subjects), np.int64)
    turn = np.empty(len(shuffled), np.int64)
    for place, index in enumerate(shuffled):
        turn[place] = dealt[windows.subject[index]]
        dealt[windows.subject[index]] += 1
    chosen = shuffled[np.argsort(turn, kind="stable")[:CALIBRATION_WINDOWS]]
    return np.sort(chosen)


def describe(
    windows: WindowSet, split: Split, result: TrainingResult, scores: Mapping[str, TaskScore]
) -> Metrics:
    """The content of metrics.json."""
    model, provenance = result.checkpoint.model, result.checkpoint.provenance
    training = provenance.training
    return Metrics(
        split=SplitMetrics(
            kind=split.name,
            fold=split.fold,
            folds=split.folds,
            seed=split.seed,
            leak_share=split.leak_share,
            shared_subjects=split.shared_subjects,
            train=SplitPart(len(split.train), split.train_subjects),
            val=SplitPart(len(split.val), split.val_subjects),
            test=SplitPart(len(split.test), split.test_subjects),
            copied_share=split.copied_share,
        ),
        simulated=windows.simulated,
        model=ModelSize(model.arch, parameter_count(model), mac_count(model)),
        tasks=scores,
        kept=provenance.kept,
        training=None
        if training is None
        else TrainingMetrics(
            training,
            result.interrupted,
            result.device,
            round(result.training_s, 3),
            round(result.windows_per_s, 1),
        ),
        data=DataMetrics(windows.rejected, windows.dropped, windows.notes, windows.origin),
        history=result.history,
    )


def open_run(path: str | Path) -> Run:
    """Read a run back.

    Raises ModelFileError when a file is missing, truncated, changed or of another version.
    """
    path = Path(path)
    if not path.is_dir():
        raise ModelFileError(
            f"There is no run folder {path}: name a folder written by `wearkit train`."
        )
    if holds_folds(path):
        raise ModelFileError(
            f"{path} holds every fold of a run: name one of them, such as {fold_folder(path, 0)}."
        )
    checkpoint = load_checkpoint(path)
    metrics = read_metrics(path / METRICS_NAME)
    calibration = read_npz(path / "calibration.npz", {"counts": "int16"})["counts"]
    length = checkpoint.model.window.length
    if calibration.shape != (len(calibration), length, 3) or not len(calibration):
        raise ModelFileError(f"{path / 'calibration.npz'} does not hold windows of this model.")
    test = _read_test(path / "test.npz", checkpoint.model, metrics.simulated)
    return Run(path, checkpoint, calibration, test, metrics)


def _read_test(path: Path, model: ModelSpec, simulated: bool) -> WindowSet:
    types = {"counts": "int16", "subject": "int32", "run": "int32", "start": "int32"}
    types |= {f"target_{task.name}": "int16" for task in model.tasks}
    arrays = read_npz(path, types | {"subjects": TEXT})
    try:
        test = WindowSet(
            spec=model.window,
            tasks=model.tasks,
            counts=arrays["counts"],
            targets={task.name: arrays[f"target_{task.name}"] for task in model.tasks},
            subjects=tuple(str(name) for name in arrays["subjects"]),
            subject=arrays["subject"],
            run=arrays["run"],
            start=arrays["start"],
            simulated=simulated,
        )
    except (DataError, TypeError) as error:
        raise ModelFileError(f"{path} does not hold windows of this model: {error}") from error
    if not all(is_text(name, MAX_SUBJECT) for name in test.subjects):
        raise ModelFileError(f"{path} holds the name of a person that cannot be shown.")
    _check_range(path, test.subject, len(test.subjects))
    for task in model.tasks:
        _check_range(path, test.targets[task.name], len(task.labels))
    return test


def _check_range(path: Path, column: NDArray[np.integer], limit: int) -> None:
    if not column.size or column.min() < 0 or column.max() >= limit:
        raise ModelFileError(f"{path} is empty or holds an index out of range; train again.")
