"""The protocol of arXiv 2507.00061, for reproducing its figures. It leaks, and says so.

Windows are cut from all recordings laid end to end at their own rate, whatever gap, person,
placement or activity they cross; a window has the label of its last sample. A fifth of the
windows, drawn at random within each activity, is tested; five random folds of the rest validate.
Windows overlap by 40 %, so almost every test window shares samples with a training window and
everybody is in every part. What can be a plain defect of the published code is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.recording import UNLABELLED, Recording
from wearkit.spec import PLACEMENT_TASK, TaskSpec, WindowSpec
from wearkit.windows.cut import SourceTally
from wearkit.windows.split import Split, by_windows
from wearkit.windows.window_set import WindowSet

FOLDS = 5


def stream_window_count(samples: int, spec: WindowSpec) -> int:
    """Windows of one stream: 60,786 of MHEALTH's 3,647,235 samples, 143,023 of WISDM's
    8,581,449, which are the paper's totals."""
    return 0 if samples < spec.length else (samples - spec.length) // spec.hop + 1


def cut_stream(
    recordings: Iterable[Recording], spec: WindowSpec, *, gravity_check: bool = False
) -> WindowSet:
    """All recordings as one stream, never resampled. A window's person is that of its last sample.

    gravity_check: as of windows.cut. Raises DataError when there is no window or fewer than two
    tasks' worth of labels, or the unit must be wrong.
    """
    counts: list[NDArray[np.int16]] = []
    codes: list[NDArray[np.int16]] = []
    subjects: list[str] = []
    placements: list[str] = []
    names: tuple[str, ...] = ()
    task, simulated = "activity", False
    tally = SourceTally()
    for recording in recordings:
        if names and recording.labels.names != names:
            raise DataError(f"{recording.source} has other labels than the recordings before it.")
        task, names = recording.labels.task, recording.labels.names
        simulated |= recording.simulated
        tally.add(recording)
        counts.append(g_to_counts(recording.acc_g))
        codes.append(recording.labels.codes)
        subjects.append(recording.subject)
        placements.append(recording.placement)
    if gravity_check:
        tally.gravity.evidence().require()
    sizes = [len(part) for part in counts]
    number = stream_window_count(sum(sizes), spec)
    if not number:
        raise DataError(f"The stream holds less than one window of {spec.length} samples.")
    start = np.arange(number) * spec.hop
    last = start + spec.length - 1
    owner = np.searchsorted(np.cumsum(sizes), last, side="right")
    stream = np.concatenate(counts)
    windows = np.lib.stride_tricks.sliding_window_view(stream, spec.length, axis=0)[start]
    label = np.concatenate(codes)[last]
    subject_names, subject_of = np.unique(subjects, return_inverse=True)
    place_names, place_of = np.unique(placements, return_inverse=True)
    tasks = [TaskSpec(task, names)]
    targets = {task: label}
    if len(place_names) > 1:
        tasks.append(TaskSpec(PLACEMENT_TASK, tuple(str(name) for name in place_names)))
        targets[PLACEMENT_TASK] = place_of[owner].astype(np.int16)
    window_set = WindowSet(
        spec=spec,
        tasks=tuple(tasks),
        counts=np.ascontiguousarray(windows.transpose(0, 2, 1)),
        targets=targets,
        subjects=tuple(str(name) for name in subject_names),
        subject=subject_of[owner].astype(np.int32),
        run=np.zeros(number, np.int32),
        start=start.astype(np.int32),
        simulated=simulated,
        dropped=dict(sorted(tally.dropped.items())),
        notes=(
            "Windows cross recordings, people and gaps, as in the paper (--split paper).",
            *tally.notes(),
        ),
    )
    labelled = np.flatnonzero(label != UNLABELLED)
    return window_set if len(labelled) == number else window_set.take(labelled)


def paper_split(windows: WindowSet, *, fold: int = 0, seed: int = 0) -> Split:
    """A stratified random fifth of the windows is tested (ceil(N / 5) of them), fold `fold` of
    five random parts of the rest validates. Raises DataError for a fold that does not exist."""
    if not 0 <= fold < FOLDS:
        raise DataError(f"Fold {fold} does not exist: folds are numbered 0 to {FOLDS - 1}.")
    generator = np.random.default_rng(seed)
    label = windows.targets[windows.tasks[0].name]
    test = _stratified(label, -(-len(windows) // FOLDS), generator)
    rest = np.setdiff1d(np.arange(len(windows)), test)
    shuffled = generator.permutation(rest)
    val = np.sort(shuffled[fold::FOLDS])
    return by_windows(
        windows,
        "paper",
        np.setdiff1d(rest, val).astype(np.int64),
        val.astype(np.int64),
        test.astype(np.int64),
        fold=fold,
        folds=FOLDS,
        seed=seed,
    )


def _stratified(
    label: NDArray[np.int16], wanted: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """`wanted` indices, each label's share within one window of proportional."""
    names, sizes = np.unique(label, return_counts=True)
    exact = sizes * wanted / len(label)
    quota = np.floor(exact).astype(np.int64)
    most_short = np.argsort(quota - exact, kind="stable")[: wanted - int(quota.sum())]
    quota[most_short] += 1
    picked = [
        generator.permutation(np.flatnonzero(label == name))[:count]
        for name, count in zip(names, quota, strict=True)
    ]
    return np.sort(np.concatenate(picked))
