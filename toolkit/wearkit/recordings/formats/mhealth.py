"""MHEALTH: 10 people, chest, left ankle and right lower arm, 12 activities (UCI 319, CC BY 4.0).

Banos et al., "mHealthDroid: a novel framework for agile development of mobile health
applications", IWAAL 2014. `mHealth_subjectN.log`: 24 columns, blank or tab separated, m/s2 at
50 Hz without time; column 23 (from 0) is the label, 0 where none of the 12 activities was done.
That null class, 72 % of the rows, is unlabelled here unless it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.table import read_table
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 50.0
TASK = "activity"
WIDTH = 24
LABEL_COLUMN = 23
PLACEMENTS = {"chest": 0, "left_ankle": 5, "right_lower_arm": 14}  # first of three columns
ACTIVITIES = (
    "standing",
    "sitting",
    "lying",
    "walking",
    "climbing_stairs",
    "waist_bends",
    "arm_elevation",
    "knees_bending",
    "cycling",
    "jogging",
    "running",
    "jump_front_back",
)
NULL = "null"
_FILE = re.compile(r"(.*/)?mHealth_subject(\d{1,2})\.log")


def recognise(source: Source) -> bool:
    """Whether the source holds MHEALTH's logs, by the names of its files alone."""
    return any(map(_FILE.fullmatch, source.names))


def open_mhealth(source: Source, units: Unit | None) -> Dataset:
    """Without the null class. Raises DataError when units other than m/s2 are asked for."""
    return _open(source, units, "mhealth", with_null=False)


def open_mhealth_null(source: Source, units: Unit | None) -> Dataset:
    """With the null class as a thirteenth label, as the Smooth-Distill paper counts it."""
    return _open(source, units, "mhealth-null", with_null=True)


def _open(source: Source, units: Unit | None, format: str, *, with_null: bool) -> Dataset:
    if units not in (None, Unit.M_S2):
        raise DataError(f"MHEALTH is in m/s2 by its definition, not {units}: leave out --units.")
    return Dataset(
        name=str(source.path),
        format=format,
        simulated=False,
        recordings=lambda: _recordings(source, with_null=with_null),
        notes=("MHEALTH has no timestamps: its rate is 50 Hz by declaration, not measured.",),
    )


def _recordings(source: Source, *, with_null: bool) -> Iterator[Recording]:
    names = (NULL, *ACTIVITIES) if with_null else ACTIVITIES
    first_label = 0 if with_null else 1
    for name, stream in source.read(lambda name: _FILE.fullmatch(name) is not None):
        match = _FILE.fullmatch(name)
        assert match is not None
        full = f"{source.path}: {name}"
        table = read_table(stream, full, width=WIDTH)
        label = table.values[:, LABEL_COLUMN]
        if not np.isin(label, np.arange(len(ACTIVITIES) + 1)).all():
            raise DataError(f"{full} has a label that is not 0 to 12: copy the data set again.")
        codes = label.astype(np.int16) - np.int16(first_label)
        for placement, column in PLACEMENTS.items():
            acc_g = table.values[:, column : column + 3] / Unit.M_S2.per_g
            yield Recording(
                acc_g=acc_g.astype(np.float32),
                time_s=table.row / RATE_HZ,
                rate_hz=RATE_HZ,
                subject=f"subject{int(match.group(2)):02d}",
                placement=placement,
                source=full,
                labels=LabelTrack(TASK, names, codes),
                dropped=table.dropped,
            )
