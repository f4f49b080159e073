"""Scores as tables, for `wearkit train` and `wearkit evaluate`."""

from __future__ import annotations

from collections.abc import Mapping

from wearkit.cli.tables.stacking import Column, StackingTable
from wearkit.evaluation.metrics import TaskScore

Scores = Mapping[str, Mapping[str, TaskScore]]
"""Model name ("fp32", "int8") -> task -> score, all on the same windows."""


def score_table(title: str, models: Scores) -> StackingTable:
    """One row per task and model."""
    named = ["task", "model"] if len(models) > 1 else ["task"]
    figures = ["windows", "accuracy", "macro F1", "accuracy\nby person", "macro F1\nby person"]
    columns = [*(Column(name, words=True) for name in named), *map(Column, figures)]
    table = StackingTable(title, *columns, names=len(named))
    for task in next(iter(models.values())):
        for model, scores in models.items():
            score = scores[task]
            row = [task, model][: len(named)]
            row += [str(int(score.confusion.sum()))]
            row += [f"{score.accuracy:.4f}", f"{score.macro_f1:.4f}"]
            row += [score.spread_text(figure) for figure in ("accuracy", "macro_f1")]
            table.add_row(*row)
    return table


def subject_table(task: str, models: Scores) -> StackingTable:
    """One row per person: windows, then accuracy and macro F1 of each model."""
    figures = [f"{figure}\n{model}" for model in models for figure in ("accuracy", "macro F1")]
    columns = [Column("person", words=True), Column("windows"), *map(Column, figures)]
    table = StackingTable(f"{task}, by person", *columns)
    by_model = [scores[task].per_subject for scores in models.values()]
    for person, first in by_model[0].items():
        row = [person, str(first.windows)]
        for scores in by_model:
            row += [f"{scores[person].accuracy:.4f}", f"{scores[person].macro_f1:.4f}"]
        table.add_row(*row)
    return table
