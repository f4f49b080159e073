"""WindowGrid: samples in order -> windows on the sensor's own grid, with the gaps they touch.

Window k covers samples hop*k to hop*k + length - 1. Nothing is resampled or interpolated: a
window that touches a missing sample has no counts and says why. Windows that lie within a gap as a
whole are one record, however many they are: what a device says of a gap costs no more than the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wearkit.link.sample import PlacedSample, session_index
from wearkit.spec import WindowSpec


class Missing(StrEnum):
    """Why there is no sample at an index; a window's reasons for being invalid."""

    GAP = "gap"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, eq=False)
class GridWindow:
    """One window; or `windows` of them in a row, of which no sample came. t_s: time of the first
    sample. counts: (length, 3) int16, None when invalid.

    device_index: the device's own number of its first sample, for a valid window of a device that
    numbers them.
    """

    window: int
    first_index: int
    t_s: float
    counts: NDArray[np.int16] | None
    reasons: tuple[Missing, ...]
    device_index: int | None = None
    windows: int = 1


@dataclass(frozen=True, slots=True)
class _Hole:
    """Samples first to end - 1 are missing."""

    first: int
    end: int
    why: Missing


class WindowGrid:
    """Memory: one window of samples."""

    def __init__(self, spec: WindowSpec) -> None:
        self._length, self._hop = spec.length, spec.hop
        self._counts: NDArray[np.int16] = np.zeros((spec.length, 3), np.int16)
        self._holes: list[_Hole] = []  # those that windows to come still touch
        self._begin_s: dict[int, float] = {}  # of windows that began and are not complete
        self._window = 0
        self._next_index = 0
        self._last_s = 0.0

    @property
    def room(self) -> int:
        """How many samples in a row end the window that is filled now; at least 1."""
        return self._window * self._hop + self._length - self._next_index

    def index_of(self, step: PlacedSample) -> int:
        """The session index this step's sample will get."""
        return session_index(step, self._next_index, self._hop)

    def push(self, step: PlacedSample, t_s: float, index: int | None = None) -> list[GridWindow]:
        """The windows this sample completes, in order; several after a gap. index: as index_of
        gave it, where it was asked before."""
        if index is None:
            index = self.index_of(step)
        windows = self.skip_to(index, t_s, Missing.RESTART if step.restarted else Missing.GAP)
        counts = np.array([step.sample.counts], dtype=np.int16)
        whole = self.fill(counts, [t_s], step.sample.index)
        return windows if whole is None else [*windows, whole]

    def skip_to(self, index: int, t_s: float, why: Missing) -> list[GridWindow]:
        """The windows that are over because the next sample is that of `index`, at t_s."""
        begin = self._next_index
        if index == begin:
            return []
        self._holes.append(_Hole(begin, index, why))
        between_s = (t_s - self._last_s) / (index - begin + 1)
        windows: list[GridWindow] = []
        while self._end_of(self._window) <= min(index, begin + self._length - 1):
            windows.append(self._complete(self._begin_time(self._window, begin, between_s)))
        within = (index - self._length) // self._hop - self._window + 1
        if within > 0:
            first_s = self._begin_time(self._window, begin, between_s)
            windows.append(self._complete(first_s, windows=within))
        number = self._window
        while number * self._hop < index:
            self._begin_s[number] = self._begin_time(number, begin, between_s)
            number += 1
        self._next_index = index
        return windows

    def fill(
        self, counts: NDArray[np.int16], times_s: list[float], device_index: int | None
    ) -> GridWindow | None:
        """The window these samples complete. counts: (n, 3) of at most `room` samples in a row,
        taken at times_s; device_index: the device's number of the last of them."""
        index, number = self._next_index, len(counts)
        at = index - self._window * self._hop
        self._counts[at : at + number] = counts
        begun = -(-index // self._hop)
        while begun * self._hop < index + number:
            self._begin_s[begun] = times_s[begun * self._hop - index]
            begun += 1
        self._next_index += number
        self._last_s = times_s[-1]
        if at + number < self._length:
            return None
        first = None if device_index is None else device_index - self._length + 1
        return self._complete(self._begin_s[self._window], device_index=first)

    def _begin_time(self, window: int, gap_begin: int, between_s: float) -> float:
        """Of a window's first sample, which came before a gap or is missing within it."""
        begin_s = self._begin_s.get(window)
        if begin_s is not None:
            return begin_s
        return self._last_s + between_s * (window * self._hop - gap_begin + 1)

    def _end_of(self, window: int) -> int:
        return window * self._hop + self._length

    def _complete(
        self, t_s: float, *, device_index: int | None = None, windows: int = 1
    ) -> GridWindow:
        first = self._window * self._hop
        end = first + (windows - 1) * self._hop + self._length
        touched = {hole.why for hole in self._holes if hole.first < end and hole.end > first}
        whole = GridWindow(
            window=self._window,
            first_index=first,
            t_s=t_s,
            counts=None if touched else self._counts.copy(),
            reasons=tuple(sorted(touched)),
            device_index=None if touched else device_index,
            windows=windows,
        )
        for number in range(self._window, self._window + min(windows, len(self._begin_s))):
            self._begin_s.pop(number, None)
        self._window += windows
        kept = self._length - self._hop
        if kept > 0 and windows == 1:
            self._counts[:kept] = self._counts[self._hop :].copy()
        if self._holes:
            begin = self._window * self._hop
            self._holes = [hole for hole in self._holes if hole.end > begin]
        return whole
