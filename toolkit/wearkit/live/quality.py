"""SignalQuality: what is wrong with the samples of a session, and which windows it touches."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.clock import SessionClock
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.stream import FrameTally
from wearkit.link.rate import MIN_ARRIVAL_SPAN_S, RATE_TOLERANCE, MeasuredRate, RateMeter
from wearkit.link.sample import Counts, PlacedSample, Reason
from wearkit.link.stream import SampleStream
from wearkit.live.sensor_watch import SensorWatch, Still

RATE_REASON = "rate"
CLIPPED_REASON = "clipped"
_REASONS = {
    Fault.BUS_FAULT: "bus",
    Fault.STUCK: "stuck",
    Fault.AXIS_STUCK: "axis_stuck",
    Fault.SCALE_FAULT: "scale",
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
        self.arrivals = RateMeter("arrival")
        self._faults = faults
        self._rate_hz = rate_hz
        self._watch = SensorWatch(rate_hz)
        self._rate_is_off = False
        self._jumps = 0
        self._dropped: int | None = None
        self._lowest = SAME_AXES.lower_rails

    @property
    def still(self) -> Still | None:
        """The newest stretch at rest: gravity as the sensor sees it."""
        return self._watch.still

    def note_rate(self, rate_hz: float) -> None:
        """The device says its rate, which counts until it is measured."""
        off = abs(rate_hz / self._rate_hz - 1) > RATE_TOLERANCE
        self._set_rate(off, f"the device says {rate_hz:g} Hz")

    def note_axes(self, axes: AxisMap) -> None:
        """How the samples to come were turned, which says where their rails are."""
        self._lowest = axes.lower_rails

    def note_dropped(self, frames: int) -> None:
        """frames: that the device could not send since it started. Those before we listened, and
        a count that began again, are no news."""
        before, self._dropped = self._dropped, frames
        if before is not None and frames > before:
            detail = f"{frames - before} frames did not fit the device's output"
            self._faults.add(Fault.DEVICE_DROPPED, detail)

    def sample(self, index: int, steps: int, step: PlacedSample) -> float:
        """The session time of a sample. index: its place; steps: since the last one."""
        sample = step.sample
        time_s = self.clock.advance(index, steps, sample.t_us, restarted=step.restarted)
        self._faults.now_s = time_s
        if step.restarted:
            self._restart(step)
        elif step.missing:
            before = f"before sample {index}"
            self._faults.add(Fault.GAP, f"{step.missing} samples missing {before}")
        if self.clock.jumps != self._jumps:
            self._jumps = self.clock.jumps
            self._faults.add(Fault.CLOCK_JUMP, "the device's clock was set")
        for fault, detail in self._watch.push(sample.counts):
            self._faults.add(fault, detail)
        return time_s

    def rate(self) -> MeasuredRate | None:
        return self.clock.device.measure() or self.arrivals.measure()

    def check_rate(self) -> None:
        """To be called once per window. A rate that cannot be measured just now is as it was."""
        rate = self.rate()
        if rate is None or (rate.source == "arrival" and rate.span_s < MIN_ARRIVAL_SPAN_S):
            return
        evidence = f"{rate.rate_hz:.2f} +- {rate.error_hz:.2f} Hz by {rate.source} time"
        self._set_rate(rate.is_off(self._rate_hz), evidence)

    def reasons(self) -> tuple[str, ...]:
        """What holds now, and so for the window that ends now."""
        reasons = [_REASONS[fault] for fault in sorted(self._watch.active)]
        return tuple(reasons + ([RATE_REASON] if self._rate_is_off else []))

    def is_at_rail(self, counts: Counts) -> bool:
        """Whether an axis of a sample is at a rail of the range."""
        x, y, z = self._lowest
        return counts[0] <= x or counts[1] <= y or counts[2] <= z or max(counts) >= COUNT_MAX

    def clipped_share(self, window: int, counts: NDArray[np.int16]) -> float:
        """The share of a window's samples with an axis at a rail; past 0 a fault."""
        at_rail = ((counts <= np.array(self._lowest)) | (counts >= COUNT_MAX)).any(axis=1)
        share = float(at_rail.mean())
        if share:
            self._faults.add(Fault.CLIPPED, f"{share:.0%} of window {window} at a rail")
        return share

    def _restart(self, step: PlacedSample) -> None:
        self.arrivals.restart()
        self._watch.restart()
        if step.jumped:
            self._faults.add(Fault.DISCONTINUITY, "the index or clock leapt ahead")
        else:
            self._faults.add(Fault.RESTART, "the device began to count again")

    def _set_rate(self, is_off: bool, evidence: str) -> None:
        if is_off and not self._rate_is_off:
            self._faults.add(Fault.RATE_FAULT, f"{evidence}, the model needs {self._rate_hz:g} Hz")
        self._rate_is_off = is_off
