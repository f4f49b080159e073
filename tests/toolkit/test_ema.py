"""The smoothed teacher against the closed form of an exponential average."""

from __future__ import annotations

import pytest
import torch

from wearkit.model.network import Network, seeded_network
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.training.teacher import SmoothedTeacher, warm_decay

SPEC = ModelSpec("mtl-net-micro", WindowSpec(), (TaskSpec("posture", ("a", "b", "c")),))


def _walk(network: Network, step: int) -> None:
    """A scripted path: every weight and statistic is (its start) replaced by a new value."""
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for value in [*network.parameters(), *network.buffers()]:
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator))
            else:
                value.fill_(step + 100)


def _closed_form(path: list[torch.Tensor], decay: float) -> torch.Tensor:
    """sum_t (1 - d_t) * prod_{s > t} d_s * theta_t, with theta_0 at full weight before."""
    decays = [min(decay, (1 + t) / (10 + t)) for t in range(len(path) - 1)]
    total = torch.zeros_like(path[0], dtype=torch.float64)
    for place, theta in enumerate(path):
        weight = 1.0 if place == 0 else 1.0 - decays[place - 1]
        for later in decays[place:]:
            weight *= later
        total += weight * theta.double()
    return total


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_teacher_is_the_closed_form_average(decay: float) -> None:
    student = seeded_network(SPEC, 0)
    names = [name for name, value in student.state_dict().items() if value.is_floating_point()]
    path = [{name: student.state_dict()[name].clone() for name in names}]
    smoothed = SmoothedTeacher(student, decay)
    for step in range(12):
        _walk(student, step)
        smoothed.update()
        path.append({name: student.state_dict()[name].clone() for name in names})
    teacher = smoothed.network.state_dict()
    assert any("running_var" in name for name in names)
    for name in names:
        expected = _closed_form([point[name] for point in path], decay)
        torch.testing.assert_close(teacher[name].double(), expected, rtol=1e-5, atol=1e-6)
    assert smoothed.steps == 12


def test_integer_buffers_are_copied() -> None:
    student = seeded_network(SPEC, 0)
    smoothed = SmoothedTeacher(student, 0.999)
    _walk(student, 7)
    smoothed.update()
    counts = [v for k, v in smoothed.network.state_dict().items() if k.endswith("batches_tracked")]
    assert [int(count) for count in counts] == [107, 107, 107]


def test_warm_up_rises_to_the_decay() -> None:
    assert warm_decay(0, 0.999) == 0.1
    assert warm_decay(90, 0.999) == 0.91
    assert warm_decay(10**6, 0.999) == 0.999
    assert warm_decay(0, 0.05) == 0.05


def test_teacher_takes_no_gradient_and_stays_in_eval_mode() -> None:
    student = seeded_network(SPEC, 0).train()
    teacher = SmoothedTeacher(student, 0.999).network
    assert not teacher.training and student.training
    assert not any(value.requires_grad for value in teacher.parameters())
    assert all(value.requires_grad for value in student.parameters())
    shared = {value.data_ptr() for value in student.parameters()}
    assert not shared & {value.data_ptr() for value in teacher.parameters()}
