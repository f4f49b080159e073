"""The result of running an image on an emulated core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit_export.targets.trace import Trace


@dataclass(frozen=True, slots=True)
class Run:
    """logits: (N, outputs) int8. stack_bytes: deepest use below the caller's stack pointer.

    trace: counts of the first `trace.windows` windows, or None when not counted.
    emulator: name, version and core or board.
    """

    logits: NDArray[np.int8]
    stack_bytes: int
    trace: Trace | None
    emulator: str
