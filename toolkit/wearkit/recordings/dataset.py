"""A data set: recordings that can be walked through again and again, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wearkit.recordings.label_map import LabelMap
from wearkit.recordings.recording import Recording


@dataclass(frozen=True, slots=True)
class Dataset:
    """name: what the user gave. notes: what its format cannot say (a clock, a placement).

    label_map, parts: of recordings under a label map only (wearkit.recordings.combined): the map,
    and the names of the data sets they are from, which begin every subject's name.
    """

    name: str
    format: str
    simulated: bool
    recordings: Callable[[], Iterator[Recording]]
    notes: tuple[str, ...] = ()
    label_map: LabelMap | None = None
    parts: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Recording]:
        return self.recordings()
