"""From a data set to windows and their split, by the name of the protocol."""

from __future__ import annotations

from dataclasses import replace

from wearkit.errors import DataError
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.uci_har import OFFICIAL_TEST_SUBJECTS
from wearkit.spec import SPLITS, WindowSpec
from wearkit.windows.cache import cached_cut, cached_stream
from wearkit.windows.copies import one_name_each
from wearkit.windows.leave_one_set_out import cut_mapped, leave_one_set_out
from wearkit.windows.lineage import Lineage
from wearkit.windows.paper_split import paper_split
from wearkit.windows.split import Split, leave_one_out_split, named_split, subject_split
from wearkit.windows.window_set import WindowSet

# HAPT holds the same 30 people under the same numbers.
_OFFICIAL = {"uci-har": OFFICIAL_TEST_SUBJECTS, "hapt": OFFICIAL_TEST_SUBJECTS}


def cut_and_split(
    dataset: Dataset,
    spec: WindowSpec,
    split: str,
    *,
    fold: int = 0,
    folds: int = 5,
    seed: int = 0,
    gravity_check: bool = True,
) -> tuple[WindowSet, Split]:
    """split: a name of SPLITS. folds counts for "subject" only: the others have their own.
    "dataset" needs recordings of several data sets (recordings.combined). gravity_check: as of
    windows.cut.

    Raises DataError for a protocol this data set does not have, and for a wrong unit.
    """
    windows = cut_for(dataset, spec, split, gravity_check=gravity_check)
    if split == "dataset":
        return leave_one_set_out(windows, dataset, fold=fold, seed=seed)
    return windows, split_windows(windows, dataset.format, split, fold=fold, folds=folds, seed=seed)


def cut_for(
    dataset: Dataset, spec: WindowSpec, split: str, *, gravity_check: bool = True
) -> WindowSet:
    """The windows that every fold of the protocol is made of: cut once, split often.

    People who share recordings are one person in them (windows.copies). gravity_check: as of
    windows.cut. Raises DataError for a wrong unit.
    """
    if dataset.label_map is None:
        cutter = cached_stream if split == "paper" else cached_cut
        windows = cutter(dataset, spec, gravity_check=gravity_check)
        if split != "paper":  # whose windows are of one run, and leak by design
            windows = one_name_each(windows)
        return replace(windows, origin=Lineage(sets=(dataset.format,)))
    if split == "paper":
        raise DataError("The paper's split has no label map: leave out --label-map.")
    return cut_mapped(dataset, spec, gravity_check=gravity_check)


def split_windows(
    windows: WindowSet,
    data_format: str,
    split: str,
    *,
    fold: int = 0,
    folds: int = 5,
    seed: int = 0,
) -> Split:
    """windows: of `cut_for`. data_format: of the data set they were cut from.

    Every split but "dataset", which takes windows away too (leave_one_set_out).
    """
    match split:
        case "subject":
            return subject_split(windows, fold=fold, folds=folds, seed=seed)
        case "loso":
            return leave_one_out_split(windows, fold=fold, seed=seed)
        case "paper":
            return paper_split(windows, fold=fold, seed=seed)
        case "official" if data_format in _OFFICIAL:
            return named_split(windows, "official", _OFFICIAL[data_format], seed=seed)
        case "official":
            known = ", ".join(sorted(_OFFICIAL))
            raise DataError(f"Only {known} have an official split, not {data_format}.")
    raise DataError(f"Unknown split {split!r}: choose one of {', '.join(SPLITS)}.")
