"""How the network of a checkpoint came to be: settings, people, data, versions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeVar

from wearkit.errors import DataError
from wearkit.model.training_config import TrainingConfig
from wearkit.windows.lineage import UNKNOWN, Lineage

Role = Literal["student", "teacher"]
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class EpochScores:
    """Mean cross-entropy and accuracy (0 to 1) over a set of windows, by task."""

    loss: Mapping[str, float]
    accuracy: Mapping[str, float]

    @property
    def mean_accuracy(self) -> float:
        return sum(self.accuracy.values()) / len(self.accuracy)

    @property
    def mean_loss(self) -> float:
        return sum(self.loss.values()) / len(self.loss)

    def beats(self, other: EpochScores) -> bool:
        """Higher mean accuracy; between equals, lower mean loss."""
        mine = (self.mean_accuracy, -self.mean_loss)
        return mine > (other.mean_accuracy, -other.mean_loss)

    def to_json(self) -> dict[str, Any]:
        return {"loss": dict(self.loss), "accuracy": dict(self.accuracy)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `to_json` does not give."""
        loss, accuracy = (
            {str(task): number(figure) for task, figure in dict(value[name]).items()}
            for name in ("loss", "accuracy")
        )
        if not loss or set(loss) != set(accuracy):
            raise ValueError("scores of different tasks")
        return cls(loss, accuracy)


@dataclass(frozen=True, slots=True)
class HowSplit:
    """The split a network was trained under. leak_share: 0 to 1, of the test windows; None where
    it was not recorded."""

    kind: str
    fold: int
    folds: int
    seed: int
    leak_share: float | None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        leak_share = value.get("leak_share")
        return cls(
            kind=str(value["kind"]),
            fold=int(value["fold"]),
            folds=int(value["folds"]),
            seed=int(value["seed"]),
            leak_share=None if leak_share is None else number(leak_share),
        )


@dataclass(frozen=True, slots=True)
class DataRecord:
    """All windows of the data, the test windows among them. fingerprint: of what was recorded,
    copies by a sensor twin left out. simulated: None where nobody wrote it down."""

    fingerprint: str = ""
    windows: int = 0
    subjects: int = 0
    simulated: bool | None = None
    notes: tuple[str, ...] = ()
    origin: Lineage = UNKNOWN

    def to_json(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "windows": self.windows,
            "subjects": self.subjects,
            "simulated": self.simulated,
            "notes": list(self.notes),
            **self.origin.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        simulated = value.get("simulated")
        if simulated not in (True, False, None):
            raise ValueError("simulated is neither yes nor no")
        return cls(
            fingerprint=str(value.get("fingerprint", "")),
            windows=int(value.get("windows", 0)),
            subjects=int(value.get("subjects", 0)),
            simulated=simulated,
            notes=tuple(str(note) for note in value.get("notes", ())),
            origin=Lineage.from_json(value),
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Which network, after which epoch (0: none had ended), and its validation scores."""

    network: Role
    epoch: int
    validation: EpochScores | None

    def __str__(self) -> str:
        return f"{self.network}, epoch {self.epoch}"

    def to_json(self) -> dict[str, Any]:
        validation = None if self.validation is None else self.validation.to_json()
        return {"network": self.network, "epoch": self.epoch, "validation": validation}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        if value["network"] not in ("student", "teacher"):
            raise ValueError("no such network")
        validation = value["validation"]
        scores = None if validation is None else EpochScores.from_json(validation)
        return cls(value["network"], int(value["epoch"]), scores)


@dataclass(frozen=True, slots=True)
class Versions:
    wearkit: str
    torch: str
    numpy: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(str(value["wearkit"]), str(value["torch"]), str(value["numpy"]))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a checkpoint says of itself. None: not recorded, or not as wearkit records it, which
    is worth no more. device: "cpu", "cuda" or "mps"; empty where it is not recorded."""

    training: TrainingConfig | None = None
    split: HowSplit | None = None
    data: DataRecord | None = None
    kept: Kept | None = None
    interrupted: bool = False
    device: str = ""
    versions: Versions | None = None

    def to_json(self) -> dict[str, Any]:
        """The parts that are recorded, as checkpoint.json holds them."""
        parts: dict[str, Any] = {
            "training": None if self.training is None else self.training.to_json(),
            "split": None if self.split is None else asdict(self.split),
            "data": None if self.data is None else self.data.to_json(),
            "kept": None if self.kept is None else self.kept.to_json(),
            "interrupted": self.interrupted if self.device else None,
            "device": self.device or None,
            "versions": None if self.versions is None else asdict(self.versions),
        }
        return {name: part for name, part in parts.items() if part is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises ValueError when a part is of another kind than the one written."""
        return cls(
            training=_part(value, "training", TrainingConfig.from_json),
            split=_part(value, "split", HowSplit.from_json),
            data=_part(value, "data", DataRecord.from_json),
            kept=_part(value, "kept", Kept.from_json),
            interrupted=value.get("interrupted") is True,
            device=str(value.get("device", "")),
            versions=_part(value, "versions", Versions.from_json),
        )


UNRECORDED = Provenance()


def _part(
    value: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], _Part]
) -> _Part | None:
    part = value.get(name)
    if part is None:
        return None
    if not isinstance(part, Mapping):
        raise ValueError(f"provenance, {name}")
    try:
        return read(part)
    except (AttributeError, DataError, KeyError, OverflowError, TypeError, ValueError):
        return None


def number(value: Any) -> float:
    """A float of a JSON number; float() itself also takes "nan" and "inf"."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a score is no number")
    return float(value)
