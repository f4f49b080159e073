"""WindowSet: the fixed-length windows everything after the recordings works on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import DataError
from wearkit.spec import TaskSpec, WindowSpec, canonical_json
from wearkit.windows.lineage import UNKNOWN, Lineage


@dataclass(frozen=True, slots=True, eq=False)
class WindowSet:
    """N windows under one WindowSpec, with where each came from.

    counts: (N, length, 3) int16 ADXL345 counts in sensor axis order.
    targets: task name -> (N,) int16 index into that task's labels. Holds a target for every
        task in `tasks`; single-label tasks are not tasks (see `notes`).
    subject: (N,) int32 index into `subjects`. Splits are made by this and nothing else.
    run: (N,) int32, number of the gap-free stretch of one recording a window was cut from.
    start: (N,) int32, first sample of the window on that run's grid (at spec.rate_hz).
    rejected: windows that were not kept, by reason. dropped: source rows, by reason.
    origin: the data sets, labels and sensor twins they were made with.
    """

    spec: WindowSpec
    tasks: tuple[TaskSpec, ...]
    counts: NDArray[np.int16]
    targets: Mapping[str, NDArray[np.int16]]
    subjects: tuple[str, ...]
    subject: NDArray[np.int32]
    run: NDArray[np.int32]
    start: NDArray[np.int32]
    simulated: bool = False
    rejected: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: Lineage = UNKNOWN

    def __post_init__(self) -> None:
        n = self.counts.shape[0]
        if self.counts.shape != (n, self.spec.length, 3) or self.counts.dtype != np.int16:
            raise DataError("Windows must be (N, length, 3) int16 counts.")
        if set(self.targets) != {task.name for task in self.tasks}:
            raise DataError("Every task needs exactly one target array.")
        lengths = {name: column.shape for name, column in self.targets.items()}
        lengths |= {"subject": self.subject.shape, "run": self.run.shape, "start": self.start.shape}
        for name, shape in lengths.items():
            if shape != (n,):
                raise DataError(f"The {name} column and the windows differ in length.")

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    @property
    def inputs(self) -> NDArray[np.int8]:
        """(N, length, 3) int8, exactly what the device's model is given."""
        return counts_to_int8(self.counts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the spec, tasks, windows, targets and subjects."""
        digest = hashlib.sha256(canonical_json(self.spec.to_json()))
        digest.update(canonical_json([task.to_json() for task in self.tasks]))
        digest.update(canonical_json(list(self.subjects)))
        digest.update(np.ascontiguousarray(self.counts).tobytes())
        for task in self.tasks:
            digest.update(np.ascontiguousarray(self.targets[task.name]).tobytes())
        digest.update(np.ascontiguousarray(self.subject).tobytes())
        return digest.hexdigest()

    def only(self, task: str) -> WindowSet:
        """The same windows for one task alone. Raises DataError when they have no such task."""
        kept = tuple(item for item in self.tasks if item.name == task)
        if not kept:
            known = ", ".join(item.name for item in self.tasks)
            raise DataError(f"The data has no task {task!r}: choose one of {known}.")
        return replace(self, tasks=kept, targets={task: self.targets[task]})

    @classmethod
    def concatenate(cls, parts: Sequence[WindowSet], *, same_runs: bool = False) -> WindowSet:
        """The windows of all parts in order; everything else is that of the first.

        Subjects go by their names, under the numbers of the first part. same_runs: the parts were
        taken from one set, so equal run numbers are one run; else every part's runs are its own.
        Raises DataError when a part has other tasks than the first or a subject that it lacks.
        """
        first = parts[0]
        if any(part.tasks != first.tasks for part in parts):
            raise DataError("Windows of different tasks cannot be put together.")
        runs, begin = [], 0
        for part in parts:
            runs.append(part.run if same_runs else part.run + np.int32(begin))
            begin += 1 + int(part.run.max(initial=-1))
        return replace(
            first,
            counts=np.concatenate([part.counts for part in parts]),
            targets={
                task.name: np.concatenate([part.targets[task.name] for part in parts])
                for task in first.tasks
            },
            subject=np.concatenate([_subject_under(first.subjects, part) for part in parts]),
            run=np.concatenate(runs),
            start=np.concatenate([part.start for part in parts]),
        )

    def take(self, index: NDArray[np.integer]) -> WindowSet:
        """The windows at `index`, in that order."""
        return WindowSet(
            spec=self.spec,
            tasks=self.tasks,
            counts=self.counts[index],
            targets={name: column[index] for name, column in self.targets.items()},
            subjects=self.subjects,
            subject=self.subject[index],
            run=self.run[index],
            start=self.start[index],
            simulated=self.simulated,
            rejected=self.rejected,
            dropped=self.dropped,
            notes=self.notes,
            origin=self.origin,
        )


def _subject_under(subjects: tuple[str, ...], windows: WindowSet) -> NDArray[np.int32]:
    """(N,) index into `subjects` of each window's subject."""
    number = {subject: code for code, subject in enumerate(subjects)}
    missing = [subject for subject in windows.subjects if subject not in number]
    if missing:
        raise DataError(f"The subject {missing[0]!r} is not among those of the first windows.")
    code = np.array([number[subject] for subject in windows.subjects], np.int32)
    return code[windows.subject]
