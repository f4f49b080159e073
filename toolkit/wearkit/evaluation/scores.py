"""Scores of a float or an integer model on windows, its own or another recording's.

Windows of other recordings are to be cut with `cut(recordings, model.window, tasks=model.tasks)`,
which matches their labels to the model's by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, ModelFileError
from wearkit.evaluation.metrics import TaskScore, score_task
from wearkit.model.checkpoint import Checkpoint
from wearkit.optional_packages import require_packages
from wearkit.recordings.combined import person_of
from wearkit.spec import ModelSpec
from wearkit.training.run import Run
from wearkit.windows.window_set import WindowSet

_BATCH = 512  # windows at a time

OnProgress = Callable[[str, int, int], None]
"""Called with what is computed, what is done of it, and its total (0 where nobody knows)."""


def float_logits(
    checkpoint: Checkpoint,
    inputs: NDArray[np.int8],
    progress: OnProgress | None = None,
) -> dict[str, NDArray[np.float32]]:
    """inputs: (N, length, 3) int8 -> task -> (N, labels), by torch on the CPU.

    progress: called with what is computed, the windows done, and how many there are.
    Raises MissingToolError without torch, ModelFileError for weights so large that an answer is
    not finite.
    """
    require_packages("Scoring a run", "torch")
    import torch

    from wearkit.model.network import Network, inputs_g, load_weights

    network = Network(checkpoint.model).eval()
    load_weights(network, checkpoint.weights)
    parts: dict[str, list[NDArray[np.float32]]] = {task.name: [] for task in checkpoint.model.tasks}
    with torch.inference_mode():
        for number, chunk in enumerate(torch.split(torch.from_numpy(inputs), _BATCH)):
            if progress is not None:
                progress("float network", number * _BATCH, len(inputs))
            for name, logits in network(inputs_g(chunk)).items():
                parts[name].append(logits.numpy())
    whole = {name: np.concatenate(batches) for name, batches in parts.items()}
    if not all(np.isfinite(logits).all() for logits in whole.values()):
        raise ModelFileError("The network gives infinities for logits: train it again.")
    return whole


def score_logits(logits: Mapping[str, NDArray[Any]], windows: WindowSet) -> dict[str, TaskScore]:
    """logits: task -> (N, labels), float or int8; the first of equal logits wins, as on the
    device. Scores every task of the windows; raises ModelFileError when logits do not fit them."""
    scores = {}
    for task in windows.tasks:
        answers = logits.get(task.name)
        if answers is None or answers.shape != (len(windows), len(task.labels)):
            raise ModelFileError(f"The model does not answer task {task.name!r} of the windows.")
        scores[task.name] = score_task(
            task.labels,
            windows.targets[task.name],
            answers.argmax(axis=1),
            windows.subject,
            windows.subjects,
        )
    return scores


def evaluate_float(checkpoint: Checkpoint, windows: WindowSet) -> dict[str, TaskScore]:
    """Task -> score of the float network. Cut the windows with the model's spec and tasks."""
    check_fit(checkpoint.model, windows)
    return score_logits(float_logits(checkpoint, windows.inputs), windows)


def check_unseen(run: Run) -> None:
    """That the run's test windows are of people its network never saw; that they are of its own
    split, open_run sees to.

    The paper's split mixes people on purpose, and whoever scores it says that it leaks. Raises
    DataError when a tested person was trained or chosen on.
    """
    split = run.metrics.split
    if split.kind == "paper":
        return
    known = {person_of(name) for part in (split.train, split.val) for name in part.subjects}
    familiar = sorted(name for name in split.test.subjects if person_of(name) in known)
    if familiar:
        raise DataError(
            f"{run.path} tests {len(familiar)} people that its network was trained or chosen on, "
            f"{familiar[0]!r} for one: such scores say nothing of new people; split by people and "
            "train again."
        )


def check_fit(model: ModelSpec, windows: WindowSet) -> None:
    """Raises ModelFileError when the windows are none, cut otherwise, or of other tasks."""
    if windows.spec != model.window:
        raise ModelFileError("The windows are not cut as this model's were.")
    if not len(windows) or not set(windows.tasks) <= set(model.tasks):
        raise ModelFileError("The windows have other tasks or labels than the model.")
