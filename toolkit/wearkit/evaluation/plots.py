"""Pictures of a run, for the model card and for a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from wearkit.evaluation.metrics import TaskScore
from wearkit.files.safe_write import replacing
from wearkit.training.curves import curves
from wearkit.training.epochs import EpochRecord


def confusion(task: str, score: TaskScore, title: str) -> Figure:
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
    return figure


def draw_run(
    folder: Path,
    history: Sequence[EpochRecord],
    kept_epoch: int,
    scores: Mapping[str, TaskScore],
    caption: str,
) -> None:
    """curves.png (when an epoch has ended) and confusion-<task>.png. what: the model and data.

    Pictures of a run that was in `folder` before are removed: it may have had other tasks.
    """
    for pattern in ("curves.png", "confusion-*.png"):
        for picture in folder.glob(pattern):
            picture.unlink(missing_ok=True)
    if history:
        _save(curves(history, kept_epoch, caption), folder / "curves.png")
    for task, score in scores.items():
        title = f"{caption}\naccuracy {score.accuracy:.3f}, macro F1 {score.macro_f1:.3f}"
        _save(confusion(task, score, title), folder / f"confusion-{task}.png")


def _save(figure: Figure, path: Path) -> None:
    # The software name would change the bytes with every matplotlib release.
    with replacing(path) as temporary:
        figure.savefig(
            temporary, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None}
        )
