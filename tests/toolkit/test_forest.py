"""The baseline sees the training windows of its fold, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from wearkit.errors import DataError, MissingToolError
from wearkit.evaluation.forest import forest_probabilities
from wearkit.evaluation.scores import score_logits
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


@pytest.fixture(autouse=True)
def _scikit_learn(needs_module: Callable[[str, str], None]) -> None:
    needs_module("sklearn", "pip install 'wearkit[forest]'")


def test_it_learns_what_gravity_and_tremor_say(toy_windows: WindowSet, toy_split: Split) -> None:
    shares = forest_probabilities(toy_windows, toy_split)
    scores = score_logits(shares, toy_windows.take(toy_split.test))
    assert set(scores) == {"posture", "placement"}
    assert scores["posture"].accuracy > 0.95
    assert set(scores["posture"].per_subject) == set(toy_split.test_subjects)
    assert int(scores["posture"].confusion.sum()) == len(toy_split.test)


def test_one_seed_one_forest(toy_windows: WindowSet, toy_split: Split) -> None:
    first, again, other = (forest_probabilities(toy_windows, toy_split, s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first["posture"], again["posture"])
    assert (first["posture"] != other["posture"]).any()


def test_validation_and_test_labels_are_never_used(
    toy_windows: WindowSet, toy_split: Split
) -> None:
    wrong = {name: column.copy() for name, column in toy_windows.targets.items()}
    for part in (toy_split.val, toy_split.test):
        wrong["posture"][part] = 0
    spoilt = dataclasses.replace(toy_windows, targets=wrong)
    np.testing.assert_array_equal(
        forest_probabilities(spoilt, toy_split)["posture"],
        forest_probabilities(toy_windows, toy_split)["posture"],
    )


def test_a_label_nobody_trained_on_is_never_answered(
    toy_windows: WindowSet, toy_split: Split
) -> None:
    kept = toy_split.train[toy_windows.targets["posture"][toy_split.train] != 1]
    shares = forest_probabilities(toy_windows, dataclasses.replace(toy_split, train=kept))
    assert shares["posture"].shape == (len(toy_split.test), 3)
    assert (shares["posture"][:, 1] == 0).all() and (shares["posture"][:, 2] > 0.5).any()


def test_what_is_missing_is_said(
    toy_windows: WindowSet, toy_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="needs training and test windows"):
        nobody = np.empty(0, np.int64)
        forest_probabilities(toy_windows, dataclasses.replace(toy_split, train=nobody))
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(MissingToolError, match=r"wearkit\[forest\]"):
        forest_probabilities(toy_windows, toy_split)
