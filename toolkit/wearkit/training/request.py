"""What `wearkit train` was asked for: data, split, network and settings, as state.json keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from wearkit.spec import SPLITS
from wearkit.training.config import TrainingConfig

EVERY_FOLD = "all"


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """data: paths, or posture-sim. data_format, units, label_map, twin, task: None where the data
    decides. rate_hz: of the windows. fold: from 0, or EVERY_FOLD. split_seed: who is in which
    fold; config.seed: everything random in the training. gravity_check: refuse data whose gravity
    at rest is not 1 g."""

    data: tuple[str, ...] = ("posture-sim",)
    data_format: str | None = None
    units: str | None = None
    label_map: str | None = None
    twin: str | None = None
    twin_copies: int = 1
    split_name: str = SPLITS[0]
    rate_hz: float = 50.0
    arch: str = "mtl-net"
    task: str | None = None
    fold: int | str = 0
    folds: int = 5
    split_seed: int = 0
    config: TrainingConfig = TrainingConfig()  # noqa: RUF009  frozen
    device: str = "auto"
    gravity_check: bool = True

    def to_json(self) -> dict[str, Any]:
        """Flat, by the names of the command's options; what has no option is not in it."""
        return {
            "data": list(self.data),
            "data_format": self.data_format,
            "units": self.units,
            "label_map": self.label_map,
            "twin": self.twin,
            "twin_copies": self.twin_copies,
            "split_name": self.split_name,
            "rate_hz": self.rate_hz,
            "arch": self.arch,
            "method": self.config.method,
            "task": self.task,
            "class_weights": self.config.class_weights,
            "fold": self.fold,
            "folds": self.folds,
            "split_seed": self.split_seed,
            "epochs": self.config.epochs,
            "batch": self.config.batch,
            "lr": self.config.learning_rate,
            "precision": self.config.precision,
            "seed": self.config.seed,
            "device": self.device,
            "gravity_check": self.gravity_check,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises KeyError for an option that is missing, DataError for one that cannot be."""
        config = TrainingConfig(
            method=value["method"],
            epochs=value["epochs"],
            batch=value["batch"],
            learning_rate=value["lr"],
            seed=value["seed"],
            class_weights=value["class_weights"],
            precision=value["precision"],
        )
        same = (
            *("data_format", "units", "label_map", "twin", "twin_copies", "split_name", "rate_hz"),
            *("arch", "task", "fold", "folds", "split_seed", "device"),
        )
        return cls(
            data=tuple(value["data"]),
            config=config,
            gravity_check=value.get("gravity_check", True),  # 0.2.0 did not ask
            **{name: value[name] for name in same},
        )
