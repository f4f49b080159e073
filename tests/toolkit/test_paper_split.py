"""The paper's protocol: its exact window counts, and the leak it hides."""

from __future__ import annotations

import numpy as np
import pytest

from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.spec import WindowSpec
from wearkit.windows.paper_split import cut_stream, paper_split, stream_window_count
from wearkit.windows.split import leave_one_out_split, named_split, subject_split


@pytest.mark.parametrize(
    ("rows", "windows", "test_windows"),
    [(3 * 1_215_745, 60_786, 12_158), (4_804_403 + 3_777_046, 143_023, 28_605)],
)
def test_full_length_streams_give_the_papers_counts(
    rows: int, windows: int, test_windows: int
) -> None:
    spec = WindowSpec()
    assert stream_window_count(rows, spec) == windows
    step = 60  # the count by walking, not by the formula
    assert len(range(0, rows - spec.length + 1, step)) == windows
    assert -(-windows // 5) == test_windows


def recording(subject: str, placement: str, label: int, rows: int, value: float) -> Recording:
    return Recording(
        acc_g=np.full((rows, 3), value, np.float32),
        time_s=np.arange(rows) / 50.0,
        rate_hz=50.0,
        subject=subject,
        placement=placement,
        source="made here",
        labels=LabelTrack("activity", ("a", "b"), np.full(rows, label, np.int16)),
    )


def stream() -> list[Recording]:
    people = [f"p{n}" for n in range(6)]
    return [
        recording(person, place, label, 1_000, 0.1 * label)
        for person in people
        for place in ("chest", "wrist")
        for label in (0, 1)
    ]


def test_windows_run_across_recordings_and_take_the_last_label() -> None:
    windows = cut_stream(stream(), WindowSpec())
    assert len(windows) == stream_window_count(24_000, WindowSpec())
    across = next(n for n in range(len(windows)) if 900 < windows.start[n] < 1_000)
    assert len(np.unique(windows.counts[across])) == 2
    assert windows.targets["activity"][across] == 1
    assert set(windows.targets) == {"activity", "placement"}


def test_the_meter_sees_through_the_random_split_and_not_the_one_by_people() -> None:
    windows = cut_stream(stream(), WindowSpec())
    leaky = paper_split(windows, fold=0, seed=1)
    assert leaky.leak_share > 0.9
    assert len(leaky.shared_subjects) == 6
    assert len(leaky.test) == -(-len(windows) // 5)
    parts = np.concatenate([leaky.train, leaky.val, leaky.test])
    assert np.array_equal(np.sort(parts), np.arange(len(windows)))
    shares = [np.mean(windows.targets["activity"][part]) for part in (leaky.test, leaky.train)]
    assert abs(shares[0] - shares[1]) < 0.02


def test_one_person_is_left_out_and_everyone_gets_a_turn() -> None:
    windows = cut_stream(stream(), WindowSpec())
    tested = [leave_one_out_split(windows, fold=fold).test_subjects for fold in range(6)]
    assert sorted(tested) == [(f"p{n}",) for n in range(6)]
    split = leave_one_out_split(windows, fold=2)
    assert not set(split.train_subjects) & {*split.val_subjects, *split.test_subjects}
    assert split.shared_subjects == ()


def test_named_people_are_tested_and_nobody_else() -> None:
    windows = cut_stream(stream(), WindowSpec())
    split = named_split(windows, "official", ("p1", "p4", "absent"))
    assert split.test_subjects == ("p1", "p4")
    assert split.shared_subjects == () and len(split.val) and len(split.train)
    assert subject_split(windows).name == "subject"
