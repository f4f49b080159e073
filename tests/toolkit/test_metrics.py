"""Metrics against a case counted by hand, and against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wearkit.evaluation.metrics import ClassScore, class_scores, confusion_matrix, score_task

LABELS = ("walk", "sit", "lie")
#            walk->walk x3, walk->sit, sit->sit x2, sit->walk; nobody lies, nobody is said to
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1])
SAID = np.array([0, 0, 0, 1, 1, 1, 0])
PERSON = np.array([0, 0, 0, 0, 0, 1, 1])


def test_three_classes_by_hand() -> None:
    score = score_task(LABELS, TRUTH, SAID, PERSON, ("ann", "ben", "cem"))
    assert score.confusion.tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert score.accuracy == pytest.approx(5 / 7)
    assert score.per_class["walk"] == ClassScore(3 / 4, 3 / 4, 2 / 3, 6 / 8, 4)
    assert score.per_class["sit"] == ClassScore(2 / 3, 2 / 3, 3 / 4, 4 / 6, 3)
    # An absent class: sensitivity, PPV and F1 do not exist; all seven are rightly not "lie".
    assert score.per_class["lie"] == ClassScore(None, None, 1.0, None, 0)
    assert score.macro_f1 == pytest.approx((6 / 8 + 4 / 6) / 2)


def test_people_count_alike_however_many_windows_they_have() -> None:
    score = score_task(LABELS, TRUTH, SAID, PERSON, ("ann", "ben", "cem"))
    assert list(score.per_subject) == ["ann", "ben"]
    assert (score.per_subject["ann"].accuracy, score.per_subject["ann"].windows) == (4 / 5, 5)
    assert (score.per_subject["ben"].accuracy, score.per_subject["ben"].windows) == (1 / 2, 2)
    # ben: truth sit sit, said sit walk. F1 sit 2/3, walk 0 (said, so it counts), lie absent.
    assert score.per_subject["ben"].macro_f1 == pytest.approx(1 / 3)
    mean, deviation = score.spread("accuracy")
    assert mean == pytest.approx(0.65)
    assert deviation == pytest.approx(abs(0.8 - 0.5) / 2**0.5)


def test_one_person_has_no_spread() -> None:
    score = score_task(LABELS, TRUTH, SAID, np.zeros(7, np.int32), ("ann",))
    assert score.spread("macro_f1") == (score.macro_f1, None)
    assert score.spread_text("macro_f1") == f"{score.macro_f1:.3f} (one person)"
    over = score.to_json()["over_subjects"]
    assert over["accuracy"] == {"mean": score.accuracy, "std": None}


def test_a_class_said_but_never_true_counts_as_zero() -> None:
    score = class_scores(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 2))[1]
    assert score == ClassScore(None, 0.0, 1.0, 0.0, 0)


def test_a_class_that_is_everything_has_no_negative_to_predict() -> None:
    score = class_scores(confusion_matrix(np.array([0, 0]), np.array([0, 0]), 2))[0]
    assert score == ClassScore(1.0, 1.0, None, 1.0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_agrees(seed: int, needs_module: Callable[[str, str], None]) -> None:
    needs_module("sklearn", "pip install scikit-learn")
    from sklearn import metrics as oracle

    generator = np.random.default_rng(seed)
    labels = tuple("abcdef")
    truth = generator.integers(0, 4, 60)  # e and f never true
    said = np.where(generator.random(60) < 0.6, truth, generator.integers(0, 5, 60))
    score = score_task(labels, truth, said, np.zeros(60, np.int32), ("ann",))
    codes = list(range(6))
    assert score.confusion.tolist() == oracle.confusion_matrix(truth, said, labels=codes).tolist()
    assert score.accuracy == pytest.approx(oracle.accuracy_score(truth, said))
    assert score.macro_f1 == pytest.approx(
        oracle.f1_score(truth, said, average="macro", zero_division=0.0)
    )
    ppv, sensitivity, f1, support = oracle.precision_recall_fscore_support(
        truth, said, labels=codes, zero_division=np.nan
    )
    for code, label in enumerate(labels):
        mine = score.per_class[label]
        assert mine.support == support[code]
        pairs = ((mine.ppv, ppv), (mine.sensitivity, sensitivity), (mine.f1, f1))
        for value, theirs in pairs:
            if value is None:
                assert np.isnan(theirs[code])
            else:
                assert value == pytest.approx(theirs[code])
