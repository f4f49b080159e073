"""Pictures of a run, for the model card and for a look. The only module that uses matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wearkit.evaluation.metrics import TaskScore
from wearkit.files.safe_write import replacing
from wearkit.training.epochs import EpochRecord, EpochScores

TRAINING, STUDENT, TEACHER = "#9aa5b1", "#1f6fb2", "#d1652c"
_STYLES = {"training": TRAINING, "validation, student": STUDENT, "validation, teacher": TEACHER}


def draw_curves(path: Path, history: Sequence[EpochRecord], kept_epoch: int, title: str) -> None:
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
    _save(figure, path)


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


def draw_confusion(path: Path, task: str, score: TaskScore, title: str) -> None:
    """Rows are the truth, shaded by their share; cells hold window counts, zeros left blank."""
    matrix, labels = score.confusion, score.labels
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = max(3.4, 0.5 * len(labels) + 1.8)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = 8 if len(labels) > 6 else 10
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if share[row, column] > 0.5 else "#222222"
        axes.text(
            column, row, str(matrix[row, column]), ha="center", va="center", color=colour,
            fontsize=size,
        )  # fmt: skip
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0, labelsize=size)
    axes.set_xlabel(f"predicted {task}")
    axes.set_ylabel(f"true {task}", labelpad=8)
    axes.set_title(title, fontsize=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("share of the true label", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    _save(figure, path)


def draw_run(
    folder: Path,
    history: Sequence[EpochRecord],
    kept_epoch: int,
    scores: Mapping[str, TaskScore],
    what: str,
) -> None:
    """curves.png (when an epoch has ended) and confusion-<task>.png. what: the model and data.

    Pictures of a run that was in `folder` before are removed: it may have had other tasks.
    """
    for pattern in ("curves.png", "confusion-*.png"):
        for picture in folder.glob(pattern):
            picture.unlink(missing_ok=True)
    if history:
        draw_curves(folder / "curves.png", history, kept_epoch, what)
    for task, score in scores.items():
        title = f"{what}\naccuracy {score.accuracy:.3f}, macro F1 {score.macro_f1:.3f}"
        draw_confusion(folder / f"confusion-{task}.png", task, score, title)


def _save(figure: Figure, path: Path) -> None:
    # The software name would change the bytes with every matplotlib release.
    with replacing(path) as temporary:
        figure.savefig(
            temporary, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None}
        )
