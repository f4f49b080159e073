"""Counters and clocks of a device come round: at 8, 16, 24, 32 or 64 bits, signed or not."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from operator import gt, sub

# The most that is believed to lie between two values around the end of a counter of so many bits:
# a device that began again near that end looks the same, and a narrow counter is near it often.
_WIDEST_STEP = {8: 16, 16: 500, 24: 1000, 32: 1 << 31, 64: 1 << 63}
_CLOCK_STEPS = 20
_ONE = Fraction(1)
_STEPS_AROUND = 4  # of the largest of the last steps


class Range:
    """The values a counter was seen to hold, which say how many bits it may have."""

    def __init__(self) -> None:
        self.lowest: int | None = None
        self.highest = 0

    def add(self, value: int) -> None:
        if self.lowest is None:
            self.lowest = self.highest = value
        elif value > self.highest:
            self.highest = value
        elif value < self.lowest:
            self.lowest = value

    def allows(self, bits: int, value: int, tick: Fraction = _ONE) -> bool:
        """Whether all of them and `value` are values of so many bits. tick: worth of one count."""
        lowest = value if self.lowest is None else min(self.lowest, value)
        highest = max(self.highest, value)
        half = (1 << (bits - 1)) * tick
        # A clock finer than the unit it is kept in is rounded down.
        return (lowest >= 0 and highest < 2 * half) or (lowest + 1 > -half and highest < half)


class WrappingIndex:
    """Continues an index past the end of its counter."""

    def __init__(self) -> None:
        self._range = Range()
        self._raw = 0
        self._continued = 0

    def spans(self, raw: int) -> list[int]:
        """How much further, or further back, this value may stand by a counter that came round."""
        return [1 << bits for bits in _WIDEST_STEP if self._range.allows(bits, raw)]

    def continued(self, raw: int) -> int:
        """The index of a sample by the last one accepted: past the end it goes on counting."""
        ahead = raw - self._raw
        if ahead <= 0:
            for bits, widest in _WIDEST_STEP.items():
                around = ahead + (1 << bits)
                if 0 < around <= widest and self._range.allows(bits, raw):
                    return self._continued + around
        return self._continued + ahead

    @property
    def next_raw(self) -> int:
        """What the device numbers the next sample with, unless its counter comes round."""
        return self._raw + 1

    def accept(self, raw: int, continued: int) -> None:
        self._raw, self._continued = raw, continued
        self._range.add(raw)

    def restart(self) -> None:
        """Another run of the device: what comes first is taken as it is."""
        self._raw = self._continued = 0
        self._range = Range()


class WrappingClock:
    """Continues a clock past the end of its counter. tick_us: microseconds a count."""

    def __init__(self, tick_us: Fraction) -> None:
        self._tick_us = tick_us
        self._range = Range()
        self._last_us: int | None = None
        self._continued_us = 0
        self._steps_us: deque[int] = deque(maxlen=_CLOCK_STEPS)

    def continued_us(self, stamp_us: int) -> int:
        """What this stamp reads on a clock that never ends. A clock that was set back is behind."""
        if self._last_us is None:
            self._last_us = self._continued_us = stamp_us
            self._range.add(stamp_us)
            return stamp_us
        step_us = stamp_us - self._last_us
        if step_us < 0:
            step_us = self._around_us(step_us, stamp_us)
        if step_us > 0:
            self._steps_us.append(step_us)
        self._last_us = stamp_us
        self._range.add(stamp_us)
        self._continued_us += step_us
        return self._continued_us

    def ahead_us(self, stamps_us: list[int]) -> list[int]:
        """As `continued_us` of each, up to the first that is not ahead of the one before it; they
        are accepted only by `accept_us`."""
        before_us = self._last_us
        if before_us is None:
            return []
        around_us = self._continued_us - before_us
        are_ahead = list(map(gt, stamps_us, [before_us, *stamps_us]))
        if not all(are_ahead):
            stamps_us = stamps_us[: are_ahead.index(False)]
        return [stamp_us + around_us for stamp_us in stamps_us] if around_us else stamps_us

    def accept_us(self, continued_us: list[int]) -> None:
        """Some of what `ahead_us` gave, from its first on."""
        assert self._last_us is not None
        around_us = self._continued_us - self._last_us
        self._steps_us.extend(map(sub, continued_us, [self._continued_us, *continued_us]))
        self._continued_us = continued_us[-1]
        self._last_us = continued_us[-1] - around_us
        self._range.add(continued_us[0] - around_us)
        self._range.add(self._last_us)

    def _around_us(self, step_us: int, stamp_us: int) -> int:
        widest_us = _STEPS_AROUND * max(self._steps_us, default=0)
        for bits in _WIDEST_STEP:
            span_us = round((1 << bits) * self._tick_us)
            around_us = step_us + span_us
            limit_us = min(widest_us, span_us // 2) if self._steps_us else span_us // 8
            if 0 < around_us <= limit_us and self._range.allows(bits, stamp_us, self._tick_us):
                return around_us
        return step_us
