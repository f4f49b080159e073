"""Where the samples of each SAMPLES frame stand. A frame is whole or not there, so one is enough:
what an index says needs no second frame to confirm it, as a line of text does.

The first sample of a run is the first of a window on the device's own grid (its index a multiple
of the hop), so that host and device speak of the same windows; up to 59 before it are left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.link.axes import SAME_AXES, mapped
from wearkit.link.frames.from_device import Hello, SampleBlock, Samples
from wearkit.link.sample import MAX_GAP, WRAP_32, Counts, PlacedSample, Sample, SampleRun

_REMEMBERED = 128
_LEAP = 1000  # samples; a second one that comes before so many samples followed the first
_LEAST_RUN = 100  # explains itself by no loss: the device's index cannot be believed
_CLOCK_SET_US = 1e6  # ahead of its samples by this and once more their time: the clock was set
# Right after a start nothing shows how fast the sensor really is: 32 samples at 5 Hz take 6.4 s.
_FIRST_STEP_US = 10e6


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """steps: the samples that count. unaligned: how many were left out before the first window.
    repeated: how many were here before, the same.

    is_duplicate: every sample was here before, the same. conflicts: one was here before, but
    another: the device started again unseen, or cannot count. began: a new run began with it that
    nothing had announced.
    """

    steps: list[PlacedSample]
    unaligned: int = 0
    repeated: int = 0
    is_duplicate: bool = False
    conflicts: bool = False
    began: bool = False


class FrameSequencer:
    """Indices and clock grow past 2^32 as the device's wrap. Memory: _REMEMBERED samples.

    Only the last sample of a frame has a stamp; those before it lie evenly between it and that
    of the frame before, or, in the first frame of a run and where the clock was set, at the
    sensor's nominal rate.
    """

    def __init__(self, hello: Hello) -> None:
        self._hop, self._axes = hello.hop, hello.axes
        self._turns = hello.axes != SAME_AXES  # asked once, not for every sample
        self._period_us = 1e6 / hello.registers.rate_hz
        self._step_us: float | None = None  # of the frame before, from sample to sample
        self._next: int | None = None
        self._last_us = 0
        self._recent: deque[tuple[int, SampleBlock]] = deque()  # (first index, samples in a row)
        self._recent_samples = 0
        self._is_aligned = False
        self._announce_restart = self._announce_jump = False
        self._since_leap: int | None = None  # samples; None when none was seen

    def restart(self) -> None:
        """The device started again; the next frame begins a run."""
        self._announce_restart = self._announce_restart or self._is_aligned
        self._next, self._is_aligned = None, False
        self._step_us = None
        self._recent.clear()
        self._recent_samples = 0

    def run(self, block: SampleBlock, arrival_s: float) -> SampleRun | None:
        """The samples of a frame that follows at once, which `place` would place one by one; None,
        and nothing done, where it does not. block: with counts between the rails of +-2 g."""
        first = self._next
        if first is None or not self._is_aligned or (block.first_index - first) % WRAP_32:
            return None
        clock_step_us = _signed(block.t_us - self._last_us)
        if clock_step_us < 0:
            return None
        number = block.samples
        if self._since_leap is not None:
            self._since_leap += number
        t_us = self._last_us + clock_step_us
        step_us = self._believed_step_us(clock_step_us / number, number)
        self._next, self._last_us = first + number, t_us
        self._remember(first, block)
        counts, within = block.counts(), (block.lowest, block.highest)
        if self._turns:
            turned = [mapped((x, y, z), self._axes) for x, y, z in counts.tolist()]
            counts = np.array(turned, dtype=np.int16)
            within = int(counts.min()), int(counts.max())
        stamps_us = [round(t_us - back * step_us) for back in range(number - 1, -1, -1)]
        return SampleRun(counts, first, stamps_us, arrival_s, within)

    def _remember(self, first: int, block: SampleBlock) -> None:
        self._recent.append((first, block))
        self._recent_samples += block.samples
        while self._recent_samples - self._recent[0][1].samples >= _REMEMBERED:
            self._recent_samples -= self._recent.popleft()[1].samples

    def _remembered(self, index: int) -> Counts | None:
        for first, block in self._recent:
            if first <= index < first + block.samples:
                x, y, z = block.counts()[index - first].tolist()
                return x, y, z
        return None

    def place(self, frame: Samples, arrival_s: float) -> PlacedFrame:
        """frame: with counts between the rails of +-2 g."""
        if self._next is None:
            return self._begin(frame, arrival_s, began=False)
        ahead = _signed(frame.first_index - self._next)
        clock_step_us = _signed(frame.t_us - self._last_us)
        if ahead < 0:
            repeated = min(-ahead, len(frame.counts))
            before = [self._remembered(self._next + ahead + at) for at in range(repeated)]
            if tuple(before) != frame.counts[:repeated]:
                self.restart()
                return self._begin(frame, arrival_s, conflicts=None not in before)
            if repeated == len(frame.counts):
                return PlacedFrame([], repeated=repeated, is_duplicate=True)
        elif self._is_discontinuity(ahead) or clock_step_us < 0:
            jumped = clock_step_us >= 0 or ahead > MAX_GAP
            self.restart()
            self._announce_jump = self._announce_restart and jumped
            return self._begin(frame, arrival_s)
        if self._since_leap is not None:
            self._since_leap += len(frame.counts)
        index = self._next + ahead
        return self._append(frame, index, self._last_us + clock_step_us, arrival_s)

    def _is_discontinuity(self, ahead: int) -> bool:
        """Whether the index leapt further than losses explain, or leaps again and again."""
        since, is_leap = self._since_leap, ahead > _LEAP
        if is_leap:
            self._since_leap = 0
        return ahead > MAX_GAP or (is_leap and since is not None and since < _LEAST_RUN)

    def _begin(
        self, frame: Samples, arrival_s: float, *, conflicts: bool = False, began: bool = True
    ) -> PlacedFrame:
        index = frame.first_index
        self._next = index
        self._last_us = frame.t_us - round(self._period_us * len(frame.counts))
        placed = self._append(frame, index, frame.t_us, arrival_s)
        self._step_us = None
        return PlacedFrame(placed.steps, placed.unaligned, conflicts=conflicts, began=began)

    def _append(self, frame: Samples, first: int, t_us: int, arrival_s: float) -> PlacedFrame:
        """Samples before self._next were here before; between it and `first` they are missing."""
        assert self._next is not None
        end = first + len(frame.counts)
        elapsed = end - self._next
        step_us = self._believed_step_us((t_us - self._last_us) / elapsed, elapsed)
        missing = max(first - self._next, 0)
        repeated = max(self._next - first, 0)
        steps: list[PlacedSample] = []
        unaligned = 0
        begin = max(first, self._next)
        self._remember(begin, SampleBlock.of(replace(frame, counts=frame.counts[begin - first :])))
        for index in range(begin, end):
            counts = frame.counts[index - first]
            if not self._is_aligned and index % self._hop:
                unaligned += 1
                continue
            stamp_us = round(t_us - (end - 1 - index) * step_us)
            turned = mapped(counts, self._axes) if self._turns else counts
            sample = Sample(index, stamp_us, turned, arrival_s=arrival_s)
            steps.append(self._step(sample, missing))
            missing = 0
        self._next, self._last_us = end, t_us
        return PlacedFrame(steps, unaligned, repeated)

    def _believed_step_us(self, step_us: float, elapsed: int) -> float:
        """From sample to sample: as the clock says, or nominal where it was set ahead."""
        usual_us = max(self._period_us, self._step_us or 0.0)
        allowed_us = _FIRST_STEP_US if self._step_us is None else _CLOCK_SET_US
        if step_us > 2 * usual_us + allowed_us / elapsed:
            return self._period_us
        self._step_us = step_us
        return step_us

    def _step(self, sample: Sample, missing: int) -> PlacedSample:
        if self._is_aligned:
            return PlacedSample(sample, missing)
        self._is_aligned = True
        restarted, self._announce_restart = self._announce_restart, False
        jumped, self._announce_jump = self._announce_jump, False
        return PlacedSample(sample, restarted=restarted, jumped=jumped)


def within_rails(block: SampleBlock) -> bool:
    """Whether an ADXL345 at +-2 g can give these counts."""
    return block.lowest >= COUNT_MIN and block.highest <= COUNT_MAX


def _signed(difference: int) -> int:
    """A difference of two 32-bit counters: -2^31 to 2^31 - 1."""
    return (difference + WRAP_32 // 2) % WRAP_32 - WRAP_32 // 2
