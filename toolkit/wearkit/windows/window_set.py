"""WindowSet: the fixed-length windows everything after the recordings works on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import DataError
from wearkit.spec import TaskSpec, WindowSpec, canonical_json
from wearkit.windows.lineage import UNKNOWN, Origin


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
    origin: Origin = UNKNOWN

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
