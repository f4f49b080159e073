"""What a data set really holds, counted from its samples rather than from its description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from wearkit.counts import COUNT_MAX, COUNT_MIN, g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.gaps import stretches
from wearkit.recordings.gravity import GravityEvidence, GravityTally
from wearkit.recordings.recording import Recording


@dataclass(frozen=True, slots=True)
class Rates:
    """Samples a second of the recordings, by their timestamps, gaps left out."""

    min_hz: float
    median_hz: float
    max_hz: float


@dataclass(frozen=True, slots=True)
class LabelRows:
    """One label task. rows: label -> rows, in label order, 0 where it never occurs."""

    task: str
    rows: Mapping[str, int]
    unlabelled: int


@dataclass(frozen=True, slots=True)
class DataInfo:
    """subjects, placements: name -> rows. dropped: rows of the source not used, by reason.

    duration_s: time under samples, gaps left out. gaps: breaks inside recordings; gap_s: their
    length in all. clipped_share: rows with an axis at a rail of the +-2 g sensor. gravity: what
    |a| at rest says of the unit.
    """

    name: str
    format: str
    simulated: bool
    recordings: int
    rows: int
    duration_s: float
    subjects: Mapping[str, int]
    placements: Mapping[str, int]
    labels: tuple[LabelRows, ...]
    rates: Rates
    gaps: int
    gap_s: float
    clipped_share: float
    gravity: GravityEvidence
    dropped: Mapping[str, int]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, as `wearkit data info --json` prints it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave, after a turn through JSON."""
        parts = {
            "labels": tuple(LabelRows(**labels) for labels in value["labels"]),
            "rates": Rates(**value["rates"]),
            "gravity": GravityEvidence.from_json(value["gravity"]),
            "notes": tuple(value["notes"]),
        }
        return cls(**{**value, **parts})


def describe(dataset: Dataset) -> DataInfo:
    """Walk through the data set once. Raises DataError when it cannot be read or is empty."""
    tally = _Tally()
    for recording in dataset:
        tally.add(recording)
    if not tally.rates_hz:
        raise DataError(f"{dataset.name} holds no recording of two or more rows.")
    return DataInfo(
        name=dataset.name,
        format=dataset.format,
        simulated=dataset.simulated,
        recordings=tally.recordings,
        rows=tally.rows,
        duration_s=round(tally.duration_s, 3),
        subjects=dict(sorted(tally.subjects.items())),
        placements=dict(sorted(tally.placements.items())),
        labels=tuple(tally.label_rows(task) for task in sorted(tally.labels)),
        rates=_rates(tally.rates_hz),
        gaps=tally.gaps,
        gap_s=round(tally.gap_s, 3),
        clipped_share=tally.clipped / tally.rows,
        gravity=tally.gravity.evidence(),
        dropped=dict(sorted(tally.dropped.items())),
        notes=dataset.notes,
    )


@dataclass(slots=True)
class _Tally:
    recordings: int = 0
    rows: int = 0
    gaps: int = 0
    clipped: int = 0
    duration_s: float = 0.0
    gap_s: float = 0.0
    rates_hz: list[float] = field(default_factory=list)
    subjects: Counter[str] = field(default_factory=Counter)
    placements: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    unlabelled: Counter[str] = field(default_factory=Counter)
    gravity: GravityTally = field(default_factory=GravityTally)

    def add(self, recording: Recording) -> None:
        self.recordings += 1
        self.rows += len(recording)
        self.subjects[recording.subject] += len(recording)
        self.placements[recording.placement] += len(recording)
        self.dropped.update(recording.dropped)
        counts = g_to_counts(recording.acc_g)
        railed = (counts == COUNT_MIN) | (counts == COUNT_MAX)
        self.clipped += int(np.count_nonzero(railed.any(axis=1)))
        self.gravity.add(recording)
        self._add_labels(recording)
        self._add_times(recording)

    def _add_labels(self, recording: Recording) -> None:
        track = recording.labels
        tally = self.labels.setdefault(track.task, Counter())
        # Bin 0 is UNLABELLED (-1).
        bins = np.bincount(track.codes.astype(np.int64) + 1, minlength=len(track.names) + 1)
        self.unlabelled[track.task] += int(bins[0])
        for name, rows in zip(track.names, bins[1:].tolist(), strict=True):
            tally[name] += rows

    def _add_times(self, recording: Recording) -> None:
        parts = stretches(recording)
        time_s = recording.time_s
        spanned_s = sum(float(time_s[part.stop - 1] - time_s[part.start]) for part in parts)
        steps = len(recording) - len(parts)
        self.gaps += len(parts) - 1
        if steps:
            self.rates_hz.append(steps / spanned_s)
            self.gap_s += float(time_s[-1] - time_s[0]) - spanned_s
            self.duration_s += spanned_s

    def label_rows(self, task: str) -> LabelRows:
        return LabelRows(task, dict(self.labels[task]), self.unlabelled[task])


def _rates(rates_hz: list[float]) -> Rates:
    low, middle, high = np.percentile(rates_hz, [0, 50, 100]).round(4).tolist()
    return Rates(low, middle, high)
