"""metrics.json of a run: what was measured, written once and read as untrusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from wearkit.errors import DataError, ModelFileError, printable
from wearkit.files.limited import RUN_UNREADABLE, read_limited
from wearkit.files.strict_json import parse_json
from wearkit.model.provenance import Kept, number
from wearkit.model.training_config import TrainingConfig
from wearkit.spec import MAX_SUBJECT, is_text
from wearkit.training.epochs import EpochRecord, overfitting_epoch
from wearkit.training.task_score import TaskScore
from wearkit.windows.lineage import UNKNOWN, Lineage

METRICS_NAME = "metrics.json"
METRICS_VERSION = 1
PARTS = ("train", "val", "test")
_MAX_BYTES = 64 << 20  # the confusion matrix of 1,000 labels takes 15 MB


@dataclass(frozen=True, slots=True)
class ModelSize:
    arch: str
    parameters: int
    macs_per_window: int


@dataclass(frozen=True, slots=True)
class SplitPart:
    windows: int
    subjects: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"windows": self.windows, "subjects": list(self.subjects)}


@dataclass(frozen=True, slots=True)
class SplitMetrics:
    """leak_share: 0 to 1, of the test windows; copied_share: of them as copies under another name
    alone. shared_subjects: in the test part and another."""

    kind: str
    fold: int
    folds: int
    seed: int
    leak_share: float
    shared_subjects: tuple[str, ...]
    train: SplitPart
    val: SplitPart
    test: SplitPart
    copied_share: float = 0.0

    def part(self, name: str) -> SplitPart:
        """name: one of PARTS."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return parts[name]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "fold": self.fold,
            "folds": self.folds,
            "seed": self.seed,
            "leak_share": self.leak_share,
            "copied_share": self.copied_share,
            "shared_subjects": list(self.shared_subjects),
            **{name: self.part(name).to_json() for name in PARTS},
        }


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """How it was trained. device: as torch names it; windows_per_s: training windows a second."""

    config: TrainingConfig
    interrupted: bool
    device: str
    training_s: float
    windows_per_s: float

    def to_json(self) -> dict[str, Any]:
        return {
            **self.config.to_json(),
            "interrupted": self.interrupted,
            "device": self.device,
            "training_s": self.training_s,
            "windows_per_s": self.windows_per_s,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            config=TrainingConfig.from_json(value),
            interrupted=bool(value["interrupted"]),
            device=str(value["device"]),
            training_s=number(value["training_s"]),
            windows_per_s=number(value["windows_per_s"]),
        )


@dataclass(frozen=True, slots=True)
class DataMetrics:
    """rejected_windows, dropped_rows: reason -> how many were left out of all the recordings."""

    rejected_windows: Mapping[str, int] = field(default_factory=dict)
    dropped_rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: Lineage = UNKNOWN

    def to_json(self) -> dict[str, Any]:
        return {
            "rejected_windows": dict(self.rejected_windows),
            "dropped_rows": dict(self.dropped_rows),
            "notes": [printable(note) for note in self.notes],
            **self.origin.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            rejected_windows=dict(value.get("rejected_windows", {})),
            dropped_rows=dict(value.get("dropped_rows", {})),
            notes=tuple(str(note) for note in value.get("notes", ())),
            origin=Lineage.from_json(value),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """tasks: task -> score on the test windows. history: one record an epoch that ended. files:
    SHA-256 of every file these figures are of, by its name. None and empty: not recorded."""

    split: SplitMetrics
    simulated: bool = False
    model: ModelSize | None = None
    tasks: Mapping[str, TaskScore] = field(default_factory=dict)
    kept: Kept | None = None
    training: TrainingMetrics | None = None
    data: DataMetrics = field(default_factory=DataMetrics)
    history: tuple[EpochRecord, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "wearkit-metrics",
            "format_version": METRICS_VERSION,
            "simulated": self.simulated,
            "model": None if self.model is None else asdict(self.model),
            "tasks": {name: score.to_json() for name, score in self.tasks.items()},
            "split": self.split.to_json(),
            "kept": None if self.kept is None else self.kept.to_json(),
            "training": None if self.training is None else self.training.to_json(),
            "data": self.data.to_json(),
            "files": dict(self.files),
            "overfitting_epoch": overfitting_epoch(self.history),
            "history": [record.to_json() for record in self.history],
        }


def read_metrics(path: Path) -> Metrics:
    """The content. Raises ModelFileError when it is missing, damaged or of another version."""
    try:
        value = parse_json(read_limited(path, _MAX_BYTES, RUN_UNREADABLE))
    except ValueError as error:
        raise ModelFileError(f"{path} is truncated or not JSON; train again.") from error
    if not isinstance(value, dict) or value.get("format_version") != METRICS_VERSION:
        raise ModelFileError(f"{path} is of another version; train again with this one.")
    wrong = _wrong(value)
    if wrong:
        raise ModelFileError(f"{path} is damaged: see {wrong}; train again.")
    try:
        return _metrics(value)
    except (AttributeError, DataError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: {error!r}; train again.") from error


def _metrics(value: Mapping[str, Any]) -> Metrics:
    model, kept, training = (value.get(name) for name in ("model", "kept", "training"))
    return Metrics(
        split=_split(value["split"]),
        simulated=bool(value.get("simulated")),
        model=None if model is None else _model(model),
        tasks={
            str(name): TaskScore.from_json(score) for name, score in value.get("tasks", {}).items()
        },
        kept=None if kept is None else Kept.from_json(kept),
        training=None if training is None else TrainingMetrics.from_json(training),
        data=DataMetrics.from_json(value.get("data", {})),
        history=tuple(EpochRecord.from_json(record) for record in value.get("history", ())),
        files=_digests(value.get("files", {})),
    )


def _digests(value: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(digest, str) for digest in value.values()):
        raise ValueError("a digest is no text")
    return dict(value)


def _model(value: Mapping[str, Any]) -> ModelSize:
    return ModelSize(str(value["arch"]), int(value["parameters"]), int(value["macs_per_window"]))


def _split(value: Mapping[str, Any]) -> SplitMetrics:
    """value: as `_wrong` lets it pass."""
    parts = (SplitPart(value[part]["windows"], tuple(value[part]["subjects"])) for part in PARTS)
    train, val, test = parts
    return SplitMetrics(
        kind=value["kind"],
        fold=value["fold"],
        folds=value["folds"],
        seed=value["seed"],
        leak_share=value["leak_share"],
        shared_subjects=tuple(value.get("shared_subjects", ())),
        train=train,
        val=val,
        test=test,
        copied_share=value.get("copied_share", 0.0),  # 0.2.0 did not look for copies
    )


def _wrong(value: dict[str, Any]) -> str:
    """The first part that is not what `Metrics.to_json` gives; empty when all are."""
    split = value.get("split")
    if not isinstance(split, dict):
        return "split"
    for name in ("fold", "folds", "seed"):
        if type(split.get(name)) is not int:
            return f"split.{name}"
    for name in ("leak_share", "copied_share"):
        share = split.get(name, 0.0 if name == "copied_share" else None)
        if not isinstance(share, (int, float)) or not 0 <= share <= 1:
            return f"split.{name}"
    if not isinstance(split.get("kind"), str) or not _are_names(split.get("shared_subjects", [])):
        return "split.kind"
    for name in PARTS:
        part = split.get(name)
        if not isinstance(part, dict) or not _are_names(part.get("subjects")):
            return f"split.{name}"
        if type(part.get("windows")) is not int:
            return f"split.{name}.windows"
    odd = next((text for text in _texts(value) if not text.isprintable()), None)
    if odd is not None:
        return f"the text {odd[:64]!r}"
    data = value.get("data", {})
    tallies = isinstance(data, dict) and all(
        _is_tally(data.get(name, {})) for name in ("rejected_windows", "dropped_rows")
    )
    return "" if tallies else "data"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys too: each may end up on a terminal or a page."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list) and not (value and isinstance(value[0], (int, float))):
        for item in value:
            yield from _texts(item)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(name, str) and is_text(name, MAX_SUBJECT) for name in value
    )


def _is_tally(value: Any) -> bool:
    return isinstance(value, dict) and all(type(count) is int for count in value.values())
