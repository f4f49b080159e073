"""Scores come from the weights and the windows alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from wearkit.errors import ModelFileError
from wearkit.evaluation.scores import evaluate_float, float_logits, score_logits
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import ModelSpec, WindowSpec
from wearkit.windows.window_set import WindowSet


@pytest.fixture(scope="module")
def constant(toy_model: ModelSpec, needs_module: Callable[[str, str], None]) -> Checkpoint:
    needs_module("torch", "pip install 'wearkit[train]'")
    """Answers its head biases, whatever it sees: posture 1 ("left"), placement 0 ("chest")."""
    weights = {
        name: np.zeros(shape, np.float32) for name, shape in weight_shapes(toy_model).items()
    }
    weights["heads.posture.bias"][:] = [0.0, 2.0, 1.0]
    return Checkpoint(toy_model, weights)


def test_a_constant_answer_scores_its_share(constant: Checkpoint, toy_windows: WindowSet) -> None:
    scores = evaluate_float(constant, toy_windows)
    assert scores["posture"].accuracy == np.mean(toy_windows.targets["posture"] == 1)
    # Equal logits: the first label wins.
    assert scores["placement"].accuracy == np.mean(toy_windows.targets["placement"] == 0)
    assert scores["posture"].per_class["left"].sensitivity == 1.0


def test_every_window_is_answered_in_order(constant: Checkpoint, toy_windows: WindowSet) -> None:
    inputs = np.concatenate([toy_windows.inputs] * 5)  # more than one batch
    logits = float_logits(constant, inputs)
    assert {name: value.shape for name, value in logits.items()} == {
        "posture": (len(inputs), 3),
        "placement": (len(inputs), 2),
    }
    np.testing.assert_array_equal(logits["posture"], [[0.0, 2.0, 1.0]] * len(inputs))


def test_integer_logits_are_scored_by_the_same_rule(toy_windows: WindowSet) -> None:
    truth = {name: column.astype(int) for name, column in toy_windows.targets.items()}
    perfect = {
        "posture": np.eye(3, dtype=np.int8)[truth["posture"]] * 100,
        "placement": np.eye(2, dtype=np.int8)[truth["placement"]] - 100,
    }
    scores = score_logits(perfect, toy_windows)
    assert [score.macro_f1 for score in scores.values()] == [1.0, 1.0]


def test_windows_with_one_of_two_tasks_are_scored_on_it(
    constant: Checkpoint, toy_windows: WindowSet
) -> None:
    one = dataclasses.replace(
        toy_windows,
        tasks=toy_windows.tasks[:1],
        targets={"posture": toy_windows.targets["posture"]},
    )
    assert list(evaluate_float(constant, one)) == ["posture"]


def test_windows_of_another_model_are_refused(constant: Checkpoint, toy_windows: WindowSet) -> None:
    model = dataclasses.replace(constant.model, window=WindowSpec(hop=50))
    with pytest.raises(ModelFileError, match="not cut as this model's"):
        evaluate_float(Checkpoint(model, constant.weights), toy_windows)
    with pytest.raises(ModelFileError, match="does not answer task 'posture'"):
        score_logits({"placement": np.zeros((len(toy_windows), 2))}, toy_windows)


def test_weights_that_answer_with_infinities_are_refused(
    constant: Checkpoint, toy_windows: WindowSet
) -> None:
    weights = {name: np.full_like(value, 1e38) for name, value in constant.weights.items()}
    huge = dataclasses.replace(constant, weights=weights)
    with pytest.raises(ModelFileError, match="infinities"):
        float_logits(huge, toy_windows.inputs)
