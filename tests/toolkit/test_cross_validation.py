"""Mean and spread over folds and over people, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wearkit.evaluation.folds import summarise
from wearkit.evaluation.metrics import TaskScore, score_task


def _fold(hits_by_person: list[list[bool]]) -> dict[str, TaskScore]:
    people = [n for n, hits in enumerate(hits_by_person) for _ in hits]
    right = np.array([hit for hits in hits_by_person for hit in hits])
    truth = np.arange(len(right)) % 2
    predicted = np.where(right, truth, 1 - truth)
    names = [f"s{n}" for n in range(len(hits_by_person))]
    return {"posture": score_task(("a", "b"), truth, predicted, np.array(people), names)}


def test_folds_and_people_are_counted_apart() -> None:
    # Fold accuracies 1 and 1/3; people 1, 1, 0, 1/2.
    folds = [_fold([[True] * 2, [True] * 6]), _fold([[False] * 2, [True, False] * 2])]
    found = summarise(folds)["posture"]["accuracy"]
    assert found["over_folds"] == pytest.approx({"mean": 2 / 3, "std": np.sqrt(2) / 3, "n": 2})
    assert found["over_subjects"]["mean"] == pytest.approx(2.5 / 4)
    assert found["over_subjects"]["std"] == pytest.approx(np.std([1, 1, 0, 0.5], ddof=1))
    assert found["over_subjects"]["n"] == 4


def test_one_fold_has_no_spread() -> None:
    found = summarise([_fold([[True, False]])])["posture"]["macro_f1"]
    assert found["over_folds"]["std"] is None
