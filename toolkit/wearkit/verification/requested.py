"""Requested: what was to be compared, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requested:
    """golden: windows of the bundle that go first, 0 for a sensor's own windows. others: of the
    test set behind them; None where nobody knows before it was read, and for a sensor. limit: how
    many were asked for, golden ones among them; None for all there are."""

    golden: int = 0
    others: int | None = None
    limit: int | None = None

    @property
    def windows(self) -> int | None:
        """How many are to be compared; None where nobody knows."""
        if self.others is None:
            return self.limit
        whole = self.golden + self.others
        return whole if self.limit is None else min(whole, self.limit)

    def unsent(self, sent: int) -> int:
        """Of a test set: how many are known to have been left out. sent: of it, so far."""
        if not self.golden and self.others is None:
            return 0  # a sensor's windows come by themselves
        known = self.golden + (self.others or 0)
        if self.limit is not None:
            known = min(known, self.limit)
        return max(0, known - sent)
