"""How well labels were recovered: one-versus-rest figures, per class and per subject.

A ratio whose denominator is zero is undefined: None here, "-" in a table, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wearkit.training.task_score import ClassScore, SubjectScore, TaskScore

__all__ = [
    "ClassScore",
    "SubjectScore",
    "TaskScore",
    "accuracy",
    "class_scores",
    "confusion_matrix",
    "macro_f1",
    "score_task",
]


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
