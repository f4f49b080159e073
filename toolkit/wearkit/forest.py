"""The baseline: a random forest on standard features, trained and tested on the same people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError
from wearkit.evaluate import score_logits
from wearkit.features import features
from wearkit.metrics import TaskScore
from wearkit.split import Split
from wearkit.windows import WindowSet

if TYPE_CHECKING:
    from wearkit.run_folder import Run

TREES = 200


def evaluate_forest(windows: WindowSet, split: Split, seed: int = 0) -> dict[str, TaskScore]:
    """Task -> score on the split's test windows of one forest a task.

    Raises MissingToolError without scikit-learn, DataError for a split without training windows.
    """
    return score_logits(forest_probabilities(windows, split, seed), windows.take(split.test))


def forest_probabilities(
    windows: WindowSet, split: Split, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Task -> (test windows, labels): the share of leaves that vote for a label, over 200 trees.

    Trained on the split's training windows alone: the validation people stay unused, as they are
    for the weights of a network. The same seed gives the same figures.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as error:
        raise MissingToolError(
            "The forest needs scikit-learn: pip install 'wearkit[forest]'."
        ) from error
    if not len(split.train) or not len(split.test):
        raise DataError("The forest needs training and test windows: the split has none of one.")
    train, test = windows.take(split.train), windows.take(split.test)
    seen = features(train.inputs, windows.spec.rate_hz)
    asked = features(test.inputs, windows.spec.rate_hz)
    found: dict[str, NDArray[np.float64]] = {}
    for task in windows.tasks:
        forest = RandomForestClassifier(n_estimators=TREES, random_state=seed, n_jobs=-1)
        forest.fit(seen, train.targets[task.name])
        # Threads would add the trees' votes in any order, and the last digits with them.
        forest.set_params(n_jobs=1)
        shares = np.zeros((len(asked), len(task.labels)))
        shares[:, forest.classes_] = forest.predict_proba(asked)
        found[task.name] = shares
    return found


def training_windows(run: Run, windows: WindowSet) -> Split:
    """The split a run was trained with, of its data cut again.

    windows: as `wearkit train` cut them. Raises DataError when they are not the run's data, or
    when its split cannot be made again.
    """
    provenance = run.checkpoint.provenance
    known: Mapping[str, object] = provenance.get("data", {})
    if known.get("twin") or known.get("label_map"):
        raise DataError(
            f"{run.path} was trained with a sensor twin or a label map, which the forest does not "
            "make again: leave --forest away."
        )
    if windows.fingerprint != known.get("fingerprint"):
        raise DataError(
            f"These recordings are not the ones {run.path} was trained on (their fingerprint "
            "differs): give --data, --format and --units as they were for wearkit train."
        )
    split = _split_again(windows, provenance.get("split", {}))
    if not np.array_equal(windows.counts[split.test], run.test.counts):
        raise DataError(
            f"The split of {run.path} could not be made again: its test windows differ; was it "
            "trained by another version?"
        )
    return split


def _split_again(windows: WindowSet, told: Mapping[str, object]) -> Split:
    from wearkit.split import leave_one_out_split, subject_split

    kind = told.get("kind")
    try:
        fold, folds, seed = (int(str(told[name])) for name in ("fold", "folds", "seed"))
    except (KeyError, ValueError) as error:
        raise DataError("The run does not say how it was split: train again.") from error
    match kind:
        case "subject":
            return subject_split(windows, fold=fold, folds=folds, seed=seed)
        case "loso":
            return leave_one_out_split(windows, fold=fold, seed=seed)
        case _:
            raise DataError(
                f"The forest cannot make a split of kind {str(kind)!r} again: leave --forest away."
            )
