"""SensorWatch: faults that show in the counts themselves: dead bus, stuck sensor, wrong scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNTS_PER_G, OTHER_RANGE_FACTORS, REST_MAX_G, REST_MIN_G
from wearkit.link.faults import Fault
from wearkit.link.sample import DEAD_BUS, Counts
from wearkit.live.window_values import BUS_SAMPLES

STUCK_SAMPLES = 100  # a real AX3 recording holds 26 equal samples; PX4's validator uses 100 too
AXIS_STUCK_SAMPLES = 500
STILL_S = 2.0
STILL_STD_G = 0.013  # three times the part's noise on its worst axis, ADXL345 Table 1


@dataclass(frozen=True, slots=True)
class Still:
    """A stretch at rest. mean_g: (x, y, z), which is gravity as the sensor sees it."""

    mean_g: tuple[float, float, float]

    @property
    def length_g(self) -> float:
        return math.hypot(*self.mean_g)

    @property
    def is_off_scale(self) -> bool:
        return not REST_MIN_G <= self.length_g <= REST_MAX_G

    def scale_sentence(self) -> str:
        """What a wrong length looks like."""
        length_g = max(self.length_g, 1e-3)
        factor = min(OTHER_RANGE_FACTORS, key=lambda factor: abs(math.log(factor / length_g)))
        return (
            f"{self.length_g:.2f} g at rest, outside {REST_MIN_G:.2f} to {REST_MAX_G:.2f} g; "
            f"a factor {factor:g} would explain it, as another range of the sensor gives"
        )


class SensorWatch:
    """Takes every sample in order. `still`: the newest stretch at rest.

    A condition is reported once, when it is established, and again only after it has ended.
    active: those that hold now.
    """

    def __init__(self, rate_hz: float) -> None:
        self.active: set[Fault] = set()
        self.still: Still | None = None
        self._block_length = max(2, math.ceil(STILL_S * rate_hz))
        self._block: list[Counts] = []
        self._last: Counts | None = None
        self._equal = 0  # samples in a row, the last included, that are alike
        self._axis_equal = [0, 0, 0]
        self._since_moved = math.inf  # samples since the newest block of movement began
        self._pushed = 0
        self._ended_at: dict[Fault, int] = {}  # the last sample of which it held

    def held_within(self, samples: int) -> set[Fault]:
        """What holds now or held at any of the last so many samples, this one included."""
        since = self._pushed - samples
        return self.active | {fault for fault, at in self._ended_at.items() if at > since}

    def extend(self, counts: NDArray[np.int16]) -> list[tuple[int, Fault, str]]:
        """As `push`, for (n, 3) samples in a row: the conditions with the place of the sample that
        establishes each. Where no condition can begin or end among them, only what is needed to
        go on from there is looked at, which costs a tenth."""
        rows: list[Counts] = list(map(tuple, counts.tolist()))
        if self._may_change(rows):
            return [(at, *fault) for at, row in enumerate(rows) for fault in self.push(row)]
        return self._pass(rows)

    def _may_change(self, rows: list[Counts]) -> bool:
        """Whether a run of equal values can become or cease to be a fault within these."""
        number = len(rows)
        return (
            bool(self.active)
            or self._equal + number >= STUCK_SAMPLES
            or max(self._axis_equal) + number >= AXIS_STUCK_SAMPLES
            or DEAD_BUS[0] in rows
            or DEAD_BUS[1] in rows
        )

    def _pass(self, rows: list[Counts]) -> list[tuple[int, Fault, str]]:
        number = len(rows)
        self._pushed += number
        self._equal = _equal_at_end(rows, self._last, self._equal)
        last = self._last or (None, None, None)
        self._axis_equal = [
            _equal_at_end(values, before, run)
            for values, before, run in zip(
                zip(*rows, strict=True), last, self._axis_equal, strict=True
            )
        ]
        self._last = rows[-1]
        faults: list[tuple[int, Fault, str]] = []
        at = 0
        while at < number:
            part = min(number - at, self._block_length - len(self._block))
            self._block += rows[at : at + part]
            self._since_moved += part
            at += part
            if len(self._block) >= self._block_length:
                faults += [(at - 1, *fault) for fault in self._judge_block()]
        return faults

    def restart(self) -> None:
        """The device began again: nothing before belongs to what comes."""
        self.active.clear()
        self._ended_at.clear()
        self._block.clear()
        self._last, self._equal, self._axis_equal = None, 0, [0, 0, 0]
        self._since_moved = math.inf

    def push(self, counts: Counts) -> list[tuple[Fault, str]]:
        """The conditions this sample establishes."""
        faults: list[tuple[Fault, str]] = []
        self._pushed += 1
        self._since_moved += 1
        if counts == self._last:
            self._equal += 1
            self._axis_equal = [run + 1 for run in self._axis_equal]
            faults += self._judge_equal(counts)
        else:
            self._change(counts)
        if max(self._axis_equal) >= AXIS_STUCK_SAMPLES and Fault.AXIS_STUCK not in self.active:
            faults += self._judge_axes(counts)
        self._block.append(counts)
        if len(self._block) >= self._block_length:
            faults += self._judge_block()
        return faults

    def _change(self, counts: Counts) -> None:
        last, self._last, self._equal = self._last, counts, 1
        if last is None:
            self._axis_equal = [1, 1, 1]
        else:
            self._axis_equal = [
                run + 1 if old == new else 1
                for run, old, new in zip(self._axis_equal, last, counts, strict=True)
            ]
        if self.active:
            self._end(Fault.BUS_FAULT, Fault.STUCK)
            if max(self._axis_equal) < AXIS_STUCK_SAMPLES:
                self._end(Fault.AXIS_STUCK)

    def _end(self, *faults: Fault) -> None:
        """With the sample before this one."""
        for fault in self.active.intersection(faults):
            self.active.remove(fault)
            self._ended_at[fault] = self._pushed - 1

    def _judge_equal(self, counts: Counts) -> list[tuple[Fault, str]]:
        if counts in DEAD_BUS:
            if self._equal == BUS_SAMPLES:
                self.active.add(Fault.BUS_FAULT)
                return [(Fault.BUS_FAULT, f"{BUS_SAMPLES} samples in a row are {counts}")]
        elif self._equal == STUCK_SAMPLES:
            self.active.add(Fault.STUCK)
            return [(Fault.STUCK, f"{STUCK_SAMPLES} samples in a row are {counts}")]
        return []

    def _judge_axes(self, counts: Counts) -> list[tuple[Fault, str]]:
        """An axis that holds while both others move, and not by noise alone; where they hold too,
        the rest is stillness or STUCK. An axis of a quiet sensor at rest may well hold."""
        for axis, held in enumerate(self._axis_equal):
            others = [run for other, run in enumerate(self._axis_equal) if other != axis]
            is_long = held >= AXIS_STUCK_SAMPLES and held >= self._since_moved
            if is_long and max(others) < STUCK_SAMPLES:
                self.active.add(Fault.AXIS_STUCK)
                name = "xyz"[axis]
                samples = f"{AXIS_STUCK_SAMPLES} samples in a row"
                return [(Fault.AXIS_STUCK, f"{name} is {counts[axis]} in {samples}")]
        return []

    def _judge_block(self) -> list[tuple[Fault, str]]:
        values = np.array(self._block, dtype=np.int64)
        self._block = self._block[self._block_length // 2 :]
        is_dead = self.active & {Fault.BUS_FAULT, Fault.STUCK}
        if is_dead:
            return []
        sums, squares = values.sum(axis=0), (values * values).sum(axis=0)
        spread = (len(values) * squares - sums * sums).max()  # of the axis that varies most
        if math.sqrt(spread) / len(values) >= STILL_STD_G * COUNTS_PER_G:
            self._since_moved = len(values)
            return []
        x, y, z = (total / len(values) / COUNTS_PER_G for total in sums.tolist())
        self.still = Still((x, y, z))
        if not self.still.is_off_scale:
            self._end(Fault.SCALE_FAULT)
            return []
        if Fault.SCALE_FAULT in self.active:
            return []
        self.active.add(Fault.SCALE_FAULT)
        return [(Fault.SCALE_FAULT, self.still.scale_sentence())]


def _equal_at_end(values: Sequence[object], before: object, run: int) -> int:
    """How many at the end are alike; `run` of them, as `before`, were there already."""
    last, number = values[-1], len(values)
    equal = 1
    while equal < number and values[-1 - equal] == last:
        equal += 1
    return equal + run if equal == number and before == last else equal
