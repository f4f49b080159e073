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

MOST_COUNTED = 40  # labels; with more, cells hold no counts: nobody could read them
MOST_NAMED = 60  # labels on an axis; with more, every second, third, ... is named
_LONGEST_NAME = 28  # characters of a label on an axis
_MARK = "wearkit train"  # in the pictures, so that nobody else's are taken for ours
_MARK_WITHIN = 1024  # bytes of a picture that hold it
_LARGEST_IN = 22.0  # inches of a side: 2400 pixels, whatever the number of labels


def confusion(task: str, score: TaskScore, title: str) -> Figure:
    """Rows are the truth, shaded by their share; cells hold window counts, zeros left blank.

    The picture has at most 22 inches a side: beyond MOST_COUNTED labels the counts are left out,
    beyond MOST_NAMED not every label is named, and the title says so.
    """
    matrix, labels = score.confusion, score.labels
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = min(_LARGEST_IN, max(3.4, 0.5 * len(labels) + 1.8))
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = 8 if len(labels) > 6 else 10
    counted = np.nonzero(matrix) if len(labels) <= MOST_COUNTED else ((), ())
    for row, column in zip(*counted, strict=True):
        colour = "white" if share[row, column] > 0.5 else "#222222"
        axes.text(
            column, row, str(matrix[row, column]), ha="center", va="center", color=colour,
            fontsize=size,
        )  # fmt: skip
    every = -(-len(labels) // MOST_NAMED)
    places = range(0, len(labels), every)
    names = [_shortened(label) for label in labels[::every]]
    # A label is a text, whatever dollar signs are in it, and never mathematics.
    as_it_is = {"parse_math": False}
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", **as_it_is)
    axes.set_yticks(places, names, **as_it_is)
    axes.tick_params(length=0, labelsize=size)
    axes.set_xlabel(f"predicted {task}", parse_math=False)
    axes.set_ylabel(f"true {task}", labelpad=8, parse_math=False)
    if len(labels) > MOST_COUNTED:
        named = f", every {every}th label named" if every > 1 else ""
        title += f"\n{len(labels)} labels: counts left out{named}"
    axes.set_title(title, fontsize=10, parse_math=False)
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

    Pictures of a run that was in `folder` before are removed: it may have had other tasks. Those
    that wearkit did not draw stay.
    """
    for pattern in ("curves.png", "confusion-*.png"):
        for picture in folder.glob(pattern):
            if _is_ours(picture):
                picture.unlink(missing_ok=True)
    if history:
        _save(curves(history, kept_epoch, caption), folder / "curves.png")
    for task, score in scores.items():
        title = f"{caption}\naccuracy {score.accuracy:.3f}, macro F1 {score.macro_f1:.3f}"
        _save(confusion(task, score, title), folder / f"confusion-{task}.png")


def _shortened(label: str) -> str:
    """Its beginning and its end, where it is too long for an axis."""
    if len(label) <= _LONGEST_NAME:
        return label
    half = (_LONGEST_NAME - 1) // 2
    return f"{label[:half]}…{label[-half:]}"


def _is_ours(picture: Path) -> bool:
    """Whether wearkit drew it, by the mark that `_save` leaves near a picture's beginning."""
    try:
        with picture.open("rb") as stream:
            return _MARK.encode() in stream.read(_MARK_WITHIN)
    except OSError:
        return False


def _save(figure: Figure, path: Path) -> None:
    # The software name would change the bytes with every matplotlib release.
    with replacing(path) as temporary:
        figure.savefig(
            temporary,
            format="png",
            dpi=110,
            bbox_inches="tight",
            metadata={"Software": None, "Source": _MARK},
        )
