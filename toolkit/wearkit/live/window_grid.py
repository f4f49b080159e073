"""WindowGrid: samples in order -> windows on the sensor's own grid, with the gaps they touch.

Window k covers samples hop*k to hop*k + length - 1. Nothing is resampled or interpolated: a
window that touches a missing sample has no counts and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wearkit.link.sample import Counts, PlacedSample, session_index
from wearkit.spec import WindowSpec


class Missing(StrEnum):
    """Why there is no sample at an index; a window's reasons for being invalid."""

    GAP = "gap"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, eq=False)
class GridWindow:
    """One window. t_s: time of its first sample. counts: (length, 3) int16, None when invalid.

    device_index: the device's own number of its first sample, for a valid window of a device that
    numbers them.
    """

    window: int
    first_index: int
    t_s: float
    counts: NDArray[np.int16] | None
    reasons: tuple[Missing, ...]
    device_index: int | None = None


class WindowGrid:
    """Memory: one window of samples."""

    def __init__(self, spec: WindowSpec) -> None:
        self._length, self._hop = spec.length, spec.hop
        self._slots: list[Counts | Missing] = []
        self._times_s: list[float] = []
        self._window = 0
        self._next_index = 0
        self._last_s = 0.0

    def index_of(self, step: PlacedSample) -> int:
        """The session index this step's sample will get."""
        return session_index(step, self._next_index, self._hop)

    def push(self, step: PlacedSample, t_s: float, index: int | None = None) -> list[GridWindow]:
        """The windows this sample completes, in order; several after a gap. index: as index_of
        gave it, where it was asked before."""
        if index is None:
            index = self.index_of(step)
        why = Missing.RESTART if step.restarted else Missing.GAP
        absent = index - self._next_index
        between_s = (t_s - self._last_s) / (absent + 1)
        windows: list[GridWindow] = []
        for position in range(absent):
            windows += self._append(why, self._last_s + between_s * (position + 1))
        windows += self._append(step.sample.counts, t_s)
        if windows and windows[-1].counts is not None and step.sample.index is not None:
            windows[-1] = replace(windows[-1], device_index=step.sample.index - self._length + 1)
        self._last_s = t_s
        return windows

    def _append(self, slot: Counts | Missing, t_s: float) -> list[GridWindow]:
        self._slots.append(slot)
        self._times_s.append(t_s)
        self._next_index += 1
        if len(self._slots) < self._length:
            return []
        window = self._complete()
        del self._slots[: self._hop]
        del self._times_s[: self._hop]
        self._window += 1
        return [window]

    def _complete(self) -> GridWindow:
        reasons = sorted({slot for slot in self._slots if isinstance(slot, Missing)})
        counts = None if reasons else np.array(self._slots, dtype=np.int16)
        return GridWindow(
            window=self._window,
            first_index=self._window * self._hop,
            t_s=self._times_s[0],
            counts=counts,
            reasons=tuple(reasons),
        )
