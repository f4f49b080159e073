"""Where each sample stands: gaps, duplicates, garbled counters, a device that started again.

With an index column a gap is exact. One odd index proves nothing (a digit may be garbled), so it
waits for the next lines to confirm it: one more for a gap, two more for a restart. Without an
index every valid line is the next sample; a device clock in even steps still shows gaps, and
without one a line that was refused as a damaged sample keeps its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import sub
from typing import Protocol

from wearkit.link.sample import (
    MAX_GAP,
    Counts,
    Placed,
    PlacedSample,
    Reason,
    Refused,
    Sample,
)
from wearkit.link.text.counter import WrappingIndex

_MAX_STEP = 1000  # between two lines that confirm each other
_RESTART_LINES = 3
_REMEMBERED = 128
_MOST_IN_RUNS = 8 * _REMEMBERED
_CLOCK_STEPS = 20
_STEADY_SHARE = 0.8
_GAP_STEPS = 1.5  # of a period; a longer step is a gap


class Sequencer(Protocol):
    """Samples in arrival order -> samples in place. Each one pushed comes out exactly once."""

    @property
    def waiting(self) -> list[Sample]:
        """Those pushed that did not come out yet."""

    def push(self, sample: Sample, refused_before: int = 0) -> list[Placed]:
        """refused_before: damaged samples between the one before and this one."""

    def following(
        self, indices: list[int] | None, stamps_us: list[int] | None, samples: int
    ) -> int:
        """How many of so many samples, from the first on, follow at once, none missing before or
        between them. stamps_us: of a clock that never comes round."""

    def extend(
        self, indices: list[int] | None, stamps_us: list[int] | None, counts: Sequence[Counts]
    ) -> None:
        """As `push` of each, where all of them follow at once; they are in place."""

    def resume(self) -> None:
        """The port was opened again: what comes need not follow what came."""

    def restart(self) -> list[Placed]:
        """The device said that it begins again: what comes is another run of it. Returns what
        was waiting for lines of the run before."""

    def finish(self) -> list[Placed]: ...


class IndexSequencer:
    """For lines with a device index that counts every sample taken."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._counter = WrappingIndex()
        self._recent: dict[int, Counts] = {}
        self._runs: list[tuple[int, Sequence[Counts]]] = []  # newer than `_recent`
        self._in_runs = 0
        self._waiting: list[tuple[int, Sample]] = []
        self._begun = self._announced = False

    @property
    def waiting(self) -> list[Sample]:
        return [sample for _, sample in self._waiting]

    def push(self, sample: Sample, refused_before: int = 0) -> list[Placed]:
        """sample.index must be set; it counts refused lines, too. Memory: _MOST_IN_RUNS and
        _REMEMBERED samples and three that wait."""
        assert sample.index is not None
        if self._runs:
            self._remember_runs()
        index = self._unwrapped(sample.index)
        if self._last is None:
            return self._wait_for_second(index, sample)
        if index == self._last + 1:
            return [*self._refuse_waiting(), self._accept(index, sample)]
        if self._recent.get(index) == sample.counts:
            return [Refused(sample, Reason.DUPLICATE)]
        if self._waiting and self._confirms(index):
            self._waiting.append((index, sample))
            return self._confirmed()
        refused = self._refuse_waiting()
        self._waiting = [(index, sample)]
        return refused

    def following(
        self, indices: list[int] | None, stamps_us: list[int] | None, samples: int
    ) -> int:
        """As Sequencer.following."""
        assert indices is not None
        if self._waiting or self._last is None:
            return 0
        expected = range(self._counter.next_raw, self._counter.next_raw + samples)
        if indices[:samples] == list(expected):
            return samples
        return next(at for at, index in enumerate(expected) if indices[at] != index)

    def extend(
        self, indices: list[int] | None, stamps_us: list[int] | None, counts: Sequence[Counts]
    ) -> None:
        """As Sequencer.extend."""
        assert indices is not None and self._last is not None
        first = self._last + 1
        self._last += len(indices)
        self._counter.accept(indices[0], first)
        self._counter.accept(indices[-1], self._last)
        self._runs.append((first, counts))
        self._in_runs += len(counts)
        if self._in_runs > _MOST_IN_RUNS:
            self._remember_runs()

    def _remember_runs(self) -> None:
        """Those of runs as well as those placed by themselves. Only a sample that does not follow
        at once asks for them, so that most are never looked at."""
        runs, self._runs, self._in_runs = self._runs, [], 0
        for first, counts in runs:
            if first + len(counts) + _REMEMBERED > (self._last or 0):
                self._recent.update(enumerate(counts, first))
        self._forget()

    def _forget(self) -> None:
        for _ in range(len(self._recent) - _REMEMBERED):
            del self._recent[next(iter(self._recent))]

    def resume(self) -> None:
        """Nothing to do: the index itself tells whether the device went on or began again."""

    def restart(self) -> list[Placed]:
        # Told by its index alone, a run of one or two samples before the next is taken for
        # garbled lines, and a run that goes on from there for the rest of the one before.
        placed = self.finish()
        self._last = None
        self._counter.restart()
        self._recent.clear()
        self._runs, self._in_runs = [], 0
        self._announced = self._begun
        return placed

    def finish(self) -> list[Placed]:
        """No line will come that could confirm what waits: a small step ahead is believed."""
        if self._waiting and (
            self._last is None or 0 < self._waiting[0][0] - self._last <= _MAX_STEP
        ):
            return self._release(restarted=False)
        return self._refuse_waiting()

    def _unwrapped(self, index: int) -> int:
        """A counter that came round goes on counting here; what comes again after that stands
        before it."""
        if self._last is None:
            return index
        continued = self._counter.continued(index)
        if continued != self._last + 1 and continued not in self._recent:
            for span in self._counter.spans(index):
                if continued - span in self._recent:
                    return continued - span
        return continued

    def _wait_for_second(self, index: int, sample: Sample) -> list[Placed]:
        # The first line may be the rear part of one that began before we listened ("23,.." of
        # "1023,.."); the second tells whether its index fits.
        if not self._waiting:
            self._waiting = [(index, sample)]
            return []
        first, _ = self._waiting[0]
        if (index, sample.counts) == (first, self._waiting[0][1].counts):
            return [Refused(sample, Reason.DUPLICATE)]
        if 0 < index - first <= _MAX_STEP:
            self._waiting.append((index, sample))
            return self._release(restarted=False)
        refused = self._refuse_waiting()
        self._waiting = [(index, sample)]
        return refused

    def _confirms(self, index: int) -> bool:
        """Whether `index` continues the lines that wait, on their side of the last sample."""
        assert self._last is not None
        latest = self._waiting[-1][0]
        same_side = (index > self._last) == (latest > self._last)
        return same_side and 0 < index - latest <= _MAX_STEP

    def _confirmed(self) -> list[Placed]:
        assert self._last is not None
        gap = self._waiting[0][0] - self._last - 1
        if gap > 0:
            return self._release(restarted=gap > MAX_GAP, jumped=gap > MAX_GAP)
        return self._release(restarted=True) if len(self._waiting) == _RESTART_LINES else []

    def _release(self, *, restarted: bool, jumped: bool = False) -> list[Placed]:
        waiting, self._waiting = self._waiting, []
        restarted, self._announced = restarted or self._announced, False
        if restarted:
            self._recent.clear()
        return [
            self._accept(index, sample, restarted and position == 0, jumped and position == 0)
            for position, (index, sample) in enumerate(waiting)
        ]

    def _accept(
        self, index: int, sample: Sample, restarted: bool = False, jumped: bool = False
    ) -> PlacedSample:
        missing = 0 if self._last is None or restarted else index - self._last - 1
        self._last = index
        assert sample.index is not None
        self._counter.accept(sample.index, index)
        self._begun = True
        self._recent[index] = sample.counts
        self._forget()
        return PlacedSample(sample, missing, restarted, jumped)

    def _refuse_waiting(self) -> list[Placed]:
        waiting, self._waiting = self._waiting, []
        return [
            # Only a sample that differs still waits here; the same one again was a duplicate.
            Refused(sample, Reason.CONFLICT if index in self._recent else Reason.BAD_INDEX)
            for index, sample in waiting
        ]


class ArrivalSequencer:
    """For lines without an index: every line is the next sample.

    A device clock whose last 20 steps are even shows a gap as a step of more than 1.5 of them;
    a clock that runs backwards is a restart. Stamps are of a clock that never comes round. Where
    no even clock says how many samples are missing, it is as many as there were refused lines.
    """

    def __init__(self) -> None:
        self._last_us: int | None = None
        self._steps_us: deque[int] = deque(maxlen=_CLOCK_STEPS)
        self._begun = self._resumed = False

    @property
    def waiting(self) -> list[Sample]:
        return []

    def resume(self) -> None:
        """How much is missing cannot be known: the next sample begins a new stretch."""
        self._resumed = self._begun

    def restart(self) -> list[Placed]:
        self.resume()
        return []

    def push(self, sample: Sample, refused_before: int = 0) -> list[Placed]:
        last_us, self._last_us = self._last_us, sample.t_us
        had_begun, self._begun = self._begun, True
        if self._resumed:
            self._resumed = False
            self._steps_us.clear()
            return [PlacedSample(sample, restarted=True)]
        refused = refused_before if had_begun else 0
        if sample.t_us is None or last_us is None:
            return [_after_gap(sample, refused)]
        step_us = sample.t_us - last_us
        if step_us < 0:
            self._steps_us.clear()
            return [PlacedSample(sample, restarted=True)]
        period_us = _period_us(self._steps_us)
        if period_us is None:
            self._steps_us.append(step_us)
            return [_after_gap(sample, refused)]
        if step_us <= _GAP_STEPS * period_us:
            self._steps_us.append(step_us)  # not that of a gap, or the next would look normal
            return [PlacedSample(sample)]
        return [_after_gap(sample, round(step_us / period_us) - 1)]

    def following(
        self, indices: list[int] | None, stamps_us: list[int] | None, samples: int
    ) -> int:
        """As Sequencer.following."""
        if self._resumed or not self._begun:
            return 0
        if stamps_us is None:
            return samples
        if self._last_us is None:
            return 0
        steps_us = list(map(sub, stamps_us, [self._last_us, *stamps_us]))
        before_us = self._steps_us
        # No period is shorter than the shortest of its steps.
        shortest_us = min(min(steps_us), min(before_us, default=steps_us[0]))
        if 0 <= max(steps_us) <= _GAP_STEPS * shortest_us:
            return samples
        recent_us = deque(before_us, maxlen=_CLOCK_STEPS)
        for at, step_us in enumerate(steps_us):
            period_us = _period_us(recent_us)
            if step_us < 0 or (period_us is not None and step_us > _GAP_STEPS * period_us):
                return at
            recent_us.append(step_us)
        return samples

    def extend(
        self, indices: list[int] | None, stamps_us: list[int] | None, counts: Sequence[Counts]
    ) -> None:
        """As Sequencer.extend."""
        if stamps_us is not None:
            self._steps_us.extend(map(sub, stamps_us, [self._last_us, *stamps_us]))
            self._last_us = stamps_us[-1]

    def finish(self) -> list[Placed]:
        return []


def _period_us(steps_us: deque[int]) -> float | None:
    """The usual one of the last steps; None where too few came or they are not even."""
    if len(steps_us) < _CLOCK_STEPS:
        return None
    ordered_us = sorted(steps_us)
    middle = (ordered_us[_CLOCK_STEPS // 2 - 1] + ordered_us[_CLOCK_STEPS // 2]) / 2
    steady = sum(abs(step - middle) <= middle / 2 for step in ordered_us)
    # Samples stamped as a FIFO is emptied are steps of next to nothing between large ones:
    # most are alike, but not like their mean.
    in_bursts = sum(ordered_us) > 1.5 * middle * _CLOCK_STEPS
    return middle if steady >= _STEADY_SHARE * _CLOCK_STEPS and not in_bursts else None


def _after_gap(sample: Sample, missing: int) -> PlacedSample:
    if missing > MAX_GAP:
        return PlacedSample(sample, restarted=True, jumped=True)
    return PlacedSample(sample, missing)
