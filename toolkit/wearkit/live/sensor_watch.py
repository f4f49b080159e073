"""SensorWatch: faults that show in the counts themselves: dead bus, stuck sensor, wrong scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wearkit.counts import COUNTS_PER_G
from wearkit.link.faults import Fault
from wearkit.link.sample import Counts
from wearkit.live.window_values import BUS_SAMPLES

STUCK_SAMPLES = 100  # a real AX3 recording holds 26 equal samples; PX4's validator uses 100 too
AXIS_STUCK_SAMPLES = 500
STILL_S = 2.0
STILL_STD_G = 0.013  # three times the part's noise on its worst axis, ADXL345 Table 1
# |a| at rest of an uncalibrated part that keeps its data sheet: sensitivity 230..282 LSB/g and
# 0 g offset up to 250 mg (ADXL345 Table 1) give 0.65 to 1.35 g.
STILL_MIN_G, STILL_MAX_G = 0.65, 1.40
_DEAD = ((0, 0, 0), (-1, -1, -1))
_FACTORS = (0.125, 0.25, 0.5, 2.0, 4.0, 8.0)  # of a range other than the one assumed


@dataclass(frozen=True, slots=True)
class Still:
    """A stretch at rest. mean_g: (x, y, z), which is gravity as the sensor sees it."""

    mean_g: tuple[float, float, float]

    @property
    def length_g(self) -> float:
        return math.hypot(*self.mean_g)

    @property
    def is_off_scale(self) -> bool:
        return not STILL_MIN_G <= self.length_g <= STILL_MAX_G

    def scale_sentence(self) -> str:
        """What a wrong length looks like."""
        factor = min(_FACTORS, key=lambda factor: abs(math.log(factor / max(self.length_g, 1e-3))))
        return (
            f"{self.length_g:.2f} g at rest, outside {STILL_MIN_G:.2f} to {STILL_MAX_G:.2f} g; "
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
        if counts in _DEAD:
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
        values = np.asarray(self._block, dtype=np.float64) / COUNTS_PER_G
        self._block = self._block[self._block_length // 2 :]
        is_dead = self.active & {Fault.BUS_FAULT, Fault.STUCK}
        if is_dead:
            return []
        if float(values.std(axis=0).max()) >= STILL_STD_G:
            self._since_moved = len(values)
            return []
        x, y, z = (float(value) for value in values.mean(axis=0))
        self.still = Still((x, y, z))
        if not self.still.is_off_scale:
            self._end(Fault.SCALE_FAULT)
            return []
        if Fault.SCALE_FAULT in self.active:
            return []
        self.active.add(Fault.SCALE_FAULT)
        return [(Fault.SCALE_FAULT, self.still.scale_sentence())]
