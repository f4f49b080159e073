"""More training windows: the same people through other sensors (wearkit.recordings.sensor_twin)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from wearkit.errors import DataError
from wearkit.recordings.recording import Recording
from wearkit.recordings.sensor_twin import SensorTwin, through_twin
from wearkit.windows.cut import cut
from wearkit.windows.split import Split, by_windows
from wearkit.windows.window_set import WindowSet


def with_twin_copies(
    windows: WindowSet,
    split: Split,
    recordings: Iterable[Recording],
    twin: SensorTwin,
    copies: int,
) -> tuple[WindowSet, Split]:
    """The windows, then those of `copies` twins of every recording of the training people; the
    same split, whose training part has grown by them. Validation and test stay as they are.

    recordings: those the windows were cut from, iterated again. A twin keeps its subject, and
    only people of the training part alone are copied, so no copy of anyone else gets in; the leak
    meter is run again over everything. Raises DataError for a split that parts windows and not
    people, where a copy of a training window could hold what a test window holds.
    """
    if copies < 1:
        raise DataError(f"The number of twin copies must be 1 or more, not {copies}.")
    if split.leak_share or split.shared_subjects or split.val_leak.shared_subjects:
        raise DataError(
            f"The {split.name} split has people, or copies of their recordings, in several parts, "
            "so copies of training windows would leak what is tested: leave out the twin, or split "
            "by people."
        )
    rate_hz = windows.spec.rate_hz
    subjects = frozenset(split.train_subjects)
    worn = through_twin(recordings, twin, rate_hz, copies=range(copies), subjects=subjects)
    added = cut(worn, windows.spec, tasks=windows.tasks)
    if added.tasks != windows.tasks:
        raise DataError("The twin's windows have lost a task: is every training label rare?")
    joined = WindowSet.concatenate([windows, added])
    note = f"Training windows also through {copies} sensor twin(s) of each recording: {twin}."
    joined = replace(
        joined,
        notes=(*windows.notes, note),
        origin=replace(windows.origin, twin=twin, twin_copies=copies, recorded=windows.fingerprint),
    )
    new = np.arange(len(windows), len(joined), dtype=np.int64)
    return joined, by_windows(
        joined,
        split.name,
        np.concatenate([split.train, new]),
        split.val,
        split.test,
        fold=split.fold,
        folds=split.folds,
        seed=split.seed,
    )
