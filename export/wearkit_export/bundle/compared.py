"""Which windows an export runs in every runtime: all golden ones, and a sample of the test windows.

The slowest runtime takes 2 ms a window and a large run has ten thousand of them, so that comparing
all takes minutes. A fault of arithmetic is rarely rare: golden windows drive every tensor to its
rails, and a sample of 1,000 meets a fault that strikes one window in 200 with 99 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLED_TEST_WINDOWS = 1000
PART = 256
"""Windows that are run before progress is reported; what a window gives does not depend on it."""

OnProgress = Callable[[str, int, int], None]
"""Called with the stage of the work, what is done of it, and its total (0: unknown)."""


def silent(stage: str, completed: int, total: int) -> None:
    """An OnProgress that shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedWindows:
    """counts: (N, length, 3) int16, the golden windows and then all test windows.
    chosen: (K,) places in `counts`, ascending, of the windows that every runtime runs.
    compared, available: where windows come from -> how many were chosen, of how many."""

    counts: NDArray[np.int16]
    chosen: NDArray[np.intp]
    compared: Mapping[str, int]
    available: Mapping[str, int]

    def of(self, logits: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The rows of the chosen windows. logits: task -> (N, labels), one row for each count."""
        return {task: values[self.chosen] for task, values in logits.items()}

    def test(self, logits: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The rows of all test windows, chosen or not."""
        return {task: values[self.available["golden"] :] for task, values in logits.items()}


def choose_windows(
    golden: NDArray[np.int16], test: NDArray[np.int16] | None, *, full: bool = False
) -> ComparedWindows:
    """All golden windows (G, length, 3), and SAMPLED_TEST_WINDOWS of `test` (M, length, 3), evenly
    spread from the first to the last; all of them where there are no more, or with `full`.

    The rule looks at nothing but the number of windows.
    """
    if test is None:
        available = {"golden": len(golden)}
        return ComparedWindows(golden, np.arange(len(golden)), available, available)
    sample = np.arange(len(test))
    if len(test) > SAMPLED_TEST_WINDOWS and not full:
        sample = np.linspace(0, len(test) - 1, SAMPLED_TEST_WINDOWS).astype(np.intp)
    return ComparedWindows(
        counts=np.concatenate([golden, test]),
        chosen=np.concatenate([np.arange(len(golden)), len(golden) + sample]),
        compared={"golden": len(golden), "test": len(sample)},
        available={"golden": len(golden), "test": len(test)},
    )


def compared_text(compared: Mapping[str, int], available: Mapping[str, int]) -> str:
    """Such as "36 golden and 1000 of 8787 test"."""
    return " and ".join(
        f"{count} {name}" if count == available[name] else f"{count} of {available[name]} {name}"
        for name, count in compared.items()
    )


def is_sample(compared: Mapping[str, int], available: Mapping[str, int]) -> bool:
    """Whether windows were left out."""
    return dict(compared) != dict(available)


def run_in_parts(
    run: Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]],
    windows: NDArray[Any],
    stage: str,
    progress: OnProgress,
) -> dict[str, NDArray[Any]]:
    """`run(windows)`, PART windows at a time. run: (N, ...) -> task -> (N, labels)."""
    parts = []
    for start in range(0, max(1, len(windows)), PART):
        progress(stage, start, len(windows))
        parts.append(run(windows[start : start + PART]))
    progress(stage, len(windows), len(windows))
    return {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}
