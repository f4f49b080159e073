"""What a training was: to know it again when it is resumed, and to say so in its checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from wearkit import __version__
from wearkit.model.provenance import DataRecord, HowSplit, Kept, Provenance, Versions
from wearkit.spec import ModelSpec
from wearkit.training.config import TrainingConfig
from wearkit.training.state import BestSoFar
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


def identity_of(
    windows: WindowSet, split: Split, spec: ModelSpec, config: TrainingConfig, device: str
) -> dict[str, Any]:
    """What must be the same for a training to be the same training."""
    people = hashlib.sha256(split.train.tobytes() + b"|" + split.val.tobytes()).hexdigest()
    return {
        "settings": config.to_json() | {"device": device},
        "model": spec.to_json(),
        "split": {"kind": split.name, "fold": split.fold, "seed": split.seed},
        "people": people,
        "windows": windows.fingerprint,
    }


def provenance_of(
    windows: WindowSet,
    split: Split,
    config: TrainingConfig,
    best: BestSoFar,
    device: str,
    interrupted: bool,
) -> Provenance:
    """What a checkpoint says of itself: how, on what and with which versions it was made."""
    return Provenance(
        training=config,
        split=HowSplit(split.name, split.fold, split.folds, split.seed, split.leak_share),
        data=DataRecord(
            # Copies are of training people, so every fold has others: known is what was recorded.
            fingerprint=windows.origin.recorded or windows.fingerprint,
            windows=len(windows),
            subjects=len(windows.subjects),
            simulated=windows.simulated,
            notes=windows.notes,
            origin=replace(windows.origin, recorded=""),
        ),
        kept=Kept(best.role, best.epoch, best.scores),
        interrupted=interrupted,
        device=device.partition(":")[0],
        versions=Versions(__version__, torch.__version__, np.__version__),
    )
