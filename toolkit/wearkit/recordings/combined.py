"""Several data sets as one, under the labels they share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wearkit.errors import DataError
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.label_map import LabelMap
from wearkit.recordings.recording import UNLABELLED, LabelTrack, Recording
from wearkit.spec import MAX_TEXT

COMBINED = "combined"
NOT_MAPPED = "(not mapped)"  # what a label that the map leaves out becomes
# One format, many data sets: these go by the name of their file or folder.
_GENERIC = ("csv", "cwa", "sleep")
_SAME_PEOPLE = {"uci-har": "hapt"}  # and the same names


@dataclass(frozen=True, slots=True)
class _Part:
    key: str
    dataset: Dataset
    table: Mapping[str, str]


def combined(datasets: Sequence[Dataset], label_map: LabelMap) -> Dataset:
    """The recordings of all, one data set after the other, under the map's labels.

    A label that the map leaves out becomes NOT_MAPPED, so that it can be counted and refused as a
    whole. Subjects become "<data set>:<subject>": equal names in two data sets are two people.
    Raises DataError, here or while iterating, when the map has no table for a data set or names a
    label that it does not have, and for data sets of the same name or the same people.
    """
    keys = [part_name(dataset) for dataset in datasets]
    long = [key for key in keys if len(key) > MAX_TEXT]
    if long:
        raise DataError(
            f"The data set {long[0][:MAX_TEXT]}... is called by over {MAX_TEXT} characters, which "
            "begin the name of each of its people: rename its file or folder."
        )
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise DataError(
            f"Two data sets are called {twice[0]}: put the files of one data set together, or "
            "rename a file or folder."
        )
    for derived, original in _SAME_PEOPLE.items():
        if {derived, original} <= set(keys):
            raise DataError(f"{derived} and {original} hold the same people: give one of them.")
    parts = [
        _Part(key, dataset, label_map.table(key, dataset.format))
        for key, dataset in zip(keys, datasets, strict=True)
    ]
    return Dataset(
        name=", ".join(dataset.name for dataset in datasets),
        format=COMBINED,
        simulated=any(dataset.simulated for dataset in datasets),
        recordings=lambda: _recordings(parts, label_map),
        notes=tuple(note for dataset in datasets for note in dataset.notes),
        label_map=label_map,
        parts=tuple(keys),
    )


def part_name(dataset: Dataset) -> str:
    """What a label map calls it: a published data set by its format, another by its file."""
    if dataset.format not in _GENERIC:
        return dataset.format
    name = Path(dataset.name).resolve().name
    return re.sub(r"[^A-Za-z0-9_-]", "_", name.partition(".")[0] or name)


def part_of(subject: str) -> str:
    """The data set that a combined data set's subject is from."""
    return subject.partition(":")[0]


def person_of(subject: str) -> str:
    """One name for a combined data set's subjects who are the same person."""
    key, separator, name = subject.partition(":")
    return f"{_SAME_PEOPLE.get(key, key)}{separator}{name}"


def _recordings(parts: Sequence[_Part], label_map: LabelMap) -> Iterator[Recording]:
    for part in parts:
        for recording in part.dataset:
            yield replace(
                recording,
                subject=f"{part.key}:{recording.subject}",
                labels=_mapped(recording.labels, part, label_map),
            )


def _mapped(labels: LabelTrack, part: _Part, label_map: LabelMap) -> LabelTrack:
    unknown = [own for own in part.table if own not in labels.names]
    if unknown:
        raise DataError(
            f"The label map {label_map.name} names {unknown[0]!r}, which {part.key} does not have: "
            f"its labels are {', '.join(labels.names)}."
        )
    names = (*label_map.labels, NOT_MAPPED)
    index = {name: code for code, name in enumerate(names)}
    to = [index[part.table.get(name, NOT_MAPPED)] for name in labels.names]
    codes = np.array([*to, UNLABELLED], np.int16)[labels.codes]  # -1 is the last
    return LabelTrack(label_map.task, names, codes)
