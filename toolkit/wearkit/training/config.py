"""What training is told besides data and architecture. No torch here: the command line reads it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from wearkit.errors import DataError

METHOD_NAMES = ("smooth-distill", "multitask", "singletask")
CLASS_WEIGHTS = ("none", "balanced")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Defaults are Smooth-Distill's (arXiv 2507.00061), but for the number of epochs.

    alpha: weight of the first task, 1 - alpha that of the others (eq. 1). distillation_weight:
    the paper's lambda (eq. 5). temperature: T of eq. 2. ema_decay: the teacher's memory (eq. 4).
    class_weights: "balanced" weighs each window's cross-entropy (not the distillation) by the
    inverse frequency of its label among the training windows. precision: what the layers compute
    in while training; weights, losses, validation and whatever is kept are float32 always.
    """

    method: str = "smooth-distill"
    epochs: int = 12
    batch: int = 64
    learning_rate: float = 1e-3
    seed: int = 0
    alpha: float = 0.5
    distillation_weight: float = 0.5
    temperature: float = 3.0
    ema_decay: float = 0.999
    class_weights: str = "none"
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            known = ", ".join(METHOD_NAMES)
            raise DataError(f"Unknown method {self.method!r}: choose one of {known}.")
        if self.class_weights not in CLASS_WEIGHTS:
            known = ", ".join(CLASS_WEIGHTS)
            raise DataError(f"Unknown class weights {self.class_weights!r}: choose one of {known}.")
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise DataError(f"Unknown precision {self.precision!r}: choose one of {known}.")
        for name, count in (("epochs", self.epochs), ("batch", self.batch)):
            if count < 1:
                raise DataError(f"{name} must be 1 or more, not {count}.")
        for name, value in (
            ("The learning rate", self.learning_rate),
            ("The temperature", self.temperature),
        ):
            if not (math.isfinite(value) and value > 0):
                raise DataError(f"{name} must be a positive number, not {value}.")
        for name, value in (("alpha", self.alpha), ("ema_decay", self.ema_decay)):
            if not 0 <= value <= 1:
                raise DataError(f"{name} must lie between 0 and 1, not {value}.")
        if not (math.isfinite(self.distillation_weight) and self.distillation_weight >= 0):
            raise DataError("distillation_weight must be 0 or more.")

    def to_json(self) -> dict[str, Any]:
        """Every setting by its name."""
        return asdict(self)


def task_weights(tasks: int, alpha: float) -> tuple[float, ...]:
    """(1,) for one task, else alpha for the first and 1 - alpha shared evenly by the others."""
    if tasks == 1:
        return (1.0,)
    return (alpha, *[(1.0 - alpha) / (tasks - 1)] * (tasks - 1))
