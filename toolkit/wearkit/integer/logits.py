"""What a model says of a window, and the one comparison in the code base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit.spec import TaskSpec

Logits = Mapping[str, NDArray[np.int8]]
"""Task name -> (N, labels) int8, the integers of the device."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One task's answer for one window. prob is the softmax of the dequantized logits."""

    task: str
    label: str
    prob: float
    logits: tuple[int, ...]


def softmax(logits: NDArray[Any], scale: float = 1.0) -> NDArray[np.float64]:
    """(..., labels) logits -> probabilities of the same shape, each row summing to 1.

    scale: what one step of int8 logits is worth; the zero point cancels. Taken in float64.
    """
    weight = np.exp((logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)) * scale)
    probabilities: NDArray[np.float64] = weight / weight.sum(axis=-1, keepdims=True)
    return probabilities


def verdict(task: TaskSpec, logits: NDArray[np.int8], scale: float) -> Verdict:
    """The label of the highest logit (the first on a tie, as on the device) and its probability.

    logits: (labels,) int8; scale: the head's output scale. The zero point cancels in a softmax.
    """
    best = int(np.argmax(logits))
    return Verdict(
        task=task.name,
        label=task.labels[best],
        prob=float(softmax(logits, scale)[best]),
        logits=tuple(int(value) for value in logits),
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two sets of int8 logits for the same windows compare."""

    windows: int
    values: int
    differing: int
    max_lsb: int
    argmax_flips: Mapping[str, int]
    first_window: int | None

    @property
    def exact(self) -> bool:
        """Whether not a single value differs."""
        return self.differing == 0

    def to_json(self) -> dict[str, Any]:
        """As reports and certificates keep it."""
        return {
            "windows": self.windows,
            "values": self.values,
            "differing": self.differing,
            "max_lsb": self.max_lsb,
            "argmax_flips": dict(self.argmax_flips),
            "first_window": self.first_window,
        }


def compare(a: Logits, b: Logits) -> Agreement:
    """Count differing int8 values. Raises VerificationError when tasks or shapes differ."""
    if set(a) != set(b):
        raise VerificationError(f"Tasks differ: {sorted(a)} against {sorted(b)}.")
    windows = values = differing = max_lsb = 0
    first: int | None = None
    flips: dict[str, int] = {}
    for task in a:
        left, right = np.asarray(a[task]), np.asarray(b[task])
        if left.shape != right.shape or left.dtype != np.int8 or right.dtype != np.int8:
            raise VerificationError(
                f"Task {task}: {left.dtype}{left.shape} cannot be compared with "
                f"{right.dtype}{right.shape}; both must be int8 of one shape."
            )
        gap = np.abs(left.astype(np.int32) - right.astype(np.int32))
        windows, values = left.shape[0], values + left.size
        differing += int(np.count_nonzero(gap))
        max_lsb = max(max_lsb, int(gap.max(initial=0)))
        flips[task] = int(np.count_nonzero(left.argmax(axis=1) != right.argmax(axis=1)))
        rows = np.flatnonzero(gap.any(axis=1))
        if rows.size and (first is None or rows[0] < first):
            first = int(rows[0])
    return Agreement(windows, values, differing, max_lsb, flips, first)
