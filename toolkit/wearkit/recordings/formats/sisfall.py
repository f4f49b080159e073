"""SisFall: a waist-worn device with a real ADXL345, in its own counts, at 200 Hz.

Sucerquia, Lopez, Vargas-Bonilla, "SisFall: A Fall and Movement Dataset", Sensors 17 (2017) 198.
`<subject>/<activity>_<subject>_R<trial>.txt`: nine integers per line, closed by `;`; the first
three are the ADXL345 in its 13-bit +-16 g mode, whose count is 1/256 g, as at +-2 g.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from wearkit.counts import COUNTS_PER_G
from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.table import read_table
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.units import Unit

RATE_HZ = 200.0
TASK = "activity"
WIDTH = 9
COUNT_MIN, COUNT_MAX = -4096, 4095  # 13 bits
# D: activities of daily living, F: falls; the data set's own codes, so nobody has to look twice.
ACTIVITIES = (*(f"D{n:02d}" for n in range(1, 20)), *(f"F{n:02d}" for n in range(1, 16)))
_FILE = re.compile(r"(.*/)?([DF]\d{2})_(S[AE]\d{2})_R(\d{2})\.txt")


def recognise(source: Source) -> bool:
    """Whether the source holds SisFall's trials, by the names of its files alone."""
    return any(map(_FILE.fullmatch, source.names))


def open_sisfall(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units other than counts are asked for."""
    if units not in (None, Unit.COUNTS):
        raise DataError(f"SisFall is in counts by its definition, not {units}: drop --units.")
    return Dataset(
        name=str(source.path),
        format="sisfall",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=("SisFall has no timestamps: its rate is 200 Hz by declaration, not measured.",),
    )


def _recordings(source: Source) -> Iterator[Recording]:
    for name, stream in source.read(lambda name: _FILE.fullmatch(name) is not None):
        match = _FILE.fullmatch(name)
        assert match is not None
        activity, subject = match.group(2), match.group(3)
        full = f"{source.path}: {name}"
        if activity not in ACTIVITIES:
            raise DataError(f"{full}: there is no SisFall activity {activity}.")
        table = read_table(stream, full, width=WIDTH, delimiter=",", ending=";")
        counts = table.values[:, :3]
        if not ((counts >= COUNT_MIN) & (counts <= COUNT_MAX) & (counts % 1 == 0)).all():
            raise DataError(f"{full} holds a number no ADXL345 sends: copy the data set again.")
        yield Recording(
            acc_g=(counts / COUNTS_PER_G).astype(np.float32),
            time_s=table.row / RATE_HZ,
            rate_hz=RATE_HZ,
            subject=subject,
            placement="waist",
            source=full,
            labels=LabelTrack(
                TASK, ACTIVITIES, np.full(len(counts), ACTIVITIES.index(activity), np.int16)
            ),
            dropped=table.dropped,
        )
