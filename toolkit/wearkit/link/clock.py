"""SessionClock: seconds since sample 0, from the device's clock where it can be believed."""

from __future__ import annotations

from itertools import accumulate, repeat

from wearkit.link.rate import RateMeter
from wearkit.link.sample import WRAP_32

_TOLERANCE_S = 1.0  # a FIFO read in bursts stamps its samples up to 0.64 s late
_SMALLEST_STEP_S = 1e-4
_RESET_LINES = 3
_WRAP_S = WRAP_32 / 1e6


class SessionClock:
    """Strictly increasing time for samples in order.

    Without device stamps, and where a stamp cannot be right, samples are 1/rate_hz apart. A
    clock of 32 bits may wrap. After three stamps in a row that fit neither, the device's clock
    was set (`jumps` counts that, `take_jumps` says where) and is followed again from there.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._last_s: float | None = None
        self._offset_s: float | None = None
        self._odd_lines = 0
        self.jumps = 0
        self._jumped: list[int] = []
        self.device = RateMeter("device")

    def take_jumps(self) -> list[int]:
        """At which samples the clock was set since the last call."""
        jumped, self._jumped = self._jumped, []
        return jumped

    def advance(self, index: int, steps: int, t_us: int | None, *, restarted: bool) -> float:
        """The time of sample `index`, `steps` after the last one. t_us: its device stamp."""
        if restarted:
            self._offset_s = None
            self.device.restart()
        if self._last_s is None:
            time_s = expected_s = 0.0
        else:
            expected_s = self._last_s + steps * self._period_s
            time_s = expected_s
        if t_us is not None:
            time_s = self._stamped_s(index, steps, t_us / 1e6, expected_s)
        if self._last_s is not None:
            time_s = max(time_s, self._last_s + _SMALLEST_STEP_S)
        self._last_s = time_s
        return time_s

    def advance_run(self, index: int, number: int, stamps_us: list[int] | None) -> list[float]:
        """As `advance`, for samples in a row. index: of the first; stamps_us: one each, or None."""
        last_s = self._last_s
        if last_s is not None and stamps_us is None:
            # Added one by one, so that a time does not hang on how the samples were cut into runs.
            times_s = list(accumulate(repeat(self._period_s, number), initial=last_s))
            self._last_s = times_s[-1]
            return times_s[1:]
        offset_s, before_s = self._offset_s, last_s
        if stamps_us is not None and before_s is not None and offset_s is not None:
            times_s = [t_us / 1e6 - offset_s for t_us in stamps_us]
            longest_s = _TOLERANCE_S + 2 * self._period_s
            for time_s in times_s:
                if not _SMALLEST_STEP_S <= time_s - before_s <= longest_s:
                    break
                before_s = time_s
            else:
                self._odd_lines, self._last_s = 0, before_s
                self.device.extend(range(index, index + number), times_s)
                return times_s
        return [
            self.advance(
                index + at, 1, None if stamps_us is None else stamps_us[at], restarted=False
            )
            for at in range(number)
        ]

    def _stamped_s(self, index: int, steps: int, stamp_s: float, expected_s: float) -> float:
        if self._offset_s is None:
            return self._follow(index, stamp_s, expected_s)
        for offset_s in (self._offset_s, self._offset_s - _WRAP_S):
            time_s = stamp_s - offset_s
            if abs(time_s - expected_s) <= _TOLERANCE_S + steps * self._period_s:
                self._offset_s, self._odd_lines = offset_s, 0
                self.device.add(index, time_s)
                return time_s
        self._odd_lines += 1
        if self._odd_lines < _RESET_LINES:
            return expected_s
        self.jumps += 1
        self._jumped.append(index)
        return self._follow(index, stamp_s, expected_s)

    def _follow(self, index: int, stamp_s: float, expected_s: float) -> float:
        self._offset_s = stamp_s - expected_s
        self._odd_lines = 0
        self.device.restart()
        self.device.add(index, expected_s)
        return expected_s
