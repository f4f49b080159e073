"""All folds of one split: the folders fold-0, fold-1, ... and a summary beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wearkit.errors import ModelFileError
from wearkit.evaluation.intervals import over_people
from wearkit.evaluation.metrics import TaskScore
from wearkit.training.run import Run, fold_folder, open_run

FIGURES = ("accuracy", "macro_f1")
_MAX_FOLDS = 10_000  # leave-one-out has as many as there are people


def open_folds(path: Path) -> tuple[Run, ...]:
    """The run of every fold, in order.

    Raises ModelFileError when a fold is missing or damaged, or the folds are not of one split,
    one data set, one network and one way of training.
    """
    first = open_run(fold_folder(path, 0))
    folds = _fold_of(first)[1]
    if not 0 < folds <= _MAX_FOLDS:
        raise ModelFileError(f"{first.path} is one of {folds} folds, which cannot be: train again.")
    runs = [first]
    for fold in range(1, folds):
        if not fold_folder(path, fold).is_dir():
            raise ModelFileError(
                f"Fold {fold} of {folds} is not in {path}: train it with --fold {fold} --out "
                f"{fold_folder(path, fold)} and the options of the others, or name one fold."
            )
        runs.append(open_run(fold_folder(path, fold)))
    for fold, run in enumerate(runs):
        if _fold_of(run) != (fold, folds) or _alike(run) != _alike(first):
            raise ModelFileError(
                f"{run.path} is not fold {fold} of what {first.path} is a fold of: it has other "
                "data, another split, or was trained otherwise."
            )
    return tuple(runs)


def _fold_of(run: Run) -> tuple[int, int]:
    split = run.checkpoint.provenance.split
    if split is None:
        raise ModelFileError(f"{run.path} does not say which fold it is: train again.")
    return split.fold, split.folds


def _alike(run: Run) -> tuple[Any, ...]:
    """What the folds of one cross-validation have in common."""
    provenance = run.checkpoint.provenance
    split = None if provenance.split is None else (provenance.split.kind, provenance.split.seed)
    windows = None if provenance.data is None else provenance.data.fingerprint
    return run.checkpoint.model, provenance.training, split, windows, run.test.subjects


def summarise(folds: Sequence[Mapping[str, TaskScore]]) -> dict[str, Any]:
    """folds: task -> score on the fold's test windows, one mapping a fold, at least one.

    Task -> figure -> over_folds (each fold counts the same) and over_subjects (each person of
    each fold does), with mean, n, and the standard deviation (n - 1; None for one value);
    over_subjects has the 95 % confidence interval of that mean too.
    """
    return {
        task: {
            figure: {
                "over_folds": _spread([getattr(scores[task], figure) for scores in folds]),
                "over_subjects": _with_interval(
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


def _with_interval(values: Sequence[float]) -> dict[str, Any]:
    over = over_people(values)
    interval = None if over.low is None else [over.low, over.high]
    return _spread(values) | {"interval_95": interval}
