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

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError, ModelFileError, StorageError
from wearkit.files.limited import file_sha256, read_limited
from wearkit.files.npz import MAX_FILE_BYTES, TEXT, UNREADABLE, parse_npz, write_npz
from wearkit.files.safe_write import write_json
from wearkit.model.architecture import mac_count, parameter_count
from wearkit.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, weights_sha256
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
WEIGHTS, DESCRIPTION = "checkpoint.safetensors", "checkpoint.json"
CALIBRATION, TEST = "calibration.npz", "test.npz"
TIED = (WEIGHTS, DESCRIPTION, CALIBRATION, TEST)
"""Whose digests metrics.json holds."""

UNFINISHED = "state.json"  # of wearkit.training.state
PATTERNS = (*TIED, METRICS_NAME, "curves.png", "confusion-*.png")
"""What a run writes, and so what one in the same folder replaces."""

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
    def is_tied(self) -> bool:
        """Whether metrics.json holds the digests of the files beside it, as since wearkit 0.3, so
        that they are known to be of one training."""
        return bool(self.metrics.files)

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


def room_for(path: Path, windows: WindowSet, split: Split, model: ModelSpec) -> None:
    """See that a run fits in a folder that is there: better now than after the training.

    Raises StorageError when the disk is too full.
    """
    try:
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
    begin_writing(path)
    save_checkpoint(result.checkpoint, path)
    save_windows_and_metrics(path, windows, split, result, scores)


def begin_writing(path: Path) -> None:
    """Remove what an older run left here, metrics.json first: it is written last and holds the
    digests of the rest, so that a folder of two runs is never taken for one.

    Raises StorageError when the disk refuses.
    """
    try:
        for pattern in (METRICS_NAME, *PATTERNS):
            for file in path.glob(pattern):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def save_windows_and_metrics(
    path: Path,
    windows: WindowSet,
    split: Split,
    result: TrainingResult,
    scores: Mapping[str, TaskScore],
) -> None:
    """What stands beside the checkpoint: two sets of windows, and metrics.json, which is last."""
    write_npz(
        path / CALIBRATION,
        {"counts": windows.counts[calibration_choice(windows, split)]},
    )
    test = windows.take(split.test)
    columns = {f"target_{task.name}": test.targets[task.name] for task in test.tasks}
    write_npz(
        path / TEST,
        {
            "counts": test.counts,
            "subject": test.subject,
            "run": test.run,
            "start": test.start,
            "subjects": np.array(test.subjects),
            **columns,
        },
    )
    files = {name: file_sha256(path / name) for name in TIED}
    files[WEIGHTS] = weights_sha256(result.checkpoint)  # not of whatever lies there by now
    metrics = replace(describe(windows, split, result, scores), files=files)
    write_json(path / METRICS_NAME, metrics.to_json())


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
    """The content of metrics.json, without the digests of the files beside it."""
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
    if not (path / METRICS_NAME).exists() and (path / UNFINISHED).exists():
        raise ModelFileError(
            f"The training in {path} has not ended or was killed: go on with `wearkit train "
            f"--resume {path}`."
        )
    checkpoint = load_checkpoint(path)
    metrics = read_metrics(path / METRICS_NAME)
    if metrics.files:
        _check_tied(path, metrics, WEIGHTS, checkpoint.file_sha256)
        _check_tied(path, metrics, DESCRIPTION, _sha256(read(path, DESCRIPTION)))
    calibration = parse_npz(
        path / CALIBRATION, _tied_bytes(path, metrics, CALIBRATION), {"counts": "int16"}
    )["counts"]
    length = checkpoint.model.window.length
    if calibration.shape != (len(calibration), length, 3) or not len(calibration):
        raise ModelFileError(f"{path / CALIBRATION} does not hold windows of this model.")
    test = _parse_test(
        path / TEST, _tied_bytes(path, metrics, TEST), checkpoint.model, metrics.simulated
    )
    run = Run(path, checkpoint, calibration, test, metrics)
    _check_one_run(run)
    return run


def read(path: Path, name: str) -> bytes:
    """A file of the run. Raises ModelFileError when it cannot be read."""
    return read_limited(path / name, MAX_FILE_BYTES, UNREADABLE)


def _tied_bytes(path: Path, metrics: Metrics, name: str) -> bytes:
    """The bytes of a file, which are those that metrics.json was written for."""
    data = read(path, name)
    if metrics.files:
        _check_tied(path, metrics, name, _sha256(data))
    return data


def _check_tied(path: Path, metrics: Metrics, name: str, digest: str) -> None:
    if metrics.files.get(name) != digest:
        raise ModelFileError(
            f"{path / name} is not the file {METRICS_NAME} was written for (its SHA-256 differs): "
            "it has changed, or is of another run; train again, or put the right file back."
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_one_run(run: Run) -> None:
    """Raises ModelFileError when the files say different things of the same training. A run of an
    older wearkit has no digests, and this is all that can be known of it."""
    stated, split = run.metrics.split, run.checkpoint.provenance.split
    part, people = stated.part("test"), run.test.subjects
    tested = {people[code] for code in np.unique(run.test.subject)}
    disagree = {
        f"the number of test windows in {METRICS_NAME} and in {TEST}": part.windows
        != len(run.test),
        f"the test people in {METRICS_NAME} and in {TEST}": set(part.subjects) != tested,
        f"the fold in {METRICS_NAME} and in {DESCRIPTION}": split is not None
        and (split.kind, split.fold, split.folds, split.seed)
        != (stated.kind, stated.fold, stated.folds, stated.seed),
        f"the network in {METRICS_NAME} and in {DESCRIPTION}": run.metrics.model is not None
        and run.metrics.model.arch != run.checkpoint.model.arch,
    }
    for pair, differs in disagree.items():
        if differs:
            raise ModelFileError(
                f"{run.path} holds files of different runs: {pair} differ; train again."
            )


def _parse_test(path: Path, data: bytes, model: ModelSpec, simulated: bool) -> WindowSet:
    types = {"counts": "int16", "subject": "int32", "run": "int32", "start": "int32"}
    types |= {f"target_{task.name}": "int16" for task in model.tasks}
    arrays = parse_npz(path, data, types | {"subjects": TEXT})
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
