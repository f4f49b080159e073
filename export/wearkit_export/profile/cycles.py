"""Cycles estimated from counts by instruction class. Never a measurement.

Only a core's own data book can say what an instruction costs, and only some do:
Cortex-M4: Technical Reference Manual r0p1, table 3-1 (loads 2 cycles, 1 when pipelined; taken
branches 1 + P with P = 1 to 3; divisions 2 to 12; multiple loads and stores 1 + N).
Cortex-M0+: Technical Reference Manual r0p1, table 3-1.
Cortex-M7, M33, M55 and RV32: no table is published; the range spans single issue with the M4's
costs and the best the pipeline's description allows. Memory is taken to answer without waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from wearkit_export.profile.trace import Mix
from wearkit_export.targets.target import CycleModel


@dataclass(frozen=True, slots=True)
class Cost:
    """Cycles of one instruction: at best, to be expected, at worst."""

    low: float
    typical: float
    high: float


@dataclass(frozen=True, slots=True)
class Cycles:
    """An estimate: the truth lies between low and high as long as memory does not wait."""

    low: int
    typical: int
    high: int

    @property
    def error(self) -> float:
        """The larger distance from typical to an end, as a share of typical."""
        if self.typical == 0:
            return 0.0
        return max(self.high - self.typical, self.typical - self.low) / self.typical


_TABLES: dict[CycleModel, dict[str, Cost]] = {
    "cortex-m0plus": {
        "load": Cost(2, 2, 2),
        "store": Cost(2, 2, 2),
        "multiple": Cost(2, 2, 3),
        "multiply": Cost(1, 1, 1),  # the fast multiplier, which every listed part has
        "taken": Cost(1, 1, 2),
    },
    "cortex-m4": {
        "load": Cost(1, 2, 2),
        "store": Cost(1, 1, 2),
        "multiple": Cost(1, 2, 2),
        "divide": Cost(2, 7, 12),
        "taken": Cost(1, 1.5, 3),
    },
    "cortex-m7": {
        "alu": Cost(0.5, 0.75, 1),
        "load": Cost(0.5, 1, 2),
        "store": Cost(0.5, 1, 2),
        "multiple": Cost(0.5, 1, 2),
        "word": Cost(0.5, 1, 1),
        "multiply": Cost(0.5, 1, 1),
        "branch": Cost(0.5, 1, 1),
        "divide": Cost(2, 7, 12),
        "taken": Cost(0, 0.5, 3),
    },
    "cortex-m33": {
        "alu": Cost(0.75, 1, 1),
        "load": Cost(1, 1.5, 2),
        "store": Cost(1, 1, 2),
        "multiple": Cost(1, 2, 2),
        "divide": Cost(2, 7, 12),
        "taken": Cost(1, 1.5, 3),
    },
    "cortex-m55": {
        "alu": Cost(0.75, 1, 1),
        "load": Cost(1, 1, 2),
        "multiple": Cost(1, 1.5, 2),
        "vector": Cost(1, 1.75, 2),
        "loop": Cost(0, 0.25, 1),
        "divide": Cost(2, 7, 12),
        "taken": Cost(1, 1.5, 3),
    },
    "rv32": {
        "load": Cost(1, 2, 3),
        "multiply": Cost(1, 1, 4),
        "divide": Cost(2, 18, 34),
        "taken": Cost(1, 2, 3),
    },
}
_ONE = Cost(1, 1, 1)

PUBLISHED: frozenset[CycleModel] = frozenset({"cortex-m0plus", "cortex-m4"})
"""Cores whose timing table is public."""


def estimate(mix: Mix, model: CycleModel, windows: int = 1) -> Cycles:
    """Cycles per window for counts over `windows` windows."""
    counts = dict(mix.classes) | {"taken": mix.taken, "word": mix.extra_registers}
    table = _TABLES[model]

    def total(which: str) -> int:
        cycles = 0.0
        for kind, count in counts.items():
            cycles += count * getattr(table.get(kind, _ONE), which)
        return round(cycles / windows)

    return Cycles(total("low"), total("typical"), total("high"))
