"""What training reports of each epoch, and how it does so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, Self

from wearkit.model.provenance import EpochScores, Role, number

__all__ = [
    "OVERFITTING_EPOCHS",
    "EpochRecord",
    "EpochScores",
    "Progress",
    "Role",
    "overfitting_epoch",
]

OVERFITTING_EPOCHS = 3  # in a row: one or two are noise


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
            objective=number(value["objective"]),
            training=EpochScores.from_json(value["training"]),
            student=EpochScores.from_json(value["student"]),
            teacher=None if value["teacher"] is None else EpochScores.from_json(value["teacher"]),
        )


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
