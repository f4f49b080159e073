"""Where windows come from: which data sets, under which labels, through which sensor twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wearkit.recordings.label_map import LabelMap
from wearkit.recordings.sensor_twin import SensorTwin


@dataclass(frozen=True, slots=True)
class Lineage:
    """sets: data sets by the names of the label map, or one by its format. tested_set: the one
    that is tested while the others train; empty when people are split within the sets. twin,
    twin_copies: of every training recording, so many copies through this twin were added;
    recorded: the fingerprint of the windows before that, empty without a twin."""

    sets: tuple[str, ...] = ()
    tested_set: str = ""
    label_map: LabelMap | None = None
    twin: SensorTwin | None = None
    twin_copies: int = 0
    recorded: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a run's metrics keep it; what does not apply is null."""
        return {
            "sets": list(self.sets),
            "tested_set": self.tested_set or None,
            "label_map": None if self.label_map is None else self.label_map.to_json(),
            "twin": None if self.twin is None else {"text": str(self.twin), **self.twin.to_json()},
            "twin_copies": self.twin_copies,
        }


UNKNOWN = Lineage()
