"""Errors on the ring of twelve postures: a neighbour, 30 degrees away, is a mild one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wearkit.evaluation.metrics import TaskScore
from wearkit.recordings.posture_sim import POSTURES

STEP_DEG = 360 // len(POSTURES)


@dataclass(frozen=True, slots=True)
class RingErrors:
    """by_distance_deg: distance on the ring -> wrongly answered windows."""

    by_distance_deg: dict[int, int]

    @property
    def errors(self) -> int:
        return sum(self.by_distance_deg.values())

    @property
    def neighbour_share(self) -> float | None:
        """Share of the errors that land on a neighbour; None without an error."""
        return self.by_distance_deg[STEP_DEG] / self.errors if self.errors else None

    def to_json(self) -> dict[str, Any]:
        return {
            "errors": self.errors,
            "neighbour_share": self.neighbour_share,
            "by_distance_deg": {str(key): value for key, value in self.by_distance_deg.items()},
        }


def ring_errors(score: TaskScore) -> RingErrors | None:
    """The errors by distance, or None when the labels are not postures of the ring."""
    if not set(score.labels) <= set(POSTURES):
        return None
    place = np.array([POSTURES.index(label) for label in score.labels])
    apart = np.abs(place[:, None] - place[None, :])
    steps = np.minimum(apart, len(POSTURES) - apart)
    distances = range(1, len(POSTURES) // 2 + 1)
    return RingErrors({STEP_DEG * k: int(score.confusion[steps == k].sum()) for k in distances})
