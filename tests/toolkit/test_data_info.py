"""What `describe` says equals what was put in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.recordings.formats import Dataset, open_dataset
from wearkit.recordings.info import describe
from wearkit.recordings.recording import LabelTrack, Recording


def recorded(subject: str, placement: str, rate_hz: float, codes: list[int]) -> Recording:
    acc_g = np.zeros((len(codes), 3), dtype=np.float32)
    acc_g[0] = (1.99, -2.5, 0)  # at the lower rail on y; 1.99 g is 509 counts
    acc_g[1] = (1.998, 0, 0)  # 511 counts: the upper rail
    steps = np.full(len(codes), 1 / rate_hz)
    steps[len(codes) // 2] += 1.0
    return Recording(
        acc_g=acc_g,
        time_s=np.cumsum(steps),
        rate_hz=rate_hz,
        subject=subject,
        placement=placement,
        source="made here",
        labels=LabelTrack("gait", ("sit", "walk", "run"), np.array(codes, dtype=np.int16)),
        dropped={"nan": 2},
    )


def test_every_figure() -> None:
    def recordings() -> Iterator[Recording]:
        yield recorded("ben", "wrist", 48.0, [0] * 30 + [-1] * 10)
        yield recorded("anna", "waist", 50.0, [1] * 60)
        yield recorded("anna", "wrist", 52.0, [1] * 100)

    info = describe(Dataset("made", "test", False, recordings, notes=("a note",)))
    assert (info.recordings, info.rows) == (3, 200)
    assert info.subjects == {"anna": 160, "ben": 40} and list(info.subjects) == ["anna", "ben"]
    assert info.placements == {"waist": 60, "wrist": 140}
    (labels,) = info.labels
    assert (labels.task, labels.unlabelled) == ("gait", 10)
    assert labels.rows == {"sit": 30, "walk": 160, "run": 0}
    assert (info.rates.min_hz, info.rates.median_hz, info.rates.max_hz) == (48, 50, 52)
    assert info.gaps == 3 and info.gap_s == pytest.approx(3 + 1 / 48 + 1 / 50 + 1 / 52, abs=1e-3)
    assert info.duration_s == pytest.approx(38 / 48 + 58 / 50 + 98 / 52, abs=1e-3)
    assert info.clipped_share == 6 / 200
    assert info.dropped == {"nan": 6} and info.notes == ("a note",)
    assert json.loads(json.dumps(info.to_json()))["labels"][0]["rows"]["walk"] == 160


def test_the_simulator_says_so_and_its_clocks_differ() -> None:
    info = describe(open_dataset("posture-sim"))
    assert info.simulated and info.recordings == 72 and len(info.subjects) == 24
    assert 49 < info.rates.min_hz < info.rates.median_hz < info.rates.max_hz < 51
    assert info.gaps == 0 and info.dropped == {}


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="no recording"):
        describe(Dataset("none", "test", False, lambda: iter(())))
