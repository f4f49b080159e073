"""The baseline: a random forest on standard features, trained and tested on the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError
from wearkit.evaluation.features import features
from wearkit.model.provenance import DataRecord, HowSplit
from wearkit.spec import WindowSpec
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

if TYPE_CHECKING:
    from wearkit.recordings.dataset import Dataset
    from wearkit.training.run import Run

TREES = 200


def forest_probabilities(
    windows: WindowSet, split: Split, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Task -> (test windows, labels): the share of leaves that vote for a label, over 200 trees.

    Trained on the split's training windows alone: the validation people stay unused, as they are
    for the weights of a network. The same seed gives the same figures.

    Raises MissingToolError without scikit-learn, DataError for a split without training windows.
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
    train_features = features(train.inputs, windows.spec.rate_hz)
    test_features = features(test.inputs, windows.spec.rate_hz)
    probabilities: dict[str, NDArray[np.float64]] = {}
    for task in windows.tasks:
        forest = RandomForestClassifier(n_estimators=TREES, random_state=seed, n_jobs=-1)
        forest.fit(train_features, train.targets[task.name])
        # Threads would add the trees' votes in any order, and the last digits with them.
        forest.set_params(n_jobs=1)
        shares = np.zeros((len(test_features), len(task.labels)))
        shares[:, forest.classes_] = forest.predict_proba(test_features)
        probabilities[task.name] = shares
    return probabilities


class TrainingData:
    """The recordings that runs were trained on, cut again: once for all folds of one split."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._cut: dict[tuple[str, WindowSpec], WindowSet] = {}

    def of(self, run: Run) -> tuple[WindowSet, Split]:
        """The windows and the split of a run, as `wearkit train` made them.

        Raises DataError when the recordings are not the run's, or its split cannot be made again.
        """
        from wearkit.windows.evaluation_protocol import cut_for, split_windows

        model, how = run.checkpoint.model, _how_split(run)
        known = run.checkpoint.provenance.data or DataRecord()
        if known.origin.label_map is not None:
            raise DataError(
                f"{run.path} was trained under a label map, which the forest does not apply again: "
                "leave out --forest."
            )
        try:
            key = (how.kind, model.window)
            if key not in self._cut:
                self._cut[key] = cut_for(self._dataset, model.window, how.kind, gravity_check=False)
            # Split before tasks are left out, as in training: paper windows are stratified.
            windows = self._cut[key]
            learned = windows.only(model.tasks[0].name) if len(model.tasks) == 1 else windows
        except DataError as error:
            raise _not_its_data(run, str(error).rstrip(".")) from error
        if learned.fingerprint != known.fingerprint:
            raise _not_its_data(run, "their fingerprint differs")
        split = split_windows(
            windows, self._dataset.format, how.kind, fold=how.fold, folds=how.folds, seed=how.seed
        )
        if not np.array_equal(learned.counts[split.test], run.test.counts):
            raise DataError(
                f"The split of {run.path} could not be made again: its test windows differ; was it "
                "trained by another version?"
            )
        return learned, split


def _not_its_data(run: Run, why: str) -> DataError:
    return DataError(
        f"These recordings are not the ones {run.path} was trained on ({why}): give --data, "
        "--format and --units as they were for wearkit train."
    )


def _how_split(run: Run) -> HowSplit:
    if run.checkpoint.provenance.split is None:
        raise DataError(f"{run.path} does not say how it was split: train again.")
    return run.checkpoint.provenance.split
