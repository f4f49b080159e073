"""Window sets put together: subjects by name, runs apart unless they are the same ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.spec import TaskSpec, WindowSpec
from wearkit.windows.window_set import WindowSet

TASK = TaskSpec("activity", ("lie", "walk"))
SPEC = WindowSpec(length=4, hop=2)


def windows(subjects: tuple[str, ...], subject: list[int], run: list[int], value: int) -> WindowSet:
    number = len(subject)
    return WindowSet(
        spec=SPEC,
        tasks=(TASK,),
        counts=np.full((number, 4, 3), value, np.int16),
        targets={"activity": np.arange(number, dtype=np.int16) % 2},
        subjects=subjects,
        subject=np.array(subject, np.int32),
        run=np.array(run, np.int32),
        start=np.arange(number, dtype=np.int32) * 2,
    )


def test_subjects_go_by_name_and_runs_stay_apart() -> None:
    first = windows(("ann", "bob", "eve"), [0, 2], [0, 4], 1)
    second = windows(("eve", "ann"), [0, 1, 1], [0, 0, 1], 2)
    joined = WindowSet.concatenate([first, second, first])
    assert joined.subjects == first.subjects
    assert joined.subject.tolist() == [0, 2, 2, 0, 0, 0, 2]
    assert joined.run.tolist() == [0, 4, 5, 5, 6, 7, 11]
    assert joined.counts[:, 0, 0].tolist() == [1, 1, 2, 2, 2, 1, 1]
    assert joined.targets["activity"].tolist() == [0, 1, 0, 1, 0, 0, 1]
    assert joined.start.tolist() == [0, 2, 0, 2, 4, 0, 2]
    assert all(column.dtype == np.int32 for column in (joined.subject, joined.run, joined.start))


def test_parts_of_one_set_keep_their_runs() -> None:
    whole = windows(("ann", "bob"), [0, 0, 1, 1], [0, 0, 1, 2], 3)
    parts = [whole.take(np.array(index)) for index in ([0, 1], [2, 3])]
    joined = WindowSet.concatenate(parts, same_runs=True)
    assert joined.run.tolist() == whole.run.tolist()
    assert joined.fingerprint == whole.fingerprint


def test_an_empty_part_takes_no_run() -> None:
    whole = windows(("ann",), [0, 0], [0, 1], 3)
    empty = whole.take(np.array([], np.int64))
    assert WindowSet.concatenate([whole, empty, whole]).run.tolist() == [0, 1, 2, 3]


def test_a_stranger_and_another_task_are_refused() -> None:
    known = windows(("ann", "bob"), [0, 1], [0, 1], 0)
    with pytest.raises(DataError, match="subject 'zoe'"):
        WindowSet.concatenate([known, windows(("zoe",), [0], [0], 0)])
    other = replace(known, tasks=(TaskSpec("activity", ("lie", "run")),))
    with pytest.raises(DataError, match="different tasks"):
        WindowSet.concatenate([known, other])
