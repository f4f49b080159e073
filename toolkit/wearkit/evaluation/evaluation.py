"""An evaluation: every model's answers to the same windows, and what must be said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError
from wearkit.evaluation.intervals import over_people
from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.posture_ring import ring_errors
from wearkit.evaluation.reliability import Reliability, reliability
from wearkit.evaluation.scores import score_logits
from wearkit.integer.logits import softmax
from wearkit.training.metrics_file import PARTS
from wearkit.training.run import Run
from wearkit.windows.window_set import WindowSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "wearkit-evaluation"
FORMAT_VERSION = 1
FIGURES = ("accuracy", "macro_f1")


@dataclass(frozen=True, slots=True, eq=False)
class ModelResult:
    """scores, reliability: task -> figure. name: "fp32", "int8" or "forest"."""

    name: str
    scores: Mapping[str, TaskScore]
    reliability: Mapping[str, Reliability]

    def to_json(self) -> dict[str, Any]:
        return {"tasks": {task: score.to_json() for task, score in self.scores.items()}}

    def details(self) -> dict[str, Any]:
        """What the page shows beside the scores, by task."""
        by_task = {}
        for task, score in self.scores.items():
            ring = ring_errors(score)
            people = score.per_subject.values()
            by_task[task] = {
                "over_people_95": {
                    figure: over_people([getattr(subject, figure) for subject in people]).to_json()
                    for figure in FIGURES
                },
                "reliability": self.reliability[task].to_json(),
                "posture_ring": None if ring is None else ring.to_json(),
            }
        return by_task


def model_result(
    name: str,
    logits: Mapping[str, NDArray[Any]],
    windows: WindowSet,
    scales: Mapping[str, float] | None = None,
) -> ModelResult:
    """logits: task -> (N, labels) float, or int8 with `scales`, what one step of each task's is
    worth. Raises ModelFileError when they do not fit the windows."""
    shares = {
        task.name: softmax(logits[task.name], 1.0 if scales is None else scales[task.name])
        for task in windows.tasks
        if task.name in logits
    }
    return _result(name, score_logits(logits, windows), shares, windows)


def share_result(
    name: str, shares: Mapping[str, NDArray[np.float64]], windows: WindowSet
) -> ModelResult:
    """shares: task -> (N, labels) probabilities as they are."""
    return _result(name, score_logits(shares, windows), shares, windows)


def _result(
    name: str,
    scores: Mapping[str, TaskScore],
    shares: Mapping[str, NDArray[np.float64]],
    windows: WindowSet,
) -> ModelResult:
    calibration = {task: reliability(shares[task], windows.targets[task]) for task in scores}
    return ModelResult(name, scores, calibration)


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """How the run's people were parted. people: part -> how many. fold: None for all of them.
    shared: people of the test part who are in another part too. tied: the run holds digests that
    say that its network, split and test windows are of one training."""

    kind: str
    fold: int | None
    folds: int
    seed: int
    leak_share: float
    people: Mapping[str, int]
    shared: tuple[str, ...]
    tied: bool = True


def split_facts(run: Run) -> SplitFacts:
    """From the run's metrics.json."""
    split = run.metrics.split
    parts = {part: set(run.split_subjects(part)) for part in PARTS}
    return SplitFacts(
        kind=split.kind,
        fold=split.fold,
        folds=split.folds,
        seed=split.seed,
        leak_share=split.leak_share,
        people={part: len(names) for part, names in parts.items()},
        shared=tuple(sorted(parts["test"] & (parts["train"] | parts["val"]))),
        tied=run.is_tied,
    )


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """One fold of an evaluation of all. kept: the network and the epoch of its checkpoint."""

    fold: int
    kept: str
    leak_share: float
    people: tuple[str, ...]
    windows: int
    models: tuple[ModelResult, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "fold": self.fold,
            "kept": self.kept,
            "leak_share": self.leak_share,
            "people": list(self.people),
            "windows": self.windows,
            "models": {
                model.name: {
                    task: {figure: getattr(score, figure) for figure in FIGURES}
                    for task, score in model.scores.items()
                }
                for model in self.models
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """windows: the scored ones. source: what to call them. own: they are the run's test windows,
    so that the split's figures are theirs. rejected, dropped: windows and source rows left out,
    by reason. familiar: scored people named like people of the training data, of other
    recordings only. folds: what was put together, each fold's own networks on its test people."""

    models: tuple[ModelResult, ...]
    windows: WindowSet
    source: str
    own: bool
    split: SplitFacts | None
    rejected: Mapping[str, int]
    dropped: Mapping[str, int]
    familiar: tuple[str, ...]
    arch: str
    checkpoint: str | None = None
    bundle: str | None = None
    model_id: str | None = None
    folds: tuple[FoldResult, ...] = ()

    @property
    def scores(self) -> dict[str, Mapping[str, TaskScore]]:
        return {model.name: model.scores for model in self.models}

    def table(self) -> list[dict[str, str | float | int]]:
        """One plain row a model and task, as pandas.DataFrame takes them. Figures lie between 0
        and 1; those by subject are means over subjects, who count the same.

        >>> [(row["model"], row["task"]) for row in evaluation.table()]
        [('fp32', 'posture'), ('fp32', 'placement'), ('int8', 'posture'), ('int8', 'placement')]
        """
        return [
            {
                "model": model.name,
                "task": task,
                "windows": int(score.confusion.sum()),
                "subjects": len(score.per_subject),
                "accuracy": score.accuracy,
                "macro_f1": score.macro_f1,
                "accuracy_by_subject": score.spread("accuracy")[0],
                "macro_f1_by_subject": score.spread("macro_f1")[0],
                "calibration_error": model.reliability[task].error,
            }
            for model in self.models
            for task, score in model.scores.items()
        ]

    def figure(self, task: str, model: str = "") -> Figure:
        """A task's confusion matrix as a matplotlib figure. model: its name, the first by default.

        Raises DataError for a task or a model that is not in it, MissingToolError without
        matplotlib.

        >>> evaluation.figure("posture").axes[0].get_ylabel()
        'true posture'
        """
        chosen = model or self.models[0].name
        score = self.scores.get(chosen, {}).get(task)
        if score is None:
            raise DataError(f"This evaluation has no task {task!r} of a model {chosen!r}.")
        try:
            from wearkit.evaluation.plots import confusion
        except ModuleNotFoundError as error:
            raise MissingToolError(
                "Figures need matplotlib: pip install 'wearkit[train]'."
            ) from error
        return confusion(task, score, f"{self.arch}, {chosen}, {self.source}")

    def write(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write evaluation.html and evaluation.json into `folder` -> the page's path.

        An earlier evaluation is replaced; another file of these names only with `force`. Raises
        StorageError for one, and when the disk refuses.

        >>> evaluation.write("report").name
        'evaluation.html'
        """
        from wearkit.evaluation.page import write_evaluation

        return write_evaluation(self, Path(folder), force=force)

    @property
    def people(self) -> int:
        return len(np.unique(self.windows.subject))

    def warnings(self) -> Iterator[str]:
        """What a reader must know before the first figure."""
        split = self.split
        if split is not None and self.own and (split.leak_share > 0 or split.shared):
            yield (
                f"LEAKY SPLIT: {split.leak_share:.1%} of the test windows overlap windows the "
                f"network was chosen with, and {len(split.shared)} of {split.people['test']} test "
                "people are in the training or validation data too. No figure here says how it "
                "does on new people."
            )
        if split is not None and not split.tied:
            yield (
                "UNKNOWN ORIGIN: the run is older than wearkit 0.3 and holds no digests of its "
                "files. That its test people are new to this very network is what they say, and "
                "nothing proves it; train again to have it proven."
            )
        if self.familiar:
            yield f"POSSIBLY LEAKY: {self.familiar_note()}"
        if self.windows.simulated:
            yield "SIMULATED DATA: no figure here says how the model does on people."
        if split is None:
            yield (
                "UNKNOWN SPLIT: a bundle alone does not say who was trained on; whether these "
                "people were is for the reader to know. Add --checkpoint RUN to have it checked."
            )

    def familiar_note(self) -> str:
        names = ", ".join(self.familiar[:5]) + (", ..." if len(self.familiar) > 5 else "")
        return (
            f"{len(self.familiar)} of {len(self.windows.subjects)} subjects are named like people "
            f"of the training data ({names}): if they are the same, these scores are optimistic."
        )

    def notes(self) -> list[str]:
        notes = [*self.windows.notes, *([self.familiar_note()] if self.familiar else [])]
        if sum(len(fold.people) for fold in self.folds) > self.people:
            notes.append("The folds test some people more than once; each of their windows counts.")
        return notes

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "warnings": list(self.warnings()),
            "checkpoint": self.checkpoint,
            "bundle": self.bundle,
            "model_id": self.model_id,
            "arch": self.arch,
            "source": self.source,
            "simulated": self.windows.simulated,
            "windows": len(self.windows),
            "people": self.people,
            "rejected": dict(self.rejected),
            "dropped_rows": dict(self.dropped),
            "notes": self.notes(),
            "split": None if self.split is None else asdict(self.split),
            "models": {model.name: model.to_json() for model in self.models},
            "details": {model.name: model.details() for model in self.models},
            "folds": [fold.to_json() for fold in self.folds],
        }
