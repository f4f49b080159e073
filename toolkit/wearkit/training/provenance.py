"""What a training was: to know it again when it is resumed, and to say so in its checkpoint."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from wearkit import __version__
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
) -> dict[str, Any]:
    """What a checkpoint says of itself: how, on what and with which versions it was made."""
    return {
        "training": config.to_json(),
        "split": {
            "kind": split.name,
            "fold": split.fold,
            "folds": split.folds,
            "seed": split.seed,
            "leak_share": split.leak_share,
        },
        "data": {
            # Copies are of training people, so every fold has others: known is what was recorded.
            "fingerprint": windows.origin.recorded or windows.fingerprint,
            "windows": len(windows),
            "subjects": len(windows.subjects),
            "simulated": windows.simulated,
            "notes": list(windows.notes),
            **windows.origin.to_json(),
        },
        "kept": {
            "network": best.role,
            "epoch": best.epoch,
            "validation": None if best.scores is None else best.scores.to_json(),
        },
        "interrupted": interrupted,
        "device": device.partition(":")[0],
        "versions": {"wearkit": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }
