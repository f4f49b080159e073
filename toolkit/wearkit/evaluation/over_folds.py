"""All folds of a run as one evaluation: everybody is scored by a network that never saw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.evaluation.evaluation import (
    Evaluation,
    FoldResult,
    ModelResult,
    SplitFacts,
    model_result,
    share_result,
    split_facts,
)
from wearkit.evaluation.folds import open_folds
from wearkit.evaluation.scores import OnProgress, check_fit, check_unseen, float_logits
from wearkit.training.run import Run
from wearkit.windows.window_set import WindowSet

Answers = Mapping[str, NDArray[Any]]
"""Task -> (N, labels)."""
Result = Callable[[str, Answers, WindowSet], ModelResult]
FoldAnswers = Callable[[Run], Answers]
"""A fold -> another model's shares of its test windows: the forest's, trained on that fold."""


@dataclass(frozen=True, slots=True, eq=False)
class _Answered:
    """One model's answers, one entry a fold."""

    name: str
    of_fold: Sequence[Answers]
    result: Result


def evaluate_folds(
    path: Path, forest: FoldAnswers | None = None, progress: OnProgress | None = None
) -> Evaluation:
    """Every fold's network on its own test windows, put together in the order of the folds.

    Scores are over all windows, persons and intervals over all people. forest: asked fold by fold
    for a second model. Raises ModelFileError when the folds do not belong together.
    """
    runs = open_folds(path)
    for run in runs:
        check_unseen(run)
        check_fit(run.checkpoint.model, run.test)
    models = [
        _Answered(
            "fp32",
            [float_logits(run.checkpoint, run.test.inputs, progress) for run in runs],
            model_result,
        )
    ]
    if forest is not None:
        models.append(_Answered("forest", [forest(run) for run in runs], share_result))
    windows = WindowSet.concatenate([run.test for run in runs], same_runs=True)
    data = runs[0].metrics.data
    return Evaluation(
        models=tuple(
            model.result(model.name, _concatenated(model.of_fold), windows) for model in models
        ),
        windows=windows,
        source=f"test windows of all {len(runs)} folds of {path}",
        own=True,
        split=_facts(runs),
        rejected=data.rejected_windows,
        dropped=data.dropped_rows,
        familiar=(),
        arch=runs[0].checkpoint.model.arch,
        checkpoint=str(path),
        folds=tuple(_fold_results(runs, models)),
    )


def _fold_results(runs: Sequence[Run], models: Sequence[_Answered]) -> Iterator[FoldResult]:
    for fold, run in enumerate(runs):
        yield FoldResult(
            fold=fold,
            kept=str(run.checkpoint.provenance.kept or "not recorded"),
            leak_share=split_facts(run).leak_share,
            people=run.split_subjects("test"),
            windows=len(run.test),
            models=tuple(
                model.result(model.name, model.of_fold[fold], run.test) for model in models
            ),
        )


def _facts(runs: Sequence[Run]) -> SplitFacts:
    """The worst leak of any fold is the leak of them all."""
    each = [split_facts(run) for run in runs]
    tested = {name for run in runs for name in run.split_subjects("test")}
    return replace(
        each[0],
        fold=None,
        leak_share=max(facts.leak_share for facts in each),
        people={"test": len(tested)},
        shared=tuple(sorted({name for facts in each for name in facts.shared})),
        tied=all(facts.tied for facts in each),
    )


def _concatenated(of_fold: Sequence[Answers]) -> Answers:
    return {task: np.concatenate([answers[task] for answers in of_fold]) for task in of_fold[0]}
