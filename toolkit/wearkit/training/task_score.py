"""Scores of one task as metrics.json keeps them; wearkit.evaluation.metrics computes them.

A ratio whose denominator is zero is undefined: None here, "-" in a table, never 0.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wearkit.model.provenance import number
from wearkit.spec import MAX_SUBJECT, is_text


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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            sensitivity=_ratio(value["sensitivity"]),
            ppv=_ratio(value["ppv"]),
            npv=_ratio(value["npv"]),
            f1=_ratio(value["f1"]),
            support=operator.index(value["support"]),
        )


@dataclass(frozen=True, slots=True)
class SubjectScore:
    """One person's windows. macro_f1 is over the labels present in that person's windows."""

    accuracy: float
    macro_f1: float
    windows: int

    def to_json(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, "macro_f1": self.macro_f1, "windows": self.windows}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            accuracy=number(value["accuracy"]),
            macro_f1=number(value["macro_f1"]),
            windows=operator.index(value["windows"]),
        )


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

    def spread(self, figure: str) -> tuple[float, float | None]:
        """Mean and standard deviation (n - 1; None for one subject, who has none) over subjects of
        `accuracy` or `macro_f1`: every subject counts the same, however many windows there are of
        them."""
        values = [float(getattr(score, figure)) for score in self.per_subject.values()]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return float(np.mean(values)), deviation

    def spread_text(self, figure: str, digits: int = 3) -> str:
        """That spread as `0.914 ± 0.031`, or `0.914 (one person)`."""
        mean, deviation = self.spread(figure)
        if deviation is None:
            return f"{mean:.{digits}f} (one person)"
        return f"{mean:.{digits}f} ± {deviation:.{digits}f}"

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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises AttributeError, KeyError, TypeError or ValueError for what `to_json` does not
        give."""
        labels = tuple(str(label) for label in value["confusion"]["labels"])
        names = [*labels, *value["per_class"]]
        if not all(map(is_text, names)) or not all(
            is_text(name, MAX_SUBJECT) for name in value["per_subject"]
        ):
            raise ValueError("a label or a subject that cannot be shown")
        counts = np.array(value["confusion"]["counts"])
        if counts.shape != (len(labels), len(labels)) or counts.dtype.kind != "i":
            raise ValueError("a confusion matrix of another shape")
        return cls(
            labels=labels,
            accuracy=number(value["accuracy"]),
            macro_f1=number(value["macro_f1"]),
            per_class={
                str(label): ClassScore.from_json(score)
                for label, score in value["per_class"].items()
            },
            per_subject={
                str(name): SubjectScore.from_json(score)
                for name, score in value["per_subject"].items()
            },
            confusion=counts.astype(np.int64),
        )


def _ratio(value: Any) -> float | None:
    return None if value is None else number(value)
