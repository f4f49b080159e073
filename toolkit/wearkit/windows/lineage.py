"""Where windows come from: which data sets, under which labels, through which sensor twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` gives; a part that is not there is as in UNKNOWN.

        Raises AttributeError, DataError, KeyError, TypeError or ValueError for anything else.
        """
        label_map, twin = value.get("label_map"), value.get("twin")
        return cls(
            sets=tuple(str(name) for name in value.get("sets") or ()),
            tested_set=str(value.get("tested_set") or ""),
            label_map=None if label_map is None else LabelMap.from_json(label_map),
            twin=None if twin is None else SensorTwin.from_json(twin),
            twin_copies=int(value.get("twin_copies", 0)),
        )


UNKNOWN = Lineage()
