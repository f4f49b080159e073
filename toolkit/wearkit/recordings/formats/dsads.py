"""Daily and Sports Activities: 8 people, five placements, 19 activities (UCI 256, CC BY 4.0).

Barshan, Yuksek, The Computer Journal 57 (2014) 1649-1667. `aAA/pP/sSS.txt`: 125 rows of 45
numbers, 5 s at 25 Hz; nine columns for each unit, of which the first three are the accelerometer
in m/s2. Segments of one activity and person follow each other without a seam and are joined; a
missing one is a gap in time.

Person 1 has no measurement in the fifth second of every segment of two activities: all 45 columns
are 0 there, in the files as they are published. Such rows are dropped and leave a gap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.table import read_table
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 25.0
TASK = "activity"
WIDTH = 45
SEGMENT_ROWS = 125
PLACEMENTS = {"torso": 0, "right_arm": 9, "left_arm": 18, "right_leg": 27, "left_leg": 36}
ACTIVITIES = (
    "sitting",
    "standing",
    "lying_back",
    "lying_right",
    "stairs_up",
    "stairs_down",
    "standing_in_lift",
    "moving_in_lift",
    "walking",
    "treadmill_flat",
    "treadmill_incline",
    "running",
    "stepper",
    "cross_trainer",
    "cycling_horizontal",
    "cycling_vertical",
    "rowing",
    "jumping",
    "basketball",
)
NOTHING_MEASURED = "all sensors read 0"
_FILE = re.compile(r"(?:.*/)?a(\d{2})/p(\d)/s(\d{2})\.txt")


def recognise(source: Source) -> bool:
    """Whether the source holds the segments of DSADS, by the names of its files alone."""
    return any(map(_FILE.fullmatch, source.names))


def open_dsads(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than m/s2 are asked for."""
    if units not in (None, Unit.M_S2):
        raise DataError(f"DSADS is in m/s2 by its definition, not {units}: leave out --units.")
    return Dataset(
        name=str(source.path),
        format="dsads",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=("DSADS has no timestamps: its rate is 25 Hz by declaration, not measured.",),
    )


@dataclass(slots=True)
class _Run:
    """The segments of one activity and person. acc: segment -> (n, 15) float32 in g."""

    acc: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    row: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)


def _recordings(source: Source) -> Iterator[Recording]:
    expected = Counter(_run_of(name) for name in source.names if _FILE.fullmatch(name))
    runs: dict[tuple[int, int], _Run] = {}
    for name, stream in source.read(lambda name: _FILE.fullmatch(name) is not None):
        full = f"{source.path}: {name}"
        key, segment = _run_of(name), _segment_of(name)
        table = read_table(stream, full, width=WIDTH, delimiter=",")
        if table.rows_in_file > SEGMENT_ROWS:
            raise DataError(f"{full} has over {SEGMENT_ROWS} rows: copy the data set again.")
        run = runs.setdefault(key, _Run())
        columns = [first + axis for first in PLACEMENTS.values() for axis in range(3)]
        measured = table.values.any(axis=1)
        values, row = table.values[measured], table.row[measured]
        run.acc[segment] = (values[:, columns] / Unit.M_S2.per_g).astype(np.float32)
        run.row[segment] = row + (segment - 1) * SEGMENT_ROWS
        run.dropped.update(table.dropped)
        run.dropped[NOTHING_MEASURED] += len(table.row) - len(row)
        expected[key] -= 1
        if not expected[key]:
            yield from _joined(runs.pop(key), key, str(source.path))


def _joined(run: _Run, key: tuple[int, int], path: str) -> Iterator[Recording]:
    activity, person = key
    if not 1 <= activity <= len(ACTIVITIES):
        raise DataError(f"{path}: there is no DSADS activity a{activity:02d}.")
    order = sorted(run.acc)
    acc_g = np.concatenate([run.acc[segment] for segment in order])
    row = np.concatenate([run.row[segment] for segment in order])
    for number, placement in enumerate(PLACEMENTS):
        yield Recording(
            acc_g=np.ascontiguousarray(acc_g[:, 3 * number : 3 * number + 3]),
            time_s=row / RATE_HZ,
            rate_hz=RATE_HZ,
            subject=f"p{person}",
            placement=placement,
            source=f"{path}: a{activity:02d}/p{person}",
            labels=LabelTrack(TASK, ACTIVITIES, np.full(len(row), activity - 1, np.int16)),
            dropped=dict(sorted((+run.dropped).items())),
        )


def _run_of(name: str) -> tuple[int, int]:
    match = _FILE.fullmatch(name)
    assert match is not None
    return int(match.group(1)), int(match.group(2))


def _segment_of(name: str) -> int:
    match = _FILE.fullmatch(name)
    assert match is not None
    return int(match.group(3))
