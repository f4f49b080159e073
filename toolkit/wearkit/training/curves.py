"""Loss and accuracy by epoch as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wearkit.training.epochs import EpochRecord, EpochScores

TRAINING, STUDENT, TEACHER = "#9aa5b1", "#1f6fb2", "#d1652c"
_STYLES = {"training": TRAINING, "validation, student": STUDENT, "validation, teacher": TEACHER}


def curves(history: Sequence[EpochRecord], kept_epoch: int, title: str) -> Figure:
    """Loss and accuracy by epoch, one column per task; a line marks the kept epoch."""
    tasks = list(history[0].student.accuracy)
    figure = Figure(figsize=(4.6 * len(tasks), 5.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(2, len(tasks), sharex=True, squeeze=False)
    for column, task in enumerate(tasks):
        for row, figure_name in enumerate(("loss", "accuracy")):
            _draw_curve(axes[row, column], history, figure_name, task)
            axes[row, column].axvline(kept_epoch, color="#444444", linewidth=0.8, linestyle=":")
        axes[0, column].set_title(task, fontsize=10)
        axes[1, column].set_xlabel("epoch")
        axes[1, column].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("cross-entropy")
    axes[1, 0].set_ylabel("accuracy")
    handles, names = axes[1, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=len(names), fontsize=9, frameon=False
    )
    return figure


def _draw_curve(axes: Axes, history: Sequence[EpochRecord], name: str, task: str) -> None:
    epochs = [record.epoch for record in history]
    lines: dict[str, list[EpochScores]] = {
        "training": [record.training for record in history],
        "validation, student": [record.student for record in history],
        "validation, teacher": [record.teacher for record in history if record.teacher],
    }
    for label, scores in lines.items():
        if scores:
            values = [getattr(score, name)[task] for score in scores]
            axes.plot(
                epochs, values, color=_STYLES[label], label=label,
                marker="o", markersize=2.5, linewidth=1.4,
            )  # fmt: skip
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
