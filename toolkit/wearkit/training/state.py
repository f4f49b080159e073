"""A training in progress on disk, so that a killed one goes on as if nothing had happened.

state.json                 what the state belongs to, the epochs so far, the SHA-256 of the tensors
state.<digest>.safetensors student, teacher, Adam's moments and steps, generators, best weights

The tensors are written under a name of their own before state.json starts to speak of them, and
the old ones go after it: at every moment state.json and the tensors it names are a pair. Both are
read as untrusted input, and neither is there once a run is complete.
"""

from __future__ import annotations

import hashlib
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from wearkit.errors import DataError, ModelFileError
from wearkit.files.limited import RUN_UNREADABLE, read_limited
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.files.strict_json import parse_json
from wearkit.training.epochs import EpochRecord, EpochScores, Role

FORMAT = "wearkit-training-state"
FORMAT_VERSION = 1
JSON_NAME = "state.json"
_OWN_NAME = re.compile(
    r"state\.[0-9a-f]{16}\.safetensors"
    r"|\.(state\.json|state\.[0-9a-f]{16}\.safetensors)\..*\.part"
)
_MAX_JSON_BYTES = 16 << 20
_MAX_WINDOWS_SEEN = 1 << 53  # the last whole number that a float counts to
_MAX_TENSORS_BYTES = 384 << 20  # six times the weights of the largest checkpoint


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """Which network is kept until a better one comes. epoch 0, scores None: none has ended."""

    weights: Mapping[str, NDArray[np.float32]]
    role: Role
    epoch: int
    scores: EpochScores | None


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """Everything the rest of a training depends on, after `len(history)` epochs.

    tensors: name -> array, as the loop that wrote them names them. teacher_steps: updates of the
    smoothed teacher. training_s, windows_seen: what the epochs so far took. Raises ValueError
    for figures that no training gives.
    """

    tensors: Mapping[str, NDArray[Any]]
    history: tuple[EpochRecord, ...]
    best: BestSoFar | None
    teacher_steps: int
    windows_seen: int
    training_s: float

    def __post_init__(self) -> None:
        if not (0 < self.training_s < math.inf):
            raise ValueError(f"training_s is {self.training_s}")
        if not (0 <= self.teacher_steps <= self.windows_seen <= _MAX_WINDOWS_SEEN):
            raise ValueError(f"windows_seen is {self.windows_seen}")
        if bool(self.windows_seen) != bool(self.history):
            raise ValueError(f"{self.windows_seen} windows in {len(self.history)} epochs")
        if (self.best is None) != (not self.history):
            raise ValueError("the best epoch is not one of its epochs")
        if self.best is not None and not 1 <= self.best.epoch <= len(self.history):
            raise ValueError("the best epoch is not one of its epochs")


@dataclass(frozen=True, slots=True, eq=False)
class StateFolder:
    """Where a training keeps its state, and what that state belongs to.

    request: plain JSON: the options that started the run, for whoever resumes it.
    """

    path: Path
    request: Mapping[str, Any]

    def save(self, state: TrainingState, identity: Mapping[str, Any]) -> None:
        """Replace the state on disk in one step. Raises StorageError when the disk refuses."""
        best = state.best
        kept = {} if best is None else {f"best.{k}": v for k, v in best.weights.items()}
        data = save_tensors({**state.tensors, **kept})
        digest = hashlib.sha256(data).hexdigest()
        write_bytes(self.path / _tensors_name(digest), data)
        write_json(
            self.path / JSON_NAME,
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "tensors_sha256": digest,
                "request": dict(self.request),
                "identity": dict(identity),
                "history": [record.to_json() for record in state.history],
                "best": None if best is None else _best_json(best),
                "teacher_steps": state.teacher_steps,
                "windows_seen": state.windows_seen,
                "training_s": state.training_s,
            },
        )
        _remove(self.path, but=_tensors_name(digest))

    def load(self, identity: Mapping[str, Any]) -> TrainingState:
        """The state last saved here.

        Raises ModelFileError when there is none or it is damaged, DataError when it belongs to
        other data or settings than `identity`.
        """
        value = _read_json(self.path)
        try:
            _check_identity(self.path, dict(value["identity"]), identity)
            tensors = _read_tensors(self.path, str(value["tensors_sha256"]))
            best = value["best"]
            weights = {
                name.removeprefix("best."): tensors.pop(name)
                for name in list(tensors)
                if name.startswith("best.")
            }
            return TrainingState(
                tensors=tensors,
                history=tuple(EpochRecord.from_json(item) for item in value["history"]),
                best=None if best is None else _best_from_json(best, weights),
                teacher_steps=operator.index(value["teacher_steps"]),
                windows_seen=operator.index(value["windows_seen"]),
                training_s=float(value["training_s"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise _damaged(self.path / JSON_NAME, repr(error)) from error


def read_request(path: Path) -> dict[str, Any]:
    """The options that started the unfinished run in `path`. Raises ModelFileError as `load`."""
    try:
        return dict(_read_json(path)["request"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path / JSON_NAME, repr(error)) from error


def discard_state(path: Path) -> None:
    """Remove the state of a run, if any: it is complete, or begins anew."""
    (path / JSON_NAME).unlink(missing_ok=True)
    _remove(path, but=None)


def _remove(path: Path, but: str | None) -> None:
    """Tensors that state.json does not name, and what a kill left half written; nothing that a
    training does not call so."""
    for file in path.iterdir() if path.is_dir() else ():
        if file.name != but and _OWN_NAME.fullmatch(file.name):
            file.unlink(missing_ok=True)


def _tensors_name(digest: str) -> str:
    return f"state.{digest[:16]}.safetensors"


def _damaged(path: Path, why: str) -> ModelFileError:
    return ModelFileError(f"{path} is damaged ({why}) and cannot be resumed: train again.")


def _read_json(path: Path) -> dict[str, Any]:
    file = path / JSON_NAME
    if not file.is_file():
        raise ModelFileError(
            f"There is nothing to resume in {path}: it is complete or was never begun; name the "
            "folder of an unfinished run."
        )
    try:
        value = parse_json(read_limited(file, _MAX_JSON_BYTES, RUN_UNREADABLE))
    except ValueError as error:
        raise _damaged(file, "not JSON") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise _damaged(file, "not a training state")
    if value.get("format_version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{file} is of another version: resume it with the wearkit that wrote it, or train "
            "again."
        )
    return value


def _read_tensors(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    # The name is made of the digest's letters, so the digest must not be a path.
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError("no SHA-256")
    file = path / _tensors_name(digest)
    data = read_limited(file, _MAX_TENSORS_BYTES, RUN_UNREADABLE)
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(file, "its SHA-256 differs")
    try:
        return dict(load_tensors(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(file, str(error)) from error


def _check_identity(path: Path, saved: dict[str, Any], requested: Mapping[str, Any]) -> None:
    for part in requested:
        if saved.get(part) == requested[part]:
            continue
        detail = f"it has other {part}"
        if isinstance(requested[part], Mapping) and isinstance(saved.get(part), Mapping):
            keys = [key for key in requested[part] if saved[part].get(key) != requested[part][key]]
            if keys:
                was, now = saved[part].get(keys[0]), requested[part][keys[0]]
                detail = f"{keys[0]} was {was}, not {now}"
        raise DataError(
            f"The training in {path} is not the one asked for ({detail}): resume it with the "
            "options and data it began with, or train anew."
        )


def _best_json(best: BestSoFar) -> dict[str, Any]:
    scores = None if best.scores is None else best.scores.to_json()
    return {"role": best.role, "epoch": best.epoch, "scores": scores}


def _best_from_json(
    value: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]]
) -> BestSoFar:
    if value["role"] not in ("student", "teacher"):
        raise ValueError("no such network")
    scores = None if value["scores"] is None else EpochScores.from_json(value["scores"])
    return BestSoFar(weights, value["role"], int(value["epoch"]), scores)
