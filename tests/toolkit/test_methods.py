"""Losses against the paper's formulas, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from wearkit.errors import DataError
from wearkit.model.network import Network, seeded_network
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.training.config import METHOD_NAMES, TrainingConfig, task_weights
from wearkit.training.methods import METHODS, ClassWeights, Method, distillation

TASKS = (TaskSpec("posture", ("a", "b", "c")), TaskSpec("placement", ("neck", "chest")))
SPEC = ModelSpec("mtl-net-micro", WindowSpec(), TASKS)
Batch = tuple[Tensor, dict[str, Tensor]]


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(6, 100, 3, generator=generator) * 4 - 2
    targets = {
        "posture": torch.tensor([0, 1, 2, 0, 1, 2]),
        "placement": torch.tensor([0, 0, 0, 1, 1, 1]),
    }
    return inputs, targets


def _method(
    name: str, weights: ClassWeights | None = None, **options: float
) -> tuple[Method, Network]:
    student = seeded_network(SPEC, 1).train()
    method = METHODS[name](student, TrainingConfig(method=name, **options), weights or {})  # type: ignore[arg-type]
    with torch.no_grad():  # a student that has left its teacher behind
        for value in student.parameters():
            value.mul_(1.3)
    return method, student


def _log_softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = z - z.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _cross_entropy(z: Tensor, y: Tensor) -> float:
    logs = _log_softmax(z.detach().double().numpy())
    return float(-logs[np.arange(len(y)), y.numpy()].mean())


def _kd(student: Tensor, teacher: Tensor, temperature: float) -> float:
    log_p = _log_softmax(teacher.detach().double().numpy() / temperature)
    log_q = _log_softmax(student.detach().double().numpy() / temperature)
    return float(temperature**2 * (np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def test_every_named_method_exists() -> None:
    assert set(METHODS) == set(METHOD_NAMES)


def test_multitask_is_equation_1() -> None:
    method, student = _method("multitask", alpha=0.3)
    inputs, targets = _batch()
    loss = method.loss(inputs, targets)
    first, second = (_cross_entropy(loss.logits[task.name], targets[task.name]) for task in TASKS)
    assert float(loss.total.detach()) == pytest.approx(0.3 * first + 0.7 * second, rel=1e-5)
    assert method.teacher is None
    assert student.training


def test_singletask_is_one_cross_entropy() -> None:
    alone = ModelSpec("mtl-net-micro", WindowSpec(), TASKS[:1])
    inputs, targets = _batch()
    config = TrainingConfig(method="singletask", alpha=0.3)
    loss = METHODS["singletask"](seeded_network(alone, 1).train(), config, {}).loss(
        inputs, {"posture": targets["posture"]}
    )
    assert set(loss.logits) == {"posture"}
    expected = _cross_entropy(loss.logits["posture"], targets["posture"])
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(DataError, match="choose one of posture, placement with --task"):
        _method("singletask")


@pytest.mark.parametrize("name", ["multitask", "smooth-distill"])
def test_class_weights_weigh_the_cross_entropy_alone(name: str) -> None:
    weights = {"posture": torch.tensor([0.2, 1.0, 3.0]), "placement": torch.tensor([2.0, 0.5])}
    plain, weighted = _method(name)[0], _method(name, weights)[0]
    inputs, targets = _batch()
    before, after = plain.loss(inputs, targets), weighted.loss(inputs, targets)
    difference = 0.0
    for task in TASKS:
        y = targets[task.name].numpy()
        logs = _log_softmax(after.logits[task.name].detach().double().numpy())
        each = -logs[np.arange(len(y)), y]
        difference += 0.5 * float((each * (weights[task.name].numpy()[y] - 1)).mean())
        plain_mean = float(after.cross_entropy[task.name].detach())
        assert plain_mean == pytest.approx(each.mean(), rel=1e-5), "curves show the plain loss"
    assert abs(difference) > 0.01
    assert float((after.total - before.total).detach()) == pytest.approx(difference, rel=1e-4)


def test_smooth_distill_is_equation_5() -> None:
    method, _ = _method("smooth-distill", alpha=0.3, distillation_weight=0.7, temperature=2.5)
    inputs, targets = _batch()
    loss = method.loss(inputs, targets)
    assert method.teacher is not None
    with torch.no_grad():
        guide = method.teacher(inputs)
    expected = 0.0
    for weight, task in zip((0.3, 0.7), TASKS, strict=True):
        logits = loss.logits[task.name]
        divergence = _kd(logits, guide[task.name], 2.5)
        assert divergence > 1e-4
        expected += weight * (_cross_entropy(logits, targets[task.name]) + 0.7 * divergence)
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-4)


def test_distillation_takes_the_teacher_as_the_reference() -> None:
    student, teacher = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[0.0, 3.0, 0.0]])
    assert float(distillation(student, teacher, 3.0)) == pytest.approx(_kd(student, teacher, 3.0))
    assert _kd(student, teacher, 3.0) != pytest.approx(_kd(teacher, student, 3.0), rel=0.01)
    assert float(distillation(teacher, teacher, 3.0)) == pytest.approx(0.0, abs=1e-6)


def test_no_gradient_reaches_the_teacher() -> None:
    method, student = _method("smooth-distill")
    before = {name: v.clone() for name, v in _state(method).items()}
    method.loss(*_batch()).total.backward()  # type: ignore[no-untyped-call]
    assert method.teacher is not None
    assert all(value.grad is None for value in method.teacher.parameters())
    assert all(value.grad is not None for value in student.parameters())
    assert all(torch.equal(value, before[name]) for name, value in _state(method).items())
    method.after_step()
    assert not all(torch.equal(value, before[name]) for name, value in _state(method).items())


def _state(method: Method) -> dict[str, Tensor]:
    assert method.teacher is not None
    state: dict[str, Tensor] = method.teacher.state_dict()
    return state


def test_decay_zero_leaves_no_distance_after_a_step() -> None:
    """b = 0 copies the student, so in eval mode both answer alike."""
    method, student = _method("smooth-distill", ema_decay=0.0)
    method.after_step()
    inputs, _ = _batch()
    student.eval()
    assert method.teacher is not None
    with torch.no_grad():
        mine, theirs = student(inputs), method.teacher(inputs)
    for task in TASKS:
        assert float(distillation(mine[task.name], theirs[task.name], 3.0)) == pytest.approx(0)


def test_task_weights() -> None:
    assert task_weights(1, 0.5) == (1.0,)
    assert task_weights(2, 0.25) == (0.25, 0.75)
    assert task_weights(3, 0.5) == (0.5, 0.25, 0.25)
