"""WISDM 2019 (phone and watch, 18 activities, UCI 507) and WISDM v1.1 (phone, 6 activities).

Weiss, Yoneda, Hayajneh, "Smartphone and Smartwatch-Based Biometrics Using Activities of Daily
Living", IEEE Access 7 (2019) 133190-133202; CC BY 4.0. Kwapisz, Weiss, Moore, "Activity
Recognition using Cell Phone Accelerometers", SIGKDD Explorations 12 (2010) 74-82.

Both are lines `subject,activity,timestamp,x,y,z;` in m/s2, timestamps in nanoseconds from any
zero. The clock restarts at will and the rate is not the promised 20 Hz: some watch runs switch
between 50 ms and 10 ms steps. So a recording is one activity of one person on one device with
time going forward, and its rate is that of its slow steps, which keeps a change of pace from
looking like a gap at every sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.text_rows import GARBLED, Lines, parse_rows
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

TASK = "activity"
# The data set's own activity_key.txt, in its order; there is no N.
ACTIVITIES_2019 = {
    "A": "walking",
    "B": "jogging",
    "C": "stairs",
    "D": "sitting",
    "E": "standing",
    "F": "typing",
    "G": "teeth",
    "H": "soup",
    "I": "chips",
    "J": "pasta",
    "K": "drinking",
    "L": "sandwich",
    "M": "kicking",
    "O": "catch",
    "P": "dribbling",
    "Q": "writing",
    "R": "clapping",
    "S": "folding",
}
ACTIVITIES_V1 = {
    "Walking": "walking",
    "Jogging": "jogging",
    "Upstairs": "upstairs",
    "Downstairs": "downstairs",
    "Sitting": "sitting",
    "Standing": "standing",
}
SLOW_STEP_PERCENTILE = 90  # a tenth of slow steps says what the run's slow pace is
REPEATED = "repeated time"
NO_TIME = "no timestamp"
UNKNOWN_ACTIVITY = "unknown activity"
LONE_ROW = "alone between jumps back in time"

_FILE_2019 = re.compile(r"(.*/)?data_(\d{4})_accel_(phone|watch)\.txt")
_FILE_V1 = re.compile(r"(.*/)?WISDM_ar_v1\.1_raw\.txt")
_ROW = re.compile(r"(\d{1,6}),([A-Za-z]{1,10}),(\d{1,19},[^,;\n]+,[^,;\n]+,[^,;\n]+)")
_LINE = re.compile(f"^{_ROW.pattern};$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Lines of one file, parsed. key: (n,) index of (subject, activity) in `keys`."""

    keys: tuple[tuple[str, str], ...]
    key: NDArray[np.int64]
    time_ns: NDArray[np.float64]
    acc_g: NDArray[np.float32]
    dropped: Counter[str]


def recognise_2019(source: Source) -> bool:
    """Whether the source holds the raw files of WISDM 2019, by the names of its files alone."""
    return any(map(_FILE_2019.fullmatch, source.names))


def recognise_v1(source: Source) -> bool:
    """Whether the source holds the one raw file of WISDM v1.1, by the names of its files alone."""
    return any(map(_FILE_V1.fullmatch, source.names))


def open_2019(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than m/s2 are asked for. Files are read when iterated."""
    _check_units(units)
    return Dataset(str(source.path), "wisdm-2019", False, lambda: _recordings_2019(source))


def open_v1(source: Source, units: Unit | None) -> Dataset:
    """As open_2019. All 36 people are in one file; the phone was in a front trouser pocket."""
    _check_units(units)
    return Dataset(str(source.path), "wisdm-v1", False, lambda: _recordings_v1(source))


def _check_units(units: Unit | None) -> None:
    if units not in (None, Unit.M_S2):
        raise DataError(f"WISDM is in m/s2 by its definition, not {units}: leave out --units.")


def _recordings_2019(source: Source) -> Iterator[Recording]:
    for name, stream in source.read(lambda name: _FILE_2019.fullmatch(name) is not None):
        match = _FILE_2019.fullmatch(name)
        assert match is not None
        full = f"{source.path}: {name}"
        rows = _read(Lines(stream), full, ACTIVITIES_2019)
        strangers = {subject for subject, _ in rows.keys} - {match.group(2)}
        if strangers:
            raise DataError(
                f"{full} holds rows of subject {min(strangers)}: copy the data set again."
            )
        yield from _runs(rows, full, match.group(3), ACTIVITIES_2019)


def _recordings_v1(source: Source) -> Iterator[Recording]:
    for name, stream in source.read(lambda name: _FILE_V1.fullmatch(name) is not None):
        full = f"{source.path}: {name}"
        rows = _read(Lines(stream), full, ACTIVITIES_V1)
        yield from _runs(rows, full, "pocket", ACTIVITIES_V1)


def _read(lines: Lines, name: str, activities: Mapping[str, str]) -> _Rows:
    index: dict[tuple[str, str], int] = {}
    keys: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float64]] = []
    for block in lines:
        pairs, numbers = _fields(block, activities, lines.dropped)
        rows = parse_rows(numbers, width=4, numbers=4, delimiter=",")
        lines.dropped.update(rows.dropped)
        codes = np.fromiter((index.setdefault(p, len(index)) for p in pairs), np.int64, len(pairs))
        keys.append(codes[rows.kept])
        values.append(rows.values)
    table = np.concatenate([np.empty((0, 4)), *values])
    key = np.concatenate([np.empty(0, np.int64), *keys])
    if not len(table):
        raise DataError(f"{name} holds no row `subject,activity,timestamp,x,y,z;` to read.")
    timed = table[:, 0] > 0
    lines.dropped[NO_TIME] += int(np.count_nonzero(~timed))
    acc_g = (table[timed, 1:] / Unit.M_S2.per_g).astype(np.float32)
    return _Rows(tuple(index), key[timed], table[timed, 0], acc_g, +lines.dropped)


def _fields(
    block: list[str], activities: Mapping[str, str], dropped: Counter[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Subject and activity, and the numbers, of every record that has them."""
    whole = _LINE.findall("\n".join(block))
    if len(whole) == len(block):  # every line is one record, as in a sound file
        subjects, letters, numbers = zip(*whole, strict=True)
        if activities.keys() >= set(letters):
            return list(zip(subjects, letters, strict=True)), list(numbers)
    matches = [_ROW.fullmatch(text) for text in _records(block)]
    good = [match for match in matches if match is not None and match.group(2) in activities]
    for match in matches:
        if match is None or match.group(2) not in activities:
            dropped[GARBLED if match is None else UNKNOWN_ACTIVITY] += 1
    return [(match.group(1), match.group(2)) for match in good], [m.group(3) for m in good]


def _records(block: list[str]) -> Iterator[str]:
    """The records of a block of lines: v1.1 has lines with several, and stray commas."""
    for line in block:
        for part in line.split(";"):
            text = part.strip(" \t,")
            if text:
                yield text


def _runs(
    rows: _Rows, source: str, placement: str, activities: Mapping[str, str]
) -> Iterator[Recording]:
    """One recording for each stretch of one person and activity with time going forward."""
    names = tuple(activities.values())
    number = {letter: code for code, letter in enumerate(activities)}
    dropped = rows.dropped
    again = np.flatnonzero((np.diff(rows.time_ns) == 0) & (np.diff(rows.key) == 0)) + 1
    if len(again):
        dropped[REPEATED] += len(again)
    keep = np.delete(np.arange(len(rows.key)), again)
    key, time_ns, acc_g = rows.key[keep], rows.time_ns[keep], rows.acc_g[keep]
    breaks = np.flatnonzero((np.diff(key) != 0) | (np.diff(time_ns) < 0)) + 1
    edges = [0, *breaks.tolist(), len(key)]
    lone = sum(last - first == 1 for first, last in pairwise(edges))
    if lone:
        dropped[LONE_ROW] += lone
    counted = False
    for first, last in pairwise(edges):
        if last - first < 2:
            continue
        subject, letter = rows.keys[key[first]]
        time_s = (time_ns[first:last] - time_ns[first]) * 1e-9
        slow_s = float(np.percentile(np.diff(time_s), SLOW_STEP_PERCENTILE))
        yield Recording(
            acc_g=acc_g[first:last],
            time_s=time_s,
            rate_hz=1.0 / slow_s,
            subject=subject,
            placement=placement,
            source=source,
            labels=LabelTrack(TASK, names, np.full(last - first, number[letter], np.int16)),
            # Counted once a file: rows that could not be read belong to no stretch.
            dropped={} if counted else dict(sorted(dropped.items())),
        )
        counted = True
