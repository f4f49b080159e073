"""UCI HAR: 30 people, a phone at the waist, 6 activities (UCI 240, CC BY 4.0).

Anguita, Ghio, Oneto, Parra, Reyes-Ortiz, "A Public Domain Dataset for Human Activity Recognition
Using Smartphones", ESANN 2013. It is published as windows of 128 samples that overlap by half, at
50 Hz in g. Windows whose halves are equal are joined back into the run they were cut from, so
that windows of any length can be cut from it. HAPT holds the same people's unbroken recordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.table import read_table
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 50.0
TASK = "activity"
LENGTH, STEP = 128, 64
ACTIVITIES = (
    "walking",
    "walking_upstairs",
    "walking_downstairs",
    "sitting",
    "standing",
    "laying",
)
# The people of the authors' own test part.
OFFICIAL_TEST_SUBJECTS = tuple(f"user{n:02d}" for n in (2, 4, 9, 10, 12, 13, 18, 20, 24))

_FILE = re.compile(
    r"(?:.*/)?(train|test)/"
    r"(?:Inertial Signals/(total_acc_[xyz])|(subject|y))_(?:train|test)\.txt"
)
_AXES = ("total_acc_x", "total_acc_y", "total_acc_z")


def recognise(source: Source) -> bool:
    """Whether the source holds UCI HAR, by the names of its files alone."""
    return any(name.endswith("/total_acc_x_train.txt") for name in source.names)


def open_uci_har(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than g are asked for."""
    if units not in (None, Unit.G):
        raise DataError(f"UCI HAR is in g by its definition, not {units}: leave out --units.")
    return Dataset(
        name=str(source.path),
        format="uci-har",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=("UCI HAR has no timestamps: its rate is 50 Hz by declaration, not measured.",),
    )


def _recordings(source: Source) -> Iterator[Recording]:
    parts: dict[str, dict[str, NDArray[np.float64]]] = {"test": {}, "train": {}}
    for name, stream in source.read(lambda name: _FILE.fullmatch(name) is not None):
        match = _FILE.fullmatch(name)
        assert match is not None
        column = match.group(2) or match.group(3)
        table = read_table(stream, f"{source.path}: {name}", width=LENGTH if column in _AXES else 1)
        if table.dropped:
            raise DataError(f"{source.path}: {name} is damaged: copy the data set again.")
        parts[match.group(1)][column] = table.values
    for part, columns in parts.items():
        yield from _joined(columns, f"{source.path}: {part}")


def _joined(columns: dict[str, NDArray[np.float64]], source: str) -> Iterator[Recording]:
    """One recording for each chain of windows that share halves, person and label."""
    if set(columns) != {*_AXES, "subject", "y"} or len({len(v) for v in columns.values()}) != 1:
        raise DataError(f"{source} lacks a file or a row of one: copy the data set again.")
    windows = np.stack([columns[axis] for axis in _AXES], axis=2)  # (N, 128, 3)
    subject = columns["subject"][:, 0]
    label = columns["y"][:, 0]
    if not np.isin(label, np.arange(1, len(ACTIVITIES) + 1)).all():
        raise DataError(f"{source}: y holds a label that is not 1 to 6: copy the data set again.")
    follows = (windows[:-1, STEP:] == windows[1:, :STEP]).all(axis=(1, 2))
    follows &= (subject[:-1] == subject[1:]) & (label[:-1] == label[1:])
    edges = [0, *(np.flatnonzero(~follows) + 1).tolist(), len(windows)]
    for first, last in pairwise(edges):
        acc_g = np.concatenate([windows[first], *windows[first + 1 : last, STEP:]])
        yield Recording(
            acc_g=acc_g.astype(np.float32),
            time_s=np.arange(len(acc_g)) / RATE_HZ,
            rate_hz=RATE_HZ,
            subject=f"user{int(subject[first]):02d}",
            placement="waist",
            source=source,
            labels=LabelTrack(
                TASK, ACTIVITIES, np.full(len(acc_g), int(label[first]) - 1, np.int16)
            ),
        )
