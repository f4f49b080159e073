"""From a data set to windows and their split, by the name of the protocol."""

from __future__ import annotations

from dataclasses import replace

from wearkit.cross_set import cut_mapped, leave_one_set_out
from wearkit.cut import cut
from wearkit.errors import DataError
from wearkit.origin import Origin
from wearkit.paper_split import cut_stream, paper_split
from wearkit.readers.dataset import Dataset
from wearkit.readers.uci_har import OFFICIAL_TEST_SUBJECTS
from wearkit.spec import WindowSpec
from wearkit.split import Split, leave_one_out_split, named_split, subject_split
from wearkit.windows import WindowSet

SPLITS = ("subject", "loso", "dataset", "official", "paper")
# HAPT holds the same 30 people under the same numbers.
_OFFICIAL = {"uci-har": OFFICIAL_TEST_SUBJECTS, "hapt": OFFICIAL_TEST_SUBJECTS}


def cut_and_split(
    dataset: Dataset, spec: WindowSpec, split: str, *, fold: int = 0, folds: int = 5, seed: int = 0
) -> tuple[WindowSet, Split]:
    """split: a name of SPLITS. folds counts for "subject" only: the others have their own.
    "dataset" needs recordings of several data sets (readers.combined).

    Raises DataError for a protocol this data set does not have.
    """
    if split == "paper":
        if dataset.label_map is not None:
            raise DataError("The paper's split has no label map: leave --label-map away.")
        windows = cut_stream(dataset, spec)
        return windows, paper_split(windows, fold=fold, seed=seed)
    if split == "official" and dataset.format not in _OFFICIAL:
        known = ", ".join(sorted(_OFFICIAL))
        raise DataError(f"Only {known} have an official split, not {dataset.format}.")
    if dataset.label_map is not None:
        windows = cut_mapped(dataset, spec)
    else:
        windows = replace(cut(dataset, spec), origin=Origin(sets=(dataset.format,)))
    if split == "official":
        return windows, named_split(windows, "official", _OFFICIAL[dataset.format], seed=seed)
    if split == "loso":
        return windows, leave_one_out_split(windows, fold=fold, seed=seed)
    if split == "dataset":
        return leave_one_set_out(windows, dataset, fold=fold, seed=seed)
    if split == "subject":
        return windows, subject_split(windows, fold=fold, folds=folds, seed=seed)
    raise DataError(f"Unknown split {split!r}: choose one of {', '.join(SPLITS)}.")
