"""How well labels were recovered: one-versus-rest figures, per class and per subject.

A ratio whose denominator is zero is undefined: None here, "-" in a table, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassScore:
    """sensitivity TP/(TP+FN), ppv TP/(TP+FP), npv TN/(TN+FN), f1 2TP/(2TP+FP+FN);
    support: windows that truly have the label."""

    sensitivity: float | None
    ppv: float | None
    npv: float | None
    f1: float | None
    support: int

    def to_json(self) -> dict[str, Any]:
        return {
            "sensitivity": self.sensitivity,
            "ppv": self.ppv,
            "npv": self.npv,
            "f1": self.f1,
            "support": self.support,
        }


@dataclass(frozen=True, slots=True)
class SubjectScore:
    """One person's windows. macro_f1 is over the labels present in that person's windows."""

    accuracy: float
    macro_f1: float
    windows: int

    def to_json(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, "macro_f1": self.macro_f1, "windows": self.windows}


@dataclass(frozen=True, slots=True, eq=False)
class TaskScore:
    """confusion: (labels, labels) int64, row = truth, column = prediction.

    macro_f1: mean F1 over the labels that occur in the truth or in the predictions.
    """

    labels: tuple[str, ...]
    accuracy: float
    macro_f1: float
    per_class: Mapping[str, ClassScore]
    per_subject: Mapping[str, SubjectScore]
    confusion: NDArray[np.int64]

    def spread(self, figure: str) -> tuple[float, float]:
        """Mean and standard deviation (n - 1; 0 for one subject) over subjects of `accuracy` or
        `macro_f1`: every subject counts the same, however many windows there are of them."""
        values = [float(getattr(score, figure)) for score in self.per_subject.values()]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return float(np.mean(values)), deviation

    def to_json(self) -> dict[str, Any]:
        over_subjects = {}
        for figure in ("accuracy", "macro_f1"):
            mean, std = self.spread(figure)
            over_subjects[figure] = {"mean": mean, "std": std}
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "windows": int(self.confusion.sum()),
            "over_subjects": over_subjects,
            "per_class": {label: score.to_json() for label, score in self.per_class.items()},
            "per_subject": {name: score.to_json() for name, score in self.per_subject.items()},
            "confusion": {"labels": list(self.labels), "counts": self.confusion.tolist()},
        }


def confusion_matrix(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], labels: int
) -> NDArray[np.int64]:
    """truth, predicted: (N,) label indices -> (labels, labels) counts, row = truth."""
    cells = np.asarray(truth, np.int64) * labels + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def class_scores(confusion: NDArray[np.int64]) -> list[ClassScore]:
    """One-versus-rest figures of each label from a confusion matrix."""
    total = int(confusion.sum())
    scores = []
    for k in range(len(confusion)):
        hit = int(confusion[k, k])
        missed = int(confusion[k].sum()) - hit
        false = int(confusion[:, k].sum()) - hit
        rejected = total - hit - missed - false
        scores.append(
            ClassScore(
                sensitivity=_ratio(hit, hit + missed),
                ppv=_ratio(hit, hit + false),
                npv=_ratio(rejected, rejected + missed),
                f1=_ratio(2 * hit, 2 * hit + false + missed),
                support=hit + missed,
            )
        )
    return scores


def accuracy(confusion: NDArray[np.int64]) -> float:
    return float(np.trace(confusion) / confusion.sum())


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Mean F1 over the labels present in the truth or in the predictions."""
    values = [score.f1 for score in class_scores(confusion) if score.f1 is not None]
    return float(np.mean(values))


def score_task(
    labels: tuple[str, ...],
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    subject: NDArray[np.integer],
    subjects: Sequence[str],
) -> TaskScore:
    """truth, predicted: (N,) indices into labels, N >= 1; subject: (N,) indices into subjects."""
    matrix = confusion_matrix(truth, predicted, len(labels))
    per_subject = {}
    for number, name in enumerate(subjects):
        mine = subject == number
        if mine.any():
            own = confusion_matrix(truth[mine], predicted[mine], len(labels))
            per_subject[name] = SubjectScore(accuracy(own), macro_f1(own), int(own.sum()))
    return TaskScore(
        labels=labels,
        accuracy=accuracy(matrix),
        macro_f1=macro_f1(matrix),
        per_class=dict(zip(labels, class_scores(matrix), strict=True)),
        per_subject=per_subject,
        confusion=matrix,
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
