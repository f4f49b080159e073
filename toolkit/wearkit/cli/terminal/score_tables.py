"""Scores as tables, for `wearkit train` and `wearkit evaluate`."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from wearkit.evaluation.metrics import TaskScore

Scores = Mapping[str, Mapping[str, TaskScore]]
"""Model name ("fp32", "int8") -> task -> score, all on the same windows."""


def score_table(title: str, models: Scores) -> Table:
    """One row per task and model."""
    table = Table(title=title, title_justify="left")
    table.add_column("task")
    if len(models) > 1:
        table.add_column("model")
    for column in ("windows", "accuracy", "macro F1", "accuracy by person", "macro F1 by person"):
        table.add_column(column, justify="right")
    for task in next(iter(models.values())):
        for model, scores in models.items():
            score = scores[task]
            row = [task, model] if len(models) > 1 else [task]
            row += [str(int(score.confusion.sum()))]
            row += [f"{score.accuracy:.4f}", f"{score.macro_f1:.4f}"]
            for figure in ("accuracy", "macro_f1"):
                mean, std = score.spread(figure)
                row.append(f"{mean:.3f} ± {std:.3f}")
            table.add_row(*row)
    return table


def subject_table(task: str, models: Scores) -> Table:
    """One row per person: windows, then accuracy and macro F1 of each model."""
    table = Table(title=f"{task}, by person", title_justify="left")
    table.add_column("person")
    table.add_column("windows", justify="right")
    for model in models:
        table.add_column(f"accuracy {model}", justify="right")
        table.add_column(f"macro F1 {model}", justify="right")
    found = [scores[task].per_subject for scores in models.values()]
    for person, first in found[0].items():
        row = [person, str(first.windows)]
        for scores in found:
            row += [f"{scores[person].accuracy:.4f}", f"{scores[person].macro_f1:.4f}"]
        table.add_row(*row)
    return table
