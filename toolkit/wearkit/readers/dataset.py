"""A data set: recordings that can be walked through again and again, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wearkit.recording import Recording


@dataclass(frozen=True, slots=True)
class Dataset:
    """name: what the user gave. notes: what its format cannot say (a clock, a placement)."""

    name: str
    format: str
    simulated: bool
    recordings: Callable[[], Iterator[Recording]]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Recording]:
        return self.recordings()
