"""What the numbers of a recording or a sensor's lines are in."""

from __future__ import annotations

from enum import StrEnum

from wearkit.counts import COUNTS_PER_G

G_M_S2 = 9.80665  # standard gravity (CGPM 1901), exact


class Unit(StrEnum):
    """counts: an ADXL345 at 256 per g."""

    G = "g"
    MG = "mg"
    M_S2 = "m/s2"
    COUNTS = "counts"

    @property
    def per_g(self) -> float:
        """How many of this unit make 1 g."""
        return _PER_G[self]


_PER_G = {Unit.G: 1.0, Unit.MG: 1000.0, Unit.M_S2: G_M_S2, Unit.COUNTS: float(COUNTS_PER_G)}
