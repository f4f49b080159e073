"""Recordings -> windows: gaps, resampling, counts, one label each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.gaps import SLOWEST, TOO_SHORT, TOO_SLOW, stretches, unfit_for
from wearkit.recordings.gravity import GravityTally
from wearkit.recordings.recording import UNLABELLED, Recording
from wearkit.recordings.resample import is_on_grid, mean_rate_hz, nearest, resample
from wearkit.spec import DEFAULT_SPEC, PLACEMENT_TASK, TaskSpec, WindowSpec
from wearkit.windows.window_set import WindowSet

NO_LABEL = "no label"
MIXED_LABELS = "mixed labels"
FOREIGN_LABEL = "label not in the model"
WORTH_SAYING = 0.03  # share of rows lost: above, whoever trains on the rest is to know
# What a window's code says instead of a label, beside UNLABELLED (too few samples have one).
_MIXED, _FOREIGN = -2, -3
_REASONS = {UNLABELLED: NO_LABEL, _MIXED: MIXED_LABELS, _FOREIGN: FOREIGN_LABEL}


def cut(
    recordings: Iterable[Recording],
    spec: WindowSpec = DEFAULT_SPEC,
    *,
    purity: float = 0.5,
    tasks: tuple[TaskSpec, ...] | None = None,
    gravity_check: bool = False,
) -> WindowSet:
    """Cut every `spec.length` samples with a step of `spec.hop`, one recording at a time.

    A recording is split where a step exceeds 1.5 nominal periods, so no window holds a gap, two
    recordings, two subjects or two placements. A stretch at the spec's rate passes bit for bit;
    any other is resampled by its timestamps (wearkit.recordings.resample) before it becomes counts.

    A window's label is the one most of its samples carry: it must be held by at least the share
    `purity` of all its samples and by more than any other label, or the window is rejected
    ("no label" when too few samples carry one, else "mixed labels"). A stretch with less than
    one window ("too short") or under a quarter of the rate ("sampled too slowly") counts once.
    Tasks are the recordings' own and "placement"; one of which fewer than two labels occur is
    dropped with a note.

    tasks: the tasks of a model to score. Labels are then matched by name to theirs, and a task
    is kept when one of its labels occurs.

    gravity_check: refuse recordings whose gravity at rest is not 1 g (recordings.gravity); less
    than a tenth of the rows off is a note, and so are rows lost, beyond a few per cent.

    Raises DataError when no task or no window remains, recordings disagree on their labels, or
    their unit must be wrong.
    """
    if not 0 < purity <= 1:
        raise DataError(f"The purity must be above 0 and at most 1, not {purity}.")
    cutter = _Cutter(spec, purity)
    for recording in recordings:
        cutter.add(recording)
    if gravity_check:
        cutter.tally.gravity.evidence().require()
    return cutter.finish(tasks)


def majority(codes: NDArray[np.int16], labels: int, purity: float) -> NDArray[np.int16]:
    """(N, L) codes of 0..labels-1 or UNLABELLED -> (N,) the code of each row.

    UNLABELLED when fewer than purity*L samples have a label; -2 when no label alone has both
    the most samples and purity*L of them.
    """
    rows, length = codes.shape
    if not labels:
        return np.full(rows, UNLABELLED, dtype=np.int16)
    bins = np.arange(rows)[:, None] * (labels + 1) + codes + 1
    tally = np.bincount(bins.ravel(), minlength=rows * (labels + 1)).reshape(rows, labels + 1)
    tally = tally[:, 1:]
    most = tally.max(axis=1)
    needed = purity * length - 1e-9  # 0.56 * 100 is a little more than 56
    unclear = (most < needed) | (np.count_nonzero(tally == most[:, None], axis=1) > 1)
    code = np.where(unclear, _MIXED, tally.argmax(axis=1))
    return np.where(tally.sum(axis=1) < needed, UNLABELLED, code).astype(np.int16)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The windows of one stretch."""

    counts: NDArray[np.int16]
    codes: NDArray[np.int16]
    start: NDArray[np.int32]
    subject: str
    placement: str


@dataclass(frozen=True, slots=True)
class _Column:
    """What every window says of one task: an index into `names`, or a negative code."""

    task: str
    names: tuple[str, ...]
    codes: NDArray[np.int16]

    def renamed(self, labels: tuple[str, ...]) -> _Column:
        """The same under another label list; a name that is not in it becomes _FOREIGN."""
        index = {name: code for code, name in enumerate(labels)}
        table = np.array([index.get(name, _FOREIGN) for name in self.names], dtype=np.int16)
        known = self.codes >= 0
        codes = self.codes.copy()
        codes[known] = table[self.codes[known]]
        return _Column(self.task, labels, codes)

    def occurring(self) -> list[str]:
        return [self.names[code] for code in np.unique(self.codes[self.codes >= 0])]


@dataclass(slots=True)
class SourceTally:
    """What the recordings say of themselves on the way to windows, for the notes."""

    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    gravity: GravityTally = field(default_factory=GravityTally)

    def add(self, recording: Recording) -> None:
        self.rows += len(recording)
        self.dropped.update(recording.dropped)
        self.gravity.add(recording)

    def notes(self) -> list[str]:
        """Rows lost, where they are many, and gravity that is not 1 g."""
        notes = []
        lost = self.dropped.total()
        total = self.rows + lost
        if lost > WORTH_SAYING * total:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.dropped.items()))
            notes.append(
                f"{lost:,} of {total:,} rows ({lost / total:.0%}) could not be used: {reasons}."
            )
        against = self.gravity.evidence().sentence()
        return [*notes, against] if against else notes


@dataclass(slots=True)
class _Cutter:
    spec: WindowSpec
    purity: float
    pieces: deque[_Piece] = field(default_factory=deque)
    task: str | None = None
    names: tuple[str, ...] = ()
    source: str = ""
    simulated: bool = False
    rejected: Counter[str] = field(default_factory=Counter)
    tally: SourceTally = field(default_factory=SourceTally)
    slow_hz: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, recording: Recording) -> None:
        self._agree(recording)
        self.simulated |= recording.simulated
        self.tally.add(recording)
        for part in stretches(recording):
            piece = self._cut(recording, part)
            if isinstance(piece, str):
                self.rejected[piece] += 1
                if piece == TOO_SLOW:
                    self.slow_hz.append(mean_rate_hz(recording.time_s[part]))
            else:
                self.pieces.append(piece)

    def _agree(self, recording: Recording) -> None:
        labels = recording.labels
        if labels.task == PLACEMENT_TASK:
            raise DataError(
                f"{recording.source} calls its label task {PLACEMENT_TASK!r}, which is the "
                "name for where the sensor sits: give the task another name."
            )
        if self.task is None:
            self.task, self.names, self.source = labels.task, labels.names, recording.source
        elif (labels.task, labels.names) != (self.task, self.names):
            raise DataError(
                f"{recording.source} has the task {_described(labels.task, labels.names)}, but "
                f"{self.source} has {_described(self.task, self.names)}: cut them apart."
            )

    def _cut(self, recording: Recording, part: slice) -> _Piece | str:
        """The stretch's windows, or why there are none."""
        time_s, acc_g = recording.time_s[part], recording.acc_g[part]
        codes = recording.labels.codes[part]
        unfit = unfit_for(time_s, self.spec.rate_hz)
        if unfit is not None:
            return unfit
        if not is_on_grid(time_s, self.spec.rate_hz):
            acc_g = resample(time_s, acc_g, self.spec.rate_hz)
            codes = codes[nearest(time_s, self.spec.rate_hz)]
        length = self.spec.length
        if len(acc_g) < length:
            return TOO_SHORT
        start = np.arange(0, len(acc_g) - length + 1, self.spec.hop, dtype=np.int32)
        # Views of every position, (T-L+1, 3, L) and (T-L+1, L); only the kept ones are copied.
        counts = np.lib.stride_tricks.sliding_window_view(g_to_counts(acc_g), length, axis=0)
        labels = np.lib.stride_tricks.sliding_window_view(codes, length)[start]
        return _Piece(
            counts=np.ascontiguousarray(counts[start].transpose(0, 2, 1)),
            codes=majority(labels, len(self.names), self.purity),
            start=start,
            subject=recording.subject,
            placement=recording.placement,
        )

    def finish(self, tasks: tuple[TaskSpec, ...] | None) -> WindowSet:
        if self.task is None or not self.pieces:
            raise DataError(
                "No window could be cut: nothing holds "
                f"{self.spec.length / self.spec.rate_hz:g} s of samples without a gap"
                f"{_counted(self.rejected)}.{self._rate_hint()}"
            )
        if self.slow_hz:
            self.notes.append(self._rate_hint().strip())
        sizes = [len(piece.start) for piece in self.pieces]
        run = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        start = np.concatenate([piece.start for piece in self.pieces])
        codes = np.concatenate([piece.codes for piece in self.pieces])
        placement = _column(PLACEMENT_TASK, [piece.placement for piece in self.pieces], run)
        subject = _column("subject", [piece.subject for piece in self.pieces], run)

        keep = np.ones(len(run), dtype=np.bool_)
        columns: dict[str, _Column] = {}
        for column in (_Column(self.task, self.names, codes), placement):
            chosen = self._choose(column, keep, tasks)
            if chosen is not None:
                columns[column.task] = chosen
        order = list(columns) if tasks is None else [t.name for t in tasks if t.name in columns]
        if not columns:
            why = " ".join(self.notes) or f"the model knows neither {self.task!r} nor placements."
            raise DataError(f"No task remains: {why}")
        subject = _pruned(subject, keep)
        return WindowSet(
            spec=self.spec,
            tasks=tuple(TaskSpec(name, columns[name].names) for name in order),
            counts=_joined(self.pieces, keep),
            targets={name: columns[name].codes[keep] for name in order},
            subjects=subject.names,
            subject=subject.codes[keep].astype(np.int32),
            run=run[keep],
            start=start[keep],
            simulated=self.simulated,
            rejected=dict(sorted(self.rejected.items())),
            dropped=dict(sorted(self.tally.dropped.items())),
            notes=(*self.notes, *self.tally.notes()),
        )

    def _rate_hint(self) -> str:
        """Which rates were too slow: often a time column in another unit than seconds."""
        if not self.slow_hz:
            return ""
        low, high = min(self.slow_hz), max(self.slow_hz)
        rates = f"{low:.3g} Hz" if high - low < 0.01 * high else f"{low:.3g} to {high:.3g} Hz"
        return (
            f" Sampled too slowly, at {rates} by their own time column, where "
            f"{SLOWEST * self.spec.rate_hz:g} Hz is the least for windows at "
            f"{self.spec.rate_hz:g} Hz: time must be in seconds."
        )

    def _choose(
        self, column: _Column, keep: NDArray[np.bool_], tasks: tuple[TaskSpec, ...] | None
    ) -> _Column | None:
        """The column as a task's target, or None with a note. Clears `keep` where it has none."""
        if column.task == PLACEMENT_TASK:
            column = _pruned(column, keep)
        labels_of = {task.name: task.labels for task in tasks or ()}
        if tasks is None:
            needed = 2
        elif column.task in labels_of:
            column, needed = column.renamed(labels_of[column.task]), 1
        else:
            return None
        occurring = column.occurring()
        if len(occurring) < needed:
            only = f"only {occurring[0]!r} occurs" if occurring else "none of its labels occurs"
            self.notes.append(f"The task {column.task!r} was left out: {only}.")
            return None
        for code, reason in _REASONS.items():
            refused = keep & (column.codes == code)
            if refused.any():
                self.rejected[reason] += int(np.count_nonzero(refused))
            keep &= ~refused
        return column


def _column(task: str, values: list[str], run: NDArray[np.int32]) -> _Column:
    """One value for each run -> one code for each window; names sorted."""
    names = sorted(set(values))
    index = {name: code for code, name in enumerate(names)}
    per_run = np.array([index[value] for value in values], dtype=np.int16)
    return _Column(task, tuple(names), per_run[run])


def _pruned(column: _Column, keep: NDArray[np.bool_]) -> _Column:
    """Without the names that no kept window has."""
    used = np.unique(column.codes[keep])
    return column.renamed(tuple(column.names[code] for code in used))


def _joined(pieces: deque[_Piece], keep: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The kept windows in one array. Each piece is let go once copied."""
    out = np.empty((int(keep.sum()), *pieces[0].counts.shape[1:]), dtype=np.int16)
    offset = written = 0
    while pieces:
        counts = pieces.popleft().counts
        kept = counts[keep[offset : offset + len(counts)]]
        out[written : written + len(kept)] = kept
        offset += len(counts)
        written += len(kept)
    return out


def _described(task: str, names: tuple[str, ...]) -> str:
    return f"{task!r} ({', '.join(names[:6])}{', ...' if len(names) > 6 else ''})"


def _counted(rejected: Counter[str]) -> str:
    reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(rejected.items()))
    return f" (stretches left out: {reasons})" if reasons else ""
