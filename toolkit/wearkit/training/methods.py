"""Training methods as small loss objects; the loop in `train` is the same for all.

Formulas are those of Smooth-Distill (arXiv 2507.00061); eq. numbers are the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from wearkit.errors import DataError
from wearkit.model.network import Network
from wearkit.training.config import TrainingConfig, task_weights
from wearkit.training.teacher import SmoothedTeacher
from wearkit.windows.window_set import WindowSet

ClassWeights = Mapping[str, Tensor]
"""Task -> (labels,) float32 on the student's device; empty: all labels count alike."""


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """total is what is minimised; cross_entropy and logits, by task, feed the curves."""

    total: Tensor
    cross_entropy: Mapping[str, Tensor]
    logits: Mapping[str, Tensor]


class Method(Protocol):
    """What distinguishes one way of training from another.

    teacher: a second network that is validated beside the student and may be kept, or None.
    teacher_steps: how often it was updated; set when a training is resumed. 0 without a teacher.
    """

    teacher_steps: int

    @property
    def teacher(self) -> Network | None:
        """The second network, or None for a method without one."""

    def loss(self, inputs: Tensor, targets: Mapping[str, Tensor]) -> BatchLoss:
        """inputs (N, length, 3) in g; targets: task -> (N,) int64. Gradients reach the student."""

    def after_step(self) -> None:
        """Called after each optimiser step."""


class Multitask:
    """Eq. 1: the weighted sum of the tasks' cross-entropies."""

    def __init__(
        self, student: Network, config: TrainingConfig, class_weights: ClassWeights
    ) -> None:
        self._student = student
        self._class_weights = class_weights
        self._weights = task_weights(len(student.spec.tasks), config.alpha)
        self._precision = config.precision
        self.teacher_steps = 0

    @property
    def teacher(self) -> Network | None:
        return None

    def loss(self, inputs: Tensor, targets: Mapping[str, Tensor]) -> BatchLoss:
        logits = _logits(self._student, inputs, self._precision)
        entropy, balanced = cross_entropies(logits, targets, self._class_weights)
        return BatchLoss(_weighted(self._weights, balanced), entropy, logits)

    def after_step(self) -> None:
        """Nothing follows the student."""
        pass


class Singletask(Multitask):
    """The cross-entropy of one task, in a network that has no other."""

    def __init__(
        self, student: Network, config: TrainingConfig, class_weights: ClassWeights
    ) -> None:
        tasks = ", ".join(task.name for task in student.spec.tasks)
        if len(student.spec.tasks) != 1:
            raise DataError(f"singletask trains one task a run: choose one of {tasks} with --task.")
        super().__init__(student, config, class_weights)


class SmoothDistill:
    """Eq. 5: each task's cross-entropy plus lambda times its distance to the smoothed teacher."""

    def __init__(
        self, student: Network, config: TrainingConfig, class_weights: ClassWeights
    ) -> None:
        self._student = student
        self._class_weights = class_weights
        self._smoothed = SmoothedTeacher(student, config.ema_decay)
        self._weights = task_weights(len(student.spec.tasks), config.alpha)
        self._precision = config.precision
        self._lambda = config.distillation_weight
        self._temperature = config.temperature

    @property
    def teacher(self) -> Network:
        """The student smoothed over its steps."""
        return self._smoothed.network

    @property
    def teacher_steps(self) -> int:
        return self._smoothed.steps

    @teacher_steps.setter
    def teacher_steps(self, steps: int) -> None:
        self._smoothed.steps = steps

    def loss(self, inputs: Tensor, targets: Mapping[str, Tensor]) -> BatchLoss:
        logits = _logits(self._student, inputs, self._precision)
        guide = _logits(self.teacher.folded, inputs, self._precision)
        entropy, balanced = cross_entropies(logits, targets, self._class_weights)
        terms = {
            task: balanced[task]
            + self._lambda * distillation(logits[task], guide[task], self._temperature)
            for task in logits
        }
        return BatchLoss(_weighted(self._weights, terms), entropy, logits)

    def after_step(self) -> None:
        """The teacher follows the student."""
        self._smoothed.update()


def _logits(
    forward: Callable[[Tensor], Mapping[str, Tensor]], inputs: Tensor, precision: str
) -> dict[str, Tensor]:
    """The loss is taken in float32 whatever the layers computed in."""
    if precision == "float32":
        return dict(forward(inputs))
    with torch.autocast(inputs.device.type, torch.bfloat16):
        logits = forward(inputs)
    return {task: values.float() for task, values in logits.items()}


def cross_entropies(
    logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], class_weights: ClassWeights
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Task -> mean over the windows of the cross-entropy, plain and with each window weighted.

    Divided by the number of windows, not by the sum of their weights as torch's own `weight`
    does: so that a batch of nothing but rare labels counts for more than one of frequent ones.
    """
    if not class_weights:
        plain = {task: functional.cross_entropy(logits[task], targets[task]) for task in logits}
        return plain, plain
    each = {
        task: functional.cross_entropy(logits[task], targets[task], reduction="none")
        for task in logits
    }
    plain = {task: values.mean() for task, values in each.items()}
    return plain, {
        task: (values * class_weights[task][targets[task]]).mean() for task, values in each.items()
    }


def balanced_weights(windows: WindowSet) -> dict[str, NDArray[np.float32]]:
    """Task -> (labels,) weights N / (K n_label): inverse frequency, of mean 1 over the windows.

    N: windows, K: labels that occur, n_label: windows of the label. A label that does not occur
    has the weight 1, which nothing uses.
    """
    weights_of = {}
    for task in windows.tasks:
        count = np.bincount(windows.targets[task.name], minlength=len(task.labels))
        present = np.count_nonzero(count)
        weights = np.where(count > 0, len(windows) / (present * np.maximum(count, 1)), 1.0)
        weights_of[task.name] = weights.astype(np.float32)
    return weights_of


def distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Eq. 2: T^2 * mean over windows of KL(softmax(teacher / T) || softmax(student / T)).

    student, teacher: (N, labels) logits. T^2 keeps the gradient's size independent of T.
    """
    divergence = functional.kl_div(
        functional.log_softmax(student / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2


def _weighted(weights: tuple[float, ...], terms: Mapping[str, Tensor]) -> Tensor:
    pairs = zip(weights, terms.values(), strict=True)
    return torch.stack([weight * term for weight, term in pairs]).sum()


METHODS: dict[str, Callable[[Network, TrainingConfig, ClassWeights], Method]] = {
    "smooth-distill": SmoothDistill,
    "multitask": Multitask,
    "singletask": Singletask,
}
