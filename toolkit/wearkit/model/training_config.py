"""What training is told besides data and architecture, and what a checkpoint remembers of it.

No torch here: the command line reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

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
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` gives; what an older wearkit did not write is as it was by default.

        Raises TypeError, ValueError or DataError for values that are no setting.
        """
        settings: dict[str, Any] = {}
        for field in fields(cls):
            setting = value.get(field.name, field.default)
            kind = type(field.default)
            if type(setting) is not kind and not (kind is float and type(setting) is int):
                raise ValueError(f"{field.name} is {setting!r}")
            settings[field.name] = setting
        return cls(**settings)
