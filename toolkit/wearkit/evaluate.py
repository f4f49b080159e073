"""Scores of a float or an integer model on windows, its own or another recording's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.checkpoint import Checkpoint
from wearkit.errors import DataError, ModelFileError
from wearkit.metrics import TaskScore, score_task
from wearkit.spec import ModelSpec, TaskSpec
from wearkit.windows import WindowSet

UNKNOWN = -1  # target of a window whose label the model does not have


@dataclass(frozen=True, slots=True, eq=False)
class MatchedWindows:
    """Windows with targets in a model's own tasks and labels.

    targets: task of the model -> (N,) int16, UNKNOWN where the window's label is not the model's.
    """

    windows: WindowSet
    targets: Mapping[str, NDArray[np.int16]]
    notes: tuple[str, ...]


def match_labels(windows: WindowSet, model: ModelSpec) -> MatchedWindows:
    """Find the model's tasks and labels in the data, by name.

    What has no counterpart is dropped and named in a note. Raises DataError when no window has a
    label the model knows, ModelFileError when the windows are not cut as the model expects.
    """
    if windows.spec != model.window:
        raise ModelFileError("The windows are not cut as this model's were.")
    theirs = {task.name: task for task in windows.tasks}
    targets: dict[str, NDArray[np.int16]] = {}
    notes: list[str] = []
    for task in model.tasks:
        if task.name not in theirs:
            notes.append(f"Task {task.name} is not in the data and is not scored.")
            continue
        column = _translate(windows.targets[task.name], theirs[task.name], task)
        unknown = int((column == UNKNOWN).sum())
        if unknown:
            strange = sorted(set(theirs[task.name].labels) - set(task.labels))
            notes.append(
                f"{unknown} windows have no {task.name} label of the model and are not scored "
                f"({', '.join(strange)})."
            )
        if unknown < len(column):
            targets[task.name] = column
    if not targets:
        known = "; ".join(f"{task.name}: {', '.join(task.labels)}" for task in model.tasks)
        raise DataError(f"No label in the data is one of the model's ({known}).")
    keep = np.flatnonzero(np.any([column != UNKNOWN for column in targets.values()], axis=0))
    return MatchedWindows(
        windows.take(keep), {name: column[keep] for name, column in targets.items()}, tuple(notes)
    )


def _translate(codes: NDArray[np.int16], theirs: TaskSpec, mine: TaskSpec) -> NDArray[np.int16]:
    places = {label: number for number, label in enumerate(mine.labels)}
    table = np.array([places.get(label, UNKNOWN) for label in theirs.labels], np.int16)
    return table[codes]


def float_logits(
    checkpoint: Checkpoint, inputs: NDArray[np.int8]
) -> dict[str, NDArray[np.float32]]:
    """inputs: (N, length, 3) int8 -> task -> (N, labels), by torch on the CPU."""
    import torch

    from wearkit.networks import Network, inputs_g, load_weights

    network = Network(checkpoint.model).eval()
    load_weights(network, checkpoint.weights)
    parts: dict[str, list[NDArray[np.float32]]] = {task.name: [] for task in checkpoint.model.tasks}
    with torch.inference_mode():
        for chunk in torch.split(torch.from_numpy(inputs), 512):
            for name, logits in network(inputs_g(chunk)).items():
                parts[name].append(logits.numpy())
    return {name: np.concatenate(found) for name, found in parts.items()}


def score_logits(
    model: ModelSpec, logits: Mapping[str, NDArray[Any]], matched: MatchedWindows
) -> dict[str, TaskScore]:
    """logits: task -> (N, labels), float or int8; the first of equal logits wins, as on the
    device. Only tasks and windows with a known target are scored."""
    scores = {}
    for task in model.tasks:
        if task.name not in matched.targets:
            continue
        truth = matched.targets[task.name]
        known = truth != UNKNOWN
        scores[task.name] = score_task(
            task.labels,
            truth[known],
            logits[task.name].argmax(axis=1)[known],
            matched.windows.subject[known],
            matched.windows.subjects,
        )
    return scores
