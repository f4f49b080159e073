"""Weights that make rare labels count as much as frequent ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.windows.window_set import WindowSet


def balanced_weights(windows: WindowSet) -> dict[str, NDArray[np.float32]]:
    """Task -> (labels,) weights N / (K n_label): inverse frequency, of mean 1 over the windows.

    N: windows, K: labels that occur, n_label: windows of the label. A label that does not occur
    has the weight 1, which nothing uses.
    """
    found = {}
    for task in windows.tasks:
        count = np.bincount(windows.targets[task.name], minlength=len(task.labels))
        present = np.count_nonzero(count)
        weights = np.where(count > 0, len(windows) / (present * np.maximum(count, 1)), 1.0)
        found[task.name] = weights.astype(np.float32)
    return found
