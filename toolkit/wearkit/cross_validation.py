"""All folds of one split in one table: cross_validation.json beside the folders of the folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wearkit.metrics import TaskScore

JSON_NAME = "cross_validation.json"
FIGURES = ("accuracy", "macro_f1")


def summarise(folds: Sequence[Mapping[str, TaskScore]]) -> dict[str, Any]:
    """folds: task -> score on the fold's test windows, one mapping a fold, at least one.

    Task -> figure -> over_folds (each fold counts the same) and over_subjects (each person of
    each fold does), with mean, n, and the standard deviation (n - 1; None for one value).
    """
    return {
        task: {
            figure: {
                "over_folds": _spread([getattr(scores[task], figure) for scores in folds]),
                "over_subjects": _spread(
                    [
                        getattr(person, figure)
                        for scores in folds
                        for person in scores[task].per_subject.values()
                    ]
                ),
            }
            for figure in FIGURES
        }
        for task in folds[0]
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "std": deviation, "n": len(values)}
