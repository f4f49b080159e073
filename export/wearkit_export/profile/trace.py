"""What an emulator saw: which basic blocks followed which, per call made by wk_model_run.

Both emulators fill the same table, so everything printed about instructions is derived once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit_export.profile.instructions import Instruction, decode
from wearkit_export.targets.elf import FunctionIndex
from wearkit_export.targets.image import Image

OWN_CODE = 0
"""The site of instructions of wk_model_run itself."""


@dataclass(frozen=True, slots=True)
class BlockStep:
    """Block `address` ran after block `previous`, inside the call made at `site`.

    site: where wk_model_run goes on after the call (it tells calls apart), or OWN_CODE.
    """

    site: int
    previous: int
    address: int


@dataclass(slots=True)
class Trace:
    """Steps with how often each was taken, and the size in bytes of each block.

    windows: how many inferences the counts cover. order: sites by first use.
    """

    image: Image
    windows: int
    steps: Counter[BlockStep] = field(default_factory=Counter)
    block_bytes: dict[int, int] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def instructions(self) -> int:
        """All instructions of the model, over all windows. A skipped one in an IT block counts."""
        return sum(len(self._block(step.address)) * n for step, n in self.steps.items())

    def by_function(self) -> dict[str, int]:
        """Instructions by function, most first."""
        index = FunctionIndex(self.image.elf)
        total: Counter[str] = Counter()
        for step, count in self.steps.items():
            for instruction in self._block(step.address):
                total[index.name(instruction.address)] += count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def by_call(self) -> list[CallCost]:
        """Every call wk_model_run makes, in order; its own code comes last."""
        index = FunctionIndex(self.image.elf)
        callee = {OWN_CODE: self.image.entry.name}
        mixes = {site: Mix() for site in (*self.order, OWN_CODE)}
        for step, count in self.steps.items():
            if step.site != OWN_CODE and self._end(step.previous) == step.site:
                callee[step.site] = index.name(step.address)
            self._add(mixes[step.site], step, count)
        return [CallCost(site, callee[site], mixes[site]) for site in mixes]

    def mix(self) -> Mix:
        """All instructions of the model by class."""
        whole = Mix()
        for step, count in self.steps.items():
            self._add(whole, step, count)
        return whole

    def _add(self, mix: Mix, step: BlockStep, count: int) -> None:
        for instruction in self._block(step.address):
            mix.classes[instruction.kind] += count
            mix.extra_registers += count * max(0, instruction.registers - 1)
            mix.instructions += count
        if step.previous and step.address != self._end(step.previous):
            # A low-overhead loop jumps back for free: that is what it is for.
            mix.taken += 0 if self._block(step.previous)[-1].kind == "loop" else count

    def _end(self, block: int) -> int:
        return block + self.block_bytes.get(block, 0)

    def _block(self, address: int) -> tuple[Instruction, ...]:
        return decode(self.image, address, self.block_bytes[address])


@dataclass(slots=True)
class Mix:
    """Instructions by class. taken: jumps that left the straight line; extra_registers: words
    moved by multiple loads and stores beyond the first of each."""

    instructions: int = 0
    taken: int = 0
    extra_registers: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Mix) -> None:
        self.instructions += other.instructions
        self.taken += other.taken
        self.extra_registers += other.extra_registers
        self.classes.update(other.classes)


@dataclass(frozen=True, slots=True)
class ImageRun:
    """logits: (N, outputs) int8. stack_bytes: deepest use below the caller's stack pointer.

    trace: counts of the first `trace.windows` windows, or None when not counted.
    emulator: name, version and core or board.
    """

    logits: NDArray[np.int8]
    stack_bytes: int
    trace: Trace | None
    emulator: str


@dataclass(frozen=True, slots=True)
class CallCost:
    """site: the address after the call instruction; OWN_CODE for wk_model_run's own code."""

    site: int
    callee: str
    mix: Mix
