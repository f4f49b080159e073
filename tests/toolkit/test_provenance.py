"""What a checkpoint says of itself comes back typed; a part that nobody wrote so is not there."""

from __future__ import annotations

from typing import Any

import pytest

from wearkit.model.provenance import Provenance
from wearkit.recordings.sensor_twin import parse_twin

SCORES = {"loss": {"posture": 0.5}, "accuracy": {"posture": 0.75}}
WHOLE: dict[str, Any] = {
    "training": {
        **{"method": "multitask", "epochs": 3, "batch": 16, "learning_rate": 0.001, "seed": 0},
        **{"alpha": 0.5, "distillation_weight": 0.5, "temperature": 3.0, "ema_decay": 0.999},
        **{"class_weights": "none", "precision": "float32"},
    },
    "split": {"kind": "subject", "fold": 1, "folds": 5, "seed": 0, "leak_share": 0.0},
    "data": {
        **{"fingerprint": "ab", "windows": 10, "subjects": 2, "simulated": False, "notes": ["n"]},
        **{"sets": ["hapt", "mine"], "tested_set": "mine"},
        "label_map": {"name": "m.toml", "task": "activity", "sets": {"hapt": {"a": "b"}}},
        "twin": {"text": "gain=5%", **parse_twin("gain=5%").to_json()},
        "twin_copies": 2,
    },
    "kept": {"network": "teacher", "epoch": 2, "validation": SCORES},
    "interrupted": False,
    "device": "cpu",
    "versions": {"wearkit": "0.1.0", "torch": "2.13.0", "numpy": "2.0.0"},
}


def test_what_was_written_is_read_and_written_again() -> None:
    provenance = Provenance.from_json(WHOLE)
    assert provenance.to_json() == WHOLE
    assert list(provenance.to_json()) == list(WHOLE)
    assert provenance.data is not None and provenance.data.origin.twin == parse_twin("gain=5%")
    assert Provenance.from_json({}).to_json() == {}


@pytest.mark.parametrize("part", ["training", "split", "data", "kept", "versions"])
def test_a_damaged_part_is_no_part(part: str) -> None:
    damages: dict[str, dict[str, Any]] = {
        "training": {"epochs": "three"},
        "split": {"seed": "x"},
        "data": {"simulated": "maybe"},
        "kept": {"network": "both"},
        "versions": {},
    }
    damaged = Provenance.from_json({**WHOLE, part: damages[part]})
    assert damaged.to_json() == {name: value for name, value in WHOLE.items() if name != part}
    with pytest.raises(ValueError, match=part):
        Provenance.from_json({**WHOLE, part: [1]})
