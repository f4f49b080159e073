"""Training on some data sets and testing on another, over the labels that both sides have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wearkit.errors import DataError
from wearkit.recordings.combined import NOT_MAPPED, part_of
from wearkit.recordings.dataset import Dataset
from wearkit.spec import PLACEMENT_TASK, TaskSpec, WindowSpec
from wearkit.windows.copies import one_name_each
from wearkit.windows.cut import cut
from wearkit.windows.lineage import Lineage
from wearkit.windows.split import Split, named_split
from wearkit.windows.window_set import WindowSet

LEFT_OUT = "label not in the label map"
ONE_SIDED = "label not in both the training and the tested data sets"


def cut_mapped(dataset: Dataset, spec: WindowSpec, *, gravity_check: bool = False) -> WindowSet:
    """Windows of a `recordings.combined` data set, those of labels outside the map left out.

    The placement task stays only where all data sets have the same placements: a head that tells
    watch from waist would tell the data sets apart. gravity_check: as of windows.cut. Raises
    DataError when fewer than two of the map's labels occur, and for a wrong unit.
    """
    label_map = dataset.label_map
    if label_map is None:
        raise DataError("These recordings are under no label map.")
    windows = one_name_each(cut(dataset, spec, gravity_check=gravity_check))
    if label_map.task not in windows.targets:
        raise DataError(f"The label map {label_map.name} finds none of its labels, or one only.")
    windows = _with_labels(windows, label_map.task, label_map.labels, LEFT_OUT)
    for key in dataset.parts:
        if not any(part_of(windows.subjects[code]) == key for code in np.unique(windows.subject)):
            raise DataError(f"No window of {key} has a label of the map {label_map.name}.")
    if PLACEMENT_TASK in windows.targets and not _same_placements(windows):
        note = "The task 'placement' was left out: the data sets have different placements."
        windows = replace(windows.only(label_map.task), notes=(*windows.notes, note))
    return replace(windows, origin=Lineage(sets=dataset.parts, label_map=label_map))


def leave_one_set_out(
    windows: WindowSet, dataset: Dataset, *, fold: int = 0, seed: int = 0
) -> tuple[WindowSet, Split]:
    """Data set number `fold`, in the order given, is tested; of the people of the others a fifth
    validate. Windows of labels that only one side has are left out, and counted.

    Raises DataError for fewer than two data sets and for a fold without one.
    """
    parts = dataset.parts
    if len(parts) < 2 or dataset.label_map is None:
        raise DataError("Leaving a data set out needs two or more of them and a label map.")
    if not 0 <= fold < len(parts):
        raise DataError(f"Fold {fold} does not exist: there are data sets 0 to {len(parts) - 1}.")
    task = dataset.label_map.task
    own = [part_of(subject) == parts[fold] for subject in windows.subjects]
    tested = np.array(own, np.bool_)[windows.subject]
    labels = next(spec.labels for spec in windows.tasks if spec.name == task)
    target = windows.targets[task]
    both = np.intersect1d(target[tested], target[~tested])
    shared = tuple(labels[code] for code in both)
    windows = _with_labels(windows, task, shared, ONE_SIDED)
    subjects = [windows.subjects[code] for code in np.unique(windows.subject)]
    split = named_split(
        windows,
        "dataset",
        [subject for subject in subjects if part_of(subject) == parts[fold]],
        fold=fold,
        folds=len(parts),
        seed=seed,
    )
    others = ", ".join(part for part in parts if part != parts[fold])
    note = f"Tested on people of {parts[fold]}; trained and validated on those of {others}."
    origin = replace(windows.origin, tested_set=parts[fold])
    return replace(windows, origin=origin, notes=(*windows.notes, note)), split


def _with_labels(windows: WindowSet, task: str, labels: tuple[str, ...], why: str) -> WindowSet:
    """Only the windows of these labels of a task, and of them only those that occur; the others
    are counted as rejected."""
    spec = next(item for item in windows.tasks if item.name == task)
    present = {spec.labels[code] for code in np.unique(windows.targets[task])}
    kept = tuple(name for name in labels if name in present and name != NOT_MAPPED)
    if len(kept) < 2:
        names = ", ".join(kept) or "none"
        raise DataError(f"The data sets share {names} of the labels of {task!r}: two are needed.")
    index = {name: code for code, name in enumerate(kept)}
    code = np.array([index.get(name, -1) for name in spec.labels], np.int16)[windows.targets[task]]
    keep = np.flatnonzero(code >= 0)
    lost = len(windows) - len(keep)
    labelled = windows.take(keep) if lost else windows
    return replace(
        labelled,
        tasks=tuple(TaskSpec(task, kept) if item.name == task else item for item in labelled.tasks),
        targets={**labelled.targets, task: code[keep]},
        rejected={**labelled.rejected, **({why: lost} if lost else {})},
    )


def _same_placements(windows: WindowSet) -> bool:
    """Whether every data set has windows of every placement."""
    sets = np.array([part_of(subject) for subject in windows.subjects])[windows.subject]
    column = windows.targets[PLACEMENT_TASK]
    by_set = [set(np.unique(column[sets == name]).tolist()) for name in np.unique(sets)]
    return all(codes == by_set[0] for codes in by_set)
