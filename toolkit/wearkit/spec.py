"""What a model is told about its world: pure data, hashed, saved with every artifact."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Self

from wearkit.errors import DataError, ModelFileError

PLACEMENT_TASK = "placement"
MAX_TEXT = 64  # characters of a label, a placement or a subject
MAX_SUBJECT = 2 * MAX_TEXT + 1  # with the name of a data set before it (recordings.combined)
MAX_TASK = 32
_TASK_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_TASK - 1}}}")
SPLITS = ("subject", "loso", "dataset", "official", "paper")  # wearkit.windows.evaluation_protocol


def canonical_json(value: Any) -> bytes:
    """One byte string per value: sorted keys, no blanks, ASCII. The input of every digest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def is_text(text: str, most: int = MAX_TEXT) -> bool:
    """Whether a label, a placement or a subject can be shown anywhere: one line of 1 to `most`
    printable characters, not all blanks, no sign of bytes that could not be decoded."""
    return (
        0 < len(text) <= most and text.isprintable() and bool(text.strip()) and "\ufffd" not in text
    )


def is_task_name(text: str) -> bool:
    """Whether a task has a name that C, a file and a column can carry: ASCII letters, digits and
    _, up to MAX_TASK, not beginning with a digit."""
    return _TASK_NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """The contract between training, export, firmware and live.

    rate_hz: samples a second; length, hop: samples; full_scale_g: the sensor's range (the only
    one supported is +-2 g, where one count of an ADXL345 is 1/256 g).
    """

    rate_hz: float = 50.0
    length: int = 100
    hop: int = 60
    axes: tuple[str, ...] = ("x", "y", "z")
    full_scale_g: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise DataError(f"The window rate must be positive, not {self.rate_hz} Hz.")
        if not 1 <= self.hop <= self.length:
            raise DataError(f"The hop ({self.hop}) must be 1 to the window length ({self.length}).")
        if self.axes != ("x", "y", "z"):
            raise DataError(f"The axes must be x, y, z in sensor order, not {self.axes}.")
        if self.full_scale_g != 2.0:
            raise DataError(f"Only a +-2 g full scale is supported, not {self.full_scale_g} g.")

    @property
    def step_s(self) -> float:
        return 1.0 / self.rate_hz

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical_json(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {
            "rate_hz": self.rate_hz,
            "length": self.length,
            "hop": self.hop,
            "axes": list(self.axes),
            "full_scale_g": self.full_scale_g,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        try:
            return cls(
                rate_hz=float(value["rate_hz"]),
                length=int(value["length"]),
                hop=int(value["hop"]),
                axes=tuple(str(axis) for axis in value["axes"]),
                full_scale_g=float(value["full_scale_g"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"The window specification is damaged: {error!r}.") from error


DEFAULT_SPEC = WindowSpec()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One head: a name and its labels. The order of the labels is the order of the logits.

    Raises DataError for a name that C cannot carry (is_task_name), for a label that is not one
    printable line (is_text), for fewer than two labels and for one twice.
    """

    name: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not is_task_name(self.name):
            raise DataError(
                f"A task is named by 1 to {MAX_TASK} ASCII letters, digits and _, not "
                f"{self.name[: 2 * MAX_TASK]!r}."
            )
        for label in self.labels:
            if not is_text(label):
                raise DataError(
                    f"Task {self.name!r} has the label {label[: 2 * MAX_TEXT]!r}: a label is one "
                    f"line of 1 to {MAX_TEXT} printable characters."
                )
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise DataError(f"Task {self.name!r} needs two or more different labels.")

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        try:
            return cls(str(value["name"]), tuple(str(label) for label in value["labels"]))
        except (KeyError, TypeError, DataError) as error:
            raise ModelFileError(f"A task specification is damaged: {error}.") from error


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """An architecture by name, the windows it sees and the tasks it answers."""

    arch: str
    window: WindowSpec
    tasks: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        _check_tasks(self.tasks)

    def to_json(self) -> dict[str, Any]:
        return {
            "arch": self.arch,
            "window": self.window.to_json(),
            "tasks": [task.to_json() for task in self.tasks],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        try:
            return cls(
                arch=str(value["arch"]),
                window=WindowSpec.from_json(value["window"]),
                tasks=tuple(TaskSpec.from_json(task) for task in value["tasks"]),
            )
        except (KeyError, TypeError, DataError) as error:
            raise ModelFileError(f"The model specification is damaged: {error}.") from error


@dataclass(frozen=True, slots=True)
class ImportedSpec:
    """A model made elsewhere. Its file says what integers go in, not how they were sampled, so
    there is no architecture and no window: only the tasks and their labels."""

    tasks: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        _check_tasks(self.tasks)

    def to_json(self) -> dict[str, Any]:
        return {"imported": True, "tasks": [task.to_json() for task in self.tasks]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        try:
            return cls(tuple(TaskSpec.from_json(task) for task in value["tasks"]))
        except (KeyError, TypeError, DataError) as error:
            raise ModelFileError(f"The model specification is damaged: {error}.") from error


def spec_from_json(value: dict[str, Any]) -> ModelSpec | ImportedSpec:
    """What `to_json` of either wrote. Raises ModelFileError when it is damaged."""
    kind = ImportedSpec if isinstance(value, dict) and value.get("imported") is True else ModelSpec
    return kind.from_json(value)


def trained(model: ModelSpec | ImportedSpec) -> ModelSpec:
    """The specification of a network of our own.

    Raises ModelFileError for an imported model, which does not say what its windows are.
    """
    if isinstance(model, ImportedSpec):
        raise ModelFileError(
            "This model was imported and does not say at which rate its windows were sampled: "
            "run its C code or model.int8.tflite, or train a model with wearkit."
        )
    return model


def _check_tasks(tasks: tuple[TaskSpec, ...]) -> None:
    if not tasks:
        raise DataError("A model needs at least one task with two or more labels.")
    if len({task.name for task in tasks}) != len(tasks):
        raise DataError("Two tasks have the same name.")


def derive_seed(seed: int, fold: int, purpose: str) -> int:
    """A 63-bit seed for one use in one fold: no run's randomness depends on another's."""
    digest = hashlib.sha256(canonical_json([seed, fold, purpose])).digest()
    return int.from_bytes(digest[:8], "big") >> 1
