"""Every fold of a split, one run after the other, and a summary over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wearkit.evaluation.folds import summarise
from wearkit.files.safe_write import write_json
from wearkit.training.claim import claimed
from wearkit.training.run import FOLDS_SUMMARY, Run, fold_folder


@dataclass(frozen=True, slots=True)
class FoldsSummary:
    """folds: names of the folders. leak_share: the worst fold's, 0 to 1. tasks: what
    `evaluation.folds.summarise` gives."""

    simulated: bool
    leak_share: float
    folds: tuple[str, ...]
    tasks: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "wearkit-cross-validation",
            "format_version": 1,
            "simulated": self.simulated,
            "leak_share": self.leak_share,
            "folds": list(self.folds),
            "tasks": dict(self.tasks),
        }


def every_fold(path: str | Path, train_fold: Callable[[int, Path], Run]) -> FoldsSummary | None:
    """Train fold 0, 1, ... into `path`/fold-0, ... and write their summary.

    train_fold: a fold and its folder -> its run, which says how many folds there are. None when
    one of them was interrupted: that ends it all, and the fold is resumed by its own folder.
    Raises StorageError while another training is at work in `path`.
    """
    folder = Path(path)
    with claimed(folder):
        (folder / FOLDS_SUMMARY).unlink(missing_ok=True)  # of folds that are about to be replaced
        runs = _trained(folder, train_fold)
        if runs is None:
            return None
        summary = _summary(runs)
        write_json(folder / FOLDS_SUMMARY, summary.to_json())
        return summary


def _trained(folder: Path, train_fold: Callable[[int, Path], Run]) -> list[Run] | None:
    runs: list[Run] = []
    folds = 1
    while len(runs) < folds:
        run = train_fold(len(runs), fold_folder(folder, len(runs)))
        if run.interrupted:
            return None
        folds = run.metrics.split.folds
        runs.append(run)
    return runs


def _summary(runs: list[Run]) -> FoldsSummary:
    return FoldsSummary(
        simulated=runs[-1].metrics.simulated,
        leak_share=max(run.metrics.split.leak_share for run in runs),
        folds=tuple(run.path.name for run in runs),
        tasks=summarise([run.metrics.tasks for run in runs]),
    )
