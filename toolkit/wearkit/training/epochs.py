"""What training reports of each epoch, and how it does so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, Self

Role = Literal["student", "teacher"]
OVERFITTING_EPOCHS = 3  # in a row: one or two are noise


@dataclass(frozen=True, slots=True)
class EpochScores:
    """Mean cross-entropy and accuracy (0 to 1) over a set of windows, by task."""

    loss: Mapping[str, float]
    accuracy: Mapping[str, float]

    @property
    def mean_accuracy(self) -> float:
        """Mean over the tasks, 0 to 1: what selection goes by."""
        return sum(self.accuracy.values()) / len(self.accuracy)

    @property
    def mean_loss(self) -> float:
        """Mean cross-entropy over the tasks, in nats."""
        return sum(self.loss.values()) / len(self.loss)

    def beats(self, other: EpochScores) -> bool:
        """Higher mean accuracy; between equals, lower mean loss."""
        mine = (self.mean_accuracy, -self.mean_loss)
        return mine > (other.mean_accuracy, -other.mean_loss)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back."""
        return {"loss": dict(self.loss), "accuracy": dict(self.accuracy)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `to_json` does not give."""
        loss, accuracy = (
            {str(task): _number(number) for task, number in dict(value[name]).items()}
            for name in ("loss", "accuracy")
        )
        if not loss or set(loss) != set(accuracy):
            raise ValueError("scores of different tasks")
        return cls(loss, accuracy)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """objective: mean of what was minimised. training: scores while learning (train mode).
    student, teacher: validation scores; teacher is None for a method without one."""

    epoch: int
    objective: float
    training: EpochScores
    student: EpochScores
    teacher: EpochScores | None

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back; one entry of a run's history."""
        return {
            "epoch": self.epoch,
            "objective": self.objective,
            "training": self.training.to_json(),
            "student": self.student.to_json(),
            "teacher": None if self.teacher is None else self.teacher.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `to_json` does not give."""
        return cls(
            epoch=int(value["epoch"]),
            objective=_number(value["objective"]),
            training=EpochScores.from_json(value["training"]),
            student=EpochScores.from_json(value["student"]),
            teacher=None if value["teacher"] is None else EpochScores.from_json(value["teacher"]),
        )


def _number(value: Any) -> float:
    """A float of a JSON number; float() itself also takes "nan" and "inf"."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a score is no number")
    return float(value)


def overfitting_epoch(history: Sequence[EpochRecord]) -> int | None:
    """The first epoch that ends OVERFITTING_EPOCHS in a row in each of which the student's mean
    loss fell on the training windows and rose on the validation windows; None: there is none."""
    row = 0
    for before, now in pairwise(history):
        learned = now.training.mean_loss < before.training.mean_loss
        row = row + 1 if learned and now.student.mean_loss > before.student.mean_loss else 0
        if row == OVERFITTING_EPOCHS:
            return now.epoch
    return None


class Progress(Protocol):
    """Told how training goes."""

    def batch(self, finished: int, total: int) -> None:
        """`done` of `total` batches of the whole training are behind us."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch and its validation ended."""
