"""HAPT: 30 people, a phone at the waist, 12 activities and transitions (UCI 341, CC BY 4.0).

Reyes-Ortiz, Oneto, Sama, Parra, Anguita, "Transition-Aware Human Activity Recognition Using
Smartphones", Neurocomputing 171 (2016) 754-767. `RawData/acc_expEE_userUU.txt` holds `x y z` in
g at 50 Hz and no time; `RawData/labels.txt` holds runs `experiment user activity start end`,
counted from 1, both ends included. Rows outside every run are unlabelled.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.text_rows import TOO_LONG, UNFINISHED, Lines, parse_rows
from wearkit.recordings.recording import UNLABELLED, LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 50.0
TASK = "activity"
PLACEMENT = "waist"
LABELS = (
    "walking",
    "walking_upstairs",
    "walking_downstairs",
    "sitting",
    "standing",
    "laying",
    "stand_to_sit",
    "sit_to_stand",
    "sit_to_lie",
    "lie_to_sit",
    "stand_to_lie",
    "lie_to_stand",
)
_MAX_NUMBER = 1e9  # of a user, a label or a row
_SAMPLES = re.compile(r"(.*/)?acc_exp(\d{2,4})_user(\d{2,4})\.txt")
_RUNS = re.compile(r"(.*/)?labels\.txt")


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows first to last (from 0, last not included) of one experiment."""

    user: int
    code: int
    first: int
    last: int


def recognise(source: Source) -> bool:
    """Whether the source holds HAPT, by the names of its files alone."""
    names = source.names
    return any(map(_SAMPLES.fullmatch, names)) and any(map(_is_runs, names))


def open_hapt(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than g are asked for. Files are read when iterated."""
    if units not in (None, Unit.G):
        raise DataError(f"HAPT is in g by its definition, not {units}: leave out --units.")
    return Dataset(
        name=str(source.path),
        format="hapt",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=("HAPT has no timestamps: its rate is 50 Hz by declaration, not measured.",),
    )


def _is_runs(name: str) -> bool:
    return _RUNS.fullmatch(name) is not None


def _is_samples(name: str) -> bool:
    return _SAMPLES.fullmatch(name) is not None


def _recordings(source: Source) -> Iterator[Recording]:
    runs: dict[int, list[_Run]] | None = None
    for name, stream in source.read(_is_runs):
        if runs is not None:
            raise DataError(f"{source.path} holds two labels.txt: give one HAPT data set.")
        runs = _read_runs(stream, f"{source.path}: {name}")
    if runs is None:
        raise DataError(f"{source.path} has no labels.txt, so it is not a HAPT data set.")
    any_samples = False
    for name, stream in source.read(_is_samples):
        match = _SAMPLES.fullmatch(name)
        assert match is not None
        experiment, user = int(match.group(2)), int(match.group(3))
        yield _read_samples(stream, f"{source.path}: {name}", user, runs.get(experiment, []))
        any_samples = True
    if not any_samples:
        raise DataError(f"{source.path} has no acc_expEE_userUU.txt, so it is not a HAPT data set.")


def _read_runs(stream: IO[bytes], name: str) -> dict[int, list[_Run]]:
    runs: dict[int, list[_Run]] = defaultdict(list)
    lines = Lines(stream)
    for block in lines:
        rows = parse_rows(block, width=5, numbers=5, delimiter=None)
        lines.dropped.update(rows.dropped)
        whole = (rows.values == np.floor(rows.values)).all()
        if not whole or (rows.values < 1).any() or (rows.values > _MAX_NUMBER).any():
            raise DataError(f"{name} holds a number that no row or label has: copy it again.")
        for experiment, user, label, start, end in rows.values.astype(np.int64).tolist():
            if label > len(LABELS) or end < start:
                raise DataError(f"{name} holds an impossible run ({label}, {start} to {end}).")
            runs[experiment].append(_Run(user, label - 1, start - 1, end))
    if lines.unfinished:  # half a number is a number too
        lines.dropped[UNFINISHED] += 1
    if lines.dropped or not runs:
        raise DataError(f"{name} is damaged ({_counted(lines.dropped)}): copy it again.")
    return runs


def _read_samples(stream: IO[bytes], name: str, user: int, runs: list[_Run]) -> Recording:
    lines = Lines(stream)
    values: list[NDArray[np.float64]] = []
    kept: list[NDArray[np.int64]] = []
    count = 0
    for block in lines:
        rows = parse_rows(block, width=3, numbers=3, delimiter=None)
        lines.dropped.update(rows.dropped)
        values.append(rows.values)
        kept.append(rows.kept + count)
        count += len(block)
    if lines.dropped[TOO_LONG]:
        raise DataError(f"{name} is no text of numbers: copy the data set again.")
    # Runs count rows of the file: a row that could not be read keeps its place as a gap in time.
    row = np.concatenate([np.empty(0, dtype=np.int64), *kept])
    if not len(row):
        raise DataError(f"{name} holds no row of samples ({_counted(lines.dropped)}).")
    return Recording(
        acc_g=np.concatenate(values).astype(np.float32),
        time_s=row / RATE_HZ,
        rate_hz=RATE_HZ,
        subject=f"user{user:02d}",
        placement=PLACEMENT,
        source=name,
        labels=LabelTrack(TASK, LABELS, _codes(runs, user, count, name)[row]),
        dropped=dict(sorted(lines.dropped.items())),
    )


def _codes(runs: list[_Run], user: int, rows: int, name: str) -> NDArray[np.int16]:
    codes = np.full(rows, UNLABELLED, dtype=np.int16)
    for run in runs:
        part = codes[run.first : run.last]
        if run.user != user or run.last > rows or (part != UNLABELLED).any():
            raise DataError(
                f"{name}: labels.txt has a run ({run.first + 1} to {run.last}) that belongs to "
                "someone else, overlaps another, or ends after the file: copy the data set again."
            )
        part[:] = run.code
    return codes


def _counted(dropped: Counter[str]) -> str:
    return ", ".join(f"{n} x {reason}" for reason, n in sorted(dropped.items())) or "empty"
