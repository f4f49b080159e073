"""What was asked for is what state.json keeps, and comes back from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wearkit.errors import DataError
from wearkit.training.config import TrainingConfig
from wearkit.training.request import TrainingRequest

# As state.json had it before there was a TrainingRequest: a training killed then is resumed now.
OLDER: dict[str, Any] = {
    **{"data": ["a", "b"], "data_format": None, "units": "mg", "label_map": "m.toml"},
    **{"twin": "gain=5%", "twin_copies": 2, "split_name": "loso", "rate_hz": 25.0},
    **{"arch": "mtl-net-micro", "method": "multitask", "task": "posture"},
    **{"class_weights": "balanced", "fold": 3, "folds": 7, "split_seed": 4, "epochs": 9},
    **{"batch": 16, "lr": 0.01, "precision": "bfloat16", "seed": 6, "device": "cpu"},
}


def test_a_request_comes_back_as_it_was() -> None:
    request = TrainingRequest.from_json(OLDER)
    assert request.config == TrainingConfig(
        method="multitask", epochs=9, batch=16, learning_rate=0.01, seed=6,
        class_weights="balanced", precision="bfloat16",
    )  # fmt: skip
    assert json.loads(json.dumps(request.to_json())) == OLDER | {"gravity_check": True}
    assert TrainingRequest.from_json(TrainingRequest().to_json()) == TrainingRequest()


def test_what_is_missing_or_cannot_be_is_refused() -> None:
    with pytest.raises(KeyError):
        TrainingRequest.from_json({key: OLDER[key] for key in OLDER if key != "twin"})
    with pytest.raises(DataError, match="Unknown method"):
        TrainingRequest.from_json({**OLDER, "method": "magic"})
