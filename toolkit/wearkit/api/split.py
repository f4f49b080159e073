"""split(): who is trained on, who validates, who is tested."""

from __future__ import annotations

from wearkit.errors import DataError
from wearkit.windows.evaluation_protocol import split_windows
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


def split(
    windows: WindowSet, protocol: str = "subject", *, fold: int = 0, folds: int = 5, seed: int = 0
) -> Split:
    """Indices into `windows`: `train`, `val` and `test`, (n,) int64, ascending and disjoint.

    protocol: "subject", groups of subjects; "loso", one subject; "official", the test subjects a
    data set's authors named; "paper", random windows, which leak. folds counts for "subject".
    `leak_share` is measured on the windows: 0 for an honest split.

    Raises DataError for too few subjects, a fold there is not, or "dataset", which takes windows
    away too (wearkit.windows.evaluation_protocol.cut_and_split).

    >>> wk.split(windows, "subject", fold=0).leak_share
    0.0
    """
    if protocol == "dataset":
        raise DataError(
            "Leaving a data set out changes the windows too: use cut_and_split of "
            "wearkit.windows.evaluation_protocol, or wearkit train --split dataset."
        )
    sets = windows.origin.sets
    data_format = sets[0] if len(sets) == 1 else ""
    return split_windows(windows, data_format, protocol, fold=fold, folds=folds, seed=seed)
