"""SignalQuality: what is wrong with the samples of a session, and which windows it touches."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX
from wearkit.link.axes import SAME_AXES, AxisMap, at_rail
from wearkit.link.clock import SessionClock
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.stream import FrameTally
from wearkit.link.rate import RATE_TOLERANCE, MeasuredRate, RateMeter
from wearkit.link.sample import Counts, PlacedSample, Reason, SampleRun
from wearkit.link.stream import SampleStream
from wearkit.live.sensor_watch import SensorWatch, Still
from wearkit.live.window_values import glitches, times_repeated

RATE_REASON, RATE_UNKNOWN_REASON = "rate", "rate_unknown"
CLIPPED_REASON = "clipped"
_REASONS = {
    Fault.BUS_FAULT: "bus",
    Fault.STUCK: "stuck",
    Fault.AXIS_STUCK: "axis_stuck",
    Fault.SCALE_FAULT: "scale",
    Fault.GLITCH: "glitch",
    Fault.REPEATED: "repeated",
}

_NOT_CORRUPT = (Reason.DUPLICATE, Reason.CONFLICT, Reason.UNDECIDED)


def fault_counts(
    faults: FaultLog, stream: SampleStream, tally: FrameTally | None
) -> dict[str, int]:
    """Those that happened, by code; lines and frames among them, which the stream counts. tally:
    None where there are no frames."""
    rejected = stream.ledger.rejected
    counts = Counter(faults.counts)
    counts[Fault.CORRUPT] += sum(
        count for reason, count in rejected.items() if reason not in _NOT_CORRUPT
    )
    counts[Fault.DUPLICATE] += rejected[Reason.DUPLICATE]
    counts[Fault.CONFLICT] += rejected[Reason.CONFLICT]
    counts[Fault.CONNECT_NOISE] += stream.ledger.messages_noise
    counts[Fault.DEVICE_ERROR] += stream.device_errors
    if tally is not None:
        counts[Fault.CONFLICT] += tally.conflicts
        counts[Fault.DEVICE_OVERRUN] += tally.overruns
        counts[Fault.BUS_FAULT] += tally.bus_errors
        counts[Fault.DEVICE_TEXT] += tally.text_lines
    return {str(fault): counts[fault] for fault in Fault if counts[fault]}


class SignalQuality:
    """Sees every sample in order and says of every window why not to trust it.

    Faults go to `faults`, once each time their condition begins.
    """

    def __init__(self, rate_hz: float, faults: FaultLog) -> None:
        self.clock = SessionClock(rate_hz)
        self._arrivals = RateMeter("arrival")
        self._batch: tuple[int, float] | None = None  # its last sample so far, and its arrival
        self._faults = faults
        self._rate_hz = rate_hz
        self._watch = SensorWatch(rate_hz)
        self._rate_is_off: bool | None = None  # None until it is known, or said to be off
        self._dropped: int | None = None
        self._lowest = SAME_AXES.lower_rails
        self._highest_low = max(self._lowest)
        self._unwatched: list[NDArray[np.int16]] = []  # samples since the watch last looked
        self._unwatched_s: list[float] = []
        self._last_at_rail = -1  # session index
        self._in_window: set[Fault] = set()  # what the newest whole window's own counts show

    @property
    def still(self) -> Still | None:
        """The newest stretch at rest: gravity as the sensor sees it."""
        self.watch()
        return self._watch.still

    def note_rate(self, rate_hz: float) -> None:
        """The device says its rate. One that is off counts until it is measured; one that is
        right is a claim, and does not make a rate known."""
        if abs(rate_hz / self._rate_hz - 1) > RATE_TOLERANCE:
            self._set_rate(True, f"the device says {rate_hz:g} Hz")

    def note_axes(self, axes: AxisMap) -> None:
        """How the samples to come were turned, which says where their rails are."""
        self._lowest = axes.lower_rails
        self._highest_low = max(self._lowest)

    def note_dropped(self, frames: int) -> None:
        """frames: that the device could not send since it started. Those before we listened, and
        a count that began again, are no news."""
        before, self._dropped = self._dropped, frames
        if before is not None and frames > before:
            detail = f"{frames - before} frames did not fit the device's output"
            self._faults.add(Fault.DEVICE_DROPPED, detail)

    def sample(self, index: int, steps: int, step: PlacedSample) -> float:
        """The session time of a sample. index: its place; steps: since the last one."""
        self.watch()
        sample = step.sample
        time_s = self.clock.advance(index, steps, sample.t_us, restarted=step.restarted)
        self._faults.now_s = time_s
        if step.restarted:
            self._restart(step)
        elif step.missing:
            before = f"before sample {index}"
            self._faults.add(Fault.GAP, f"{step.missing} samples missing {before}")
        if self.clock.take_jumps():
            self._faults.add(Fault.CLOCK_JUMP, "the device's clock was set")
        self._arrived(index, sample.arrival_s)
        for fault, detail in self._watch.push(sample.counts):
            self._faults.add(fault, detail)
        if self.is_at_rail(sample.counts):
            self._last_at_rail = index
        return time_s

    def run(self, index: int, run: SampleRun) -> list[float]:
        """As `sample`, for samples in a row that follow at once. index: of the first. What the
        watch says of them comes with the next `watch`."""
        number = len(run.counts)
        times_s = self.clock.advance_run(index, number, run.stamps_us)
        begin = 0
        for place in self.clock.take_jumps():
            at = place - index
            self._wait(run.counts[begin:at], times_s[begin:at])
            self.watch()  # what those before it show is said first, as of samples one by one
            begin, self._faults.now_s = at, times_s[at]
            self._faults.add(Fault.CLOCK_JUMP, "the device's clock was set")
        self._faults.now_s = times_s[-1]
        self._arrived(index + number - 1, run.arrival_s)
        self._wait(run.counts[begin:], times_s[begin:])
        return times_s

    def _wait(self, counts: NDArray[np.int16], times_s: list[float]) -> None:
        if times_s:
            self._unwatched.append(counts)
            self._unwatched_s += times_s

    def watch(self) -> None:
        """Look at the samples that only waited to be looked at together."""
        if not self._unwatched:
            return
        whole = self._unwatched
        counts = whole[0] if len(whole) == 1 else np.concatenate(whole)
        times_s, now_s = self._unwatched_s, self._faults.now_s
        self._unwatched, self._unwatched_s = [], []
        for at, fault, detail in self._watch.extend(counts):
            self._faults.now_s = times_s[at]
            self._faults.add(fault, detail)
        self._faults.now_s = now_s

    def at_rail(self, index: int, run: SampleRun) -> int:
        """How many samples of a run, the first of them at `index`, have an axis at a rail."""
        lowest, highest = run.within
        if highest < COUNT_MAX and lowest > self._highest_low:
            return 0
        places = np.flatnonzero(at_rail(run.counts, self._lowest))
        if len(places):
            self._last_at_rail = index + int(places[-1])
        return len(places)

    def resume(self) -> None:
        """The port went away and was opened again."""
        self._forget_arrivals()

    def rate(self) -> MeasuredRate | None:
        """By the device's clock where it has one, else by arrivals; None while it is unknown."""
        return self._meter.measure()

    def check_rate(self, first_index: int) -> None:
        """To be called once a window. first_index: of the window.

        Its own samples decide; where they scatter too much, all there are; and where those do not
        tell either, the rate is as it was, which is unknown at first.
        """
        self.watch()  # what samples show is said before what the window is, however they came
        rate = self._meter.since(first_index)
        if rate is None or not self._judge_rate(rate):
            rate = self._meter.measure()
            if rate is not None:
                self._judge_rate(rate)

    def conclude(self) -> None:
        """The session ends: a rate that is off is a fault, however few its windows were."""
        self.watch()
        self._end_batch()
        rate = self._meter.measure()
        if rate is not None and rate.is_off(self._rate_hz):
            self._judge_rate(rate)

    def reasons(self, length: int) -> tuple[str, ...]:
        """What holds or held in the window of so many samples that ends now."""
        self.watch()
        held = self._watch.held_within(length) | self._in_window
        reasons = [_REASONS[fault] for fault in sorted(held)]
        if self._rate_is_off is None:
            reasons.append(RATE_UNKNOWN_REASON)
        elif self._rate_is_off:
            reasons.append(RATE_REASON)
        return tuple(reasons)

    def check_values(self, window: int, counts: NDArray[np.int16] | None) -> None:
        """To be called once a window, before `reasons`. counts: (length, 3), None where samples
        are missing."""
        before, self._in_window = self._in_window, set()
        if counts is None:
            return
        glitch, times = glitches(counts), times_repeated(counts)
        if glitch is not None:
            self._in_window.add(Fault.BUS_FAULT if glitch.is_bus else Fault.GLITCH)
            if not glitch.is_bus and Fault.GLITCH not in before:
                detail = f"{glitch.samples} samples of window {window} are values no movement gives"
                self._faults.add(Fault.GLITCH, detail)
        if times is not None:
            self._in_window.add(Fault.REPEATED)
            if Fault.REPEATED not in before:
                self._faults.add(Fault.REPEATED, self._slow_part(times))

    def _slow_part(self, times: float) -> str:
        rate = self._meter.measure()
        rate_hz = self._rate_hz if rate is None else rate.rate_hz
        return (
            f"each value comes {times:.1f} times: the part samples at about {rate_hz / times:.1f} "
            f"Hz and is read at {rate_hz:.1f} Hz"
        )

    @property
    def _meter(self) -> RateMeter:
        """A device's clock is the better one even where it says nothing just now: bytes may come
        faster or slower than their samples were taken."""
        return self.clock.device or self._arrivals

    def _arrived(self, index: int, arrival_s: float) -> None:
        """Samples read together are one point, that of their last one: those before it waited
        somewhere. So the points do not hang on how the bytes were cut into chunks."""
        if self._batch is not None and self._batch[1] != arrival_s:
            self._end_batch()
        self._batch = index, arrival_s

    def _end_batch(self) -> None:
        if self._batch is not None:
            self._arrivals.add(*self._batch)
            self._batch = None

    def _forget_arrivals(self) -> None:
        self._arrivals.restart()
        self._batch = None

    def _judge_rate(self, rate: MeasuredRate) -> bool:
        """Whether it tells."""
        is_off = rate.is_off(self._rate_hz)
        if is_off or rate.is_right(self._rate_hz):
            evidence = f"{rate.rate_hz:.2f} +- {rate.error_hz:.2f} Hz by {rate.source} time"
            self._set_rate(is_off, evidence)
            return True
        return False

    def is_at_rail(self, counts: Counts) -> bool:
        """Whether an axis of a sample is at a rail of the range."""
        x, y, z = self._lowest
        return counts[0] <= x or counts[1] <= y or counts[2] <= z or max(counts) >= COUNT_MAX

    def clipped_share(self, window: int, first_index: int, counts: NDArray[np.int16]) -> float:
        """The share of a window's samples with an axis at a rail; past 0 a fault."""
        if self._last_at_rail < first_index:
            return 0.0
        share = float(at_rail(counts, self._lowest).mean())
        if share:
            self._faults.add(Fault.CLIPPED, f"{share:.0%} of window {window} at a rail")
        return share

    def _restart(self, step: PlacedSample) -> None:
        self._forget_arrivals()
        if self._rate_is_off is False:
            self._rate_is_off = None  # a board that started again may be set otherwise
        self._watch.restart()
        if step.jumped:
            self._faults.add(Fault.DISCONTINUITY, "the index or clock leapt ahead")
        else:
            self._faults.add(Fault.RESTART, "the device began to count again")

    def _set_rate(self, is_off: bool, evidence: str) -> None:
        if is_off and not self._rate_is_off:
            self._faults.add(Fault.RATE_FAULT, f"{evidence}, the model needs {self._rate_hz:g} Hz")
        self._rate_is_off = is_off
