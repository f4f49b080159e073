"""The sleep-posture set of arXiv 2507.00061, in its two text forms. UNTESTED ON REAL FILES.

The set is not public; this follows the description of its files: an ADXL345 at 50 Hz and +-2 g,
one posture a file, lines `index,ax,ay,az;` or a header line and then `ax,ay,az`, in g. Posture
and placement are the last two `_`-separated parts of the file's name, read from the right, since
what precedes them (the person) may itself hold a posture's word. co, nguc, bung are Vietnamese
for neck, chest, abdomen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

import numpy as np

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.text_rows import Lines, parse_rows
from wearkit.recordings.posture_sim import POSTURES, TASK
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 50.0
PLACEMENTS = {
    "co": "neck",
    "nguc": "chest",
    "bung": "abdomen",
    "neck": "neck",
    "chest": "chest",
    "abdomen": "abdomen",
}
_HEADER = re.compile(r"\s*ax\s*,\s*ay\s*,\s*az\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Name:
    subject: str
    posture: str
    placement: str


def recognise(source: Source) -> bool:
    """Whether the source holds a text form of the sleep set, by the names of its files alone."""
    return any(_parsed(name) is not None for name in source.names)


def open_sleep(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than g are asked for."""
    if units not in (None, Unit.G):
        raise DataError(f"The sleep set is in g by its description, not {units}: drop --units.")
    return Dataset(
        name=str(source.path),
        format="sleep",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=(
            "This reader follows a description; it was never tested on the real files.",
            "The sleep set has no timestamps: its rate is 50 Hz by declaration, not measured.",
        ),
    )


def _parsed(path: str) -> _Name | None:
    """Person, posture and placement of a file, or None when its name is not of this form."""
    name = PurePosixPath(path)
    parts = name.stem.split("_")
    if name.suffix.lower() not in (".txt", ".csv") or len(parts) < 3:
        return None
    posture = re.sub(r"[^a-z]", "", parts[-2].lower())
    placement = PLACEMENTS.get(parts[-1].lower())
    subject = "_".join(parts[:-2])
    if placement is None or posture not in POSTURES or not subject:
        return None
    return _Name(subject, posture, placement)


def _recordings(source: Source) -> Iterator[Recording]:
    for path, stream in source.read(lambda name: _parsed(name) is not None):
        name = _parsed(path)
        assert name is not None
        yield _read(stream, f"{source.path}: {path}", name)


def _read(stream: IO[bytes], source: str, name: _Name) -> Recording:
    lines = Lines(stream)
    blocks = iter(lines)
    first = next(blocks, [])
    if first and _HEADER.fullmatch(first[0]):
        first, width, skipped = first[1:], 3, 0
    else:
        width, skipped = 4, 1
    values, kept, count = [np.empty((0, width))], [np.empty(0, np.int64)], 0
    for block in chain([first], blocks):
        texts = [line.rstrip(" \t\r").removesuffix(";") for line in block]
        rows = parse_rows(texts, width=width, numbers=width, delimiter=",")
        lines.dropped.update(rows.dropped)
        values.append(rows.values)
        kept.append(rows.kept + count)
        count += len(block)
    acc_g = np.concatenate(values)[:, skipped:].astype(np.float32)
    if not len(acc_g):
        raise DataError(f"{source} holds no row `index,ax,ay,az;` and no header `ax,ay,az`.")
    return Recording(
        acc_g=acc_g,
        time_s=np.concatenate(kept) / RATE_HZ,
        rate_hz=RATE_HZ,
        subject=name.subject,
        placement=name.placement,
        source=source,
        labels=LabelTrack(
            TASK, POSTURES, np.full(len(acc_g), POSTURES.index(name.posture), np.int16)
        ),
        dropped=dict(sorted((+lines.dropped).items())),
    )
