"""Windows: every one whole, from one place, with a label most of it carries."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wearkit.counts import g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.gaps import stretches
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.spec import TaskSpec, WindowSpec
from wearkit.windows.cut import cut, majority

NAMES = ("sit", "walk", "run")
SHORT = WindowSpec(length=10, hop=6)


def recorded(
    codes: list[int] | NDArray[np.int16],
    subject: str = "anna",
    placement: str = "waist",
    *,
    rate_hz: float = 50.0,
    gaps: tuple[int, ...] = (),
    first: int = 0,
    task: str = "activity",
    names: tuple[str, ...] = NAMES,
    simulated: bool = False,
) -> Recording:
    """Sample i holds the counts (first + i) split over x and y, so that each can be found again."""
    number = first + np.arange(len(codes))
    counts = np.stack([number % 512, number // 512, np.full(len(codes), 256)], axis=1)
    steps = np.full(len(codes), 1 / rate_hz)
    steps[list(gaps)] = 3 / rate_hz
    return Recording(
        acc_g=(counts / 256).astype(np.float32),
        time_s=np.cumsum(steps),
        rate_hz=rate_hz,
        subject=subject,
        placement=placement,
        source=f"{subject} {placement}",
        labels=LabelTrack(task, names, np.asarray(codes, dtype=np.int16)),
        simulated=simulated,
        dropped={"nan": 1},
    )


def test_a_window_every_hop_bit_for_bit() -> None:
    recording = recorded([0] * 100 + [1] * 100)
    windows = cut([recording])
    assert windows.start.tolist() == [0, 60]
    expected = g_to_counts(recording.acc_g)
    for index, start in enumerate(windows.start):
        assert np.array_equal(windows.counts[index], expected[start : start + 100])
    assert windows.targets["activity"].tolist() == [0, 1]
    assert windows.tasks == (TaskSpec("activity", NAMES),), "labels that never occur keep a place"
    assert windows.notes == ("The task 'placement' was left out: only 'waist' occurs.",)
    assert windows.dropped == {"nan": 1} and not windows.simulated


def test_two_tasks_and_sorted_names() -> None:
    windows = cut(
        [recorded([0] * 10, "ben", "wrist"), recorded([1] * 10, "anna", "chest", simulated=True)],
        SHORT,
    )
    assert [task.name for task in windows.tasks] == ["activity", "placement"]
    assert windows.tasks[1].labels == ("chest", "wrist")
    assert windows.targets["placement"].tolist() == [1, 0]
    assert windows.subjects == ("anna", "ben") and windows.subject.tolist() == [1, 0]
    assert windows.run.tolist() == [0, 1] and windows.simulated


def test_what_is_rejected_is_counted() -> None:
    codes = [0] * 10 + [-1] * 12 + [0, 0, 0, 0, 1, 1, 1, 1, 2, 2] + [1] * 10
    spec = WindowSpec(length=10, hop=10)
    windows = cut([recorded(codes[:20] + codes[22:]), recorded([0] * 9)], spec)
    assert windows.start.tolist() == [0, 30]
    assert windows.rejected == {"mixed labels": 1, "no label": 1, "too short": 1}


def test_a_tie_has_no_majority() -> None:
    codes = np.array([[0] * 5 + [1] * 5, [0] * 4 + [1] * 5 + [-1], [0] * 5 + [1] * 4 + [-1]])
    assert majority(codes.astype(np.int16), 3, 0.5).tolist() == [-2, 1, 0]


def test_a_purity_met_exactly_is_met() -> None:
    """0.56 * 100 is a little more than 56 in binary."""
    codes = np.array([[0] * 56 + [1] * 44], dtype=np.int16)
    assert [majority(codes, 2, purity).tolist() for purity in (0.56, 0.57)] == [[0], [-2]]
    assert majority(np.where(codes == 1, -1, codes).astype(np.int16), 2, 0.56).tolist() == [0]


@given(
    rows=st.lists(st.lists(st.integers(-1, 3), min_size=25, max_size=25), min_size=1, max_size=20),
    percent=st.integers(1, 100),
)
def test_majority_is_what_counting_says(rows: list[list[int]], percent: int) -> None:
    found = majority(np.array(rows, dtype=np.int16), 4, percent / 100)
    for row, code in zip(rows, found.tolist(), strict=True):
        tally = Counter(row)
        labelled = 25 - tally.pop(-1, 0)
        best = [*tally.most_common(2), (-9, 0), (-9, 0)]
        if labelled * 100 < percent * 25:
            assert code == -1
        elif best[0][1] * 100 < percent * 25 or best[0][1] == best[1][1]:
            assert code == -2
        else:
            assert code == best[0][0]


PART = st.builds(
    recorded,
    codes=st.lists(st.tuples(st.integers(-1, 2), st.integers(1, 15)), max_size=8).map(
        lambda runs: [code for code, count in runs for _ in range(count)] or [0]
    ),
    subject=st.sampled_from(["anna", "ben"]),
    placement=st.sampled_from(["waist", "wrist"]),
    gaps=st.just(()),
)


@settings(deadline=None)
@given(
    parts=st.lists(st.tuples(PART, st.lists(st.integers(1, 100), max_size=4)), max_size=5),
    length=st.integers(2, 12),
    hop=st.integers(1, 12),
    purity=st.floats(0.05, 1),
)
def test_every_window_is_whole_and_every_position_is_accounted_for(
    parts: list[tuple[Recording, list[int]]], length: int, hop: int, purity: float
) -> None:
    spec = WindowSpec(length=length, hop=min(hop, length))
    recordings, first = [], 0
    for part, gaps in parts:
        inside = tuple(sorted({gap for gap in gaps if gap < len(part)}))
        labels = part.labels.codes
        recordings.append(recorded(labels, part.subject, part.placement, gaps=inside, first=first))
        first += len(part)
    try:
        windows = cut(recordings, spec, purity=purity)
    except DataError as error:
        assert "No window could be cut" in str(error) or "No task remains" in str(error)
        return
    # Sample number -> where it came from, independent of how cut walks.
    home: list[tuple[int, int, int]] = []
    for index, recording in enumerate(recordings):
        long_steps = np.diff(recording.time_s, prepend=recording.time_s[0]) > 0.03
        home += [(index, int(s), int(c)) for s, c in
                 zip(np.cumsum(long_steps), recording.labels.codes, strict=True)]  # fmt: skip
    whole = 0
    for recording in recordings:
        for piece in stretches(recording):
            if piece.stop - piece.start >= length:
                whole += (piece.stop - piece.start - length) // spec.hop + 1
    numbers = windows.counts[:, :, 1].astype(int) * 512 + windows.counts[:, :, 0]
    assert (np.diff(numbers, axis=1) == 1).all()
    names = {task.name: task.labels for task in windows.tasks}
    for index, row in enumerate(numbers):
        places = {home[number][:2] for number in row}
        assert len(places) == 1, "a window holds a gap or two recordings"
        recording = recordings[places.pop()[0]]
        assert windows.subjects[windows.subject[index]] == recording.subject
        if "placement" in names:
            assert names["placement"][windows.targets["placement"][index]] == recording.placement
        if "activity" in names:
            own = [home[number][2] for number in row]
            assert own.count(windows.targets["activity"][index]) >= purity * length - 1e-6
    rejected = {key: n for key, n in windows.rejected.items() if key != "too short"}
    assert len(windows) + sum(rejected.values()) == whole
    assert windows.dropped == {"nan": len(recordings)}


def test_another_rate_is_resampled_and_labels_with_it() -> None:
    codes = [0] * 400 + [1] * 400
    windows = cut([recorded(codes, rate_hz=200)])
    assert windows.start.tolist() == [0, 60] and windows.targets["activity"].tolist() == [0, 1]
    still = windows.counts[:, :, 2]
    assert (still == 256).all(), "gravity passes exactly"


def test_time_is_cut_by_its_own_clock_not_by_its_nominal_rate() -> None:
    """48 Hz for 100 s is 5,000 samples of 50 Hz, not 4,800."""
    recording = recorded([0] * 4801, rate_hz=48)
    windows = cut([recording, recorded([1] * 100)])
    assert windows.start[windows.run == 0].max() == (5001 - 100) // 60 * 60


def test_a_stretch_far_too_slow_is_not_made_up() -> None:
    windows = cut([recorded([0] * 300, rate_hz=5), recorded([0] * 100 + [1] * 100)])
    assert windows.rejected == {"sampled too slowly": 1}


def test_one_label_only_is_dropped_but_placements_remain() -> None:
    parts = [recorded([0] * 20, placement="waist"), recorded([-1] * 20, placement="wrist")]
    windows = cut(parts, SHORT)
    assert [task.name for task in windows.tasks] == ["placement"]
    assert windows.notes == (
        "The task 'activity' was left out: only 'sit' occurs.",
        "2 of 42 rows (5%) could not be used: 2 nan.",
    )
    assert len(windows) == 4, "without the label task, no window needs a label"


def test_a_placement_without_labelled_windows_is_no_label() -> None:
    parts = [recorded([0] * 10 + [1] * 10), recorded([-1] * 10, placement="wrist")]
    windows = cut(parts, SHORT)
    assert [task.name for task in windows.tasks] == ["activity"]
    assert "only 'waist'" in windows.notes[0]


def test_a_person_without_a_window_is_not_listed() -> None:
    parts = [recorded([0] * 10 + [1] * 10), recorded([-1] * 10, "ben"), recorded([0] * 10, "carl")]
    windows = cut(parts, SHORT)
    assert windows.subjects == ("anna", "carl")
    assert [windows.subjects[code] for code in windows.subject] == ["anna", "anna", "carl"]


def test_no_task_or_no_window_is_an_error() -> None:
    with pytest.raises(DataError, match=r"No task remains: .*'activity'.*none.*'waist' occurs"):
        cut([recorded([-1] * 100)])
    with pytest.raises(DataError, match=r"2 s of samples without a gap .*too short: 1"):
        cut([recorded([0] * 99)])
    with pytest.raises(DataError, match="No window could be cut"):
        cut([])
    with pytest.raises(DataError, match="purity"):
        cut([recorded([0] * 100)], purity=0)


def test_recordings_that_disagree_are_refused() -> None:
    first = recorded([0] * 100)
    with pytest.raises(DataError, match=r"'mood' .* 'activity'"):
        cut([first, recorded([0] * 100, task="mood")])
    with pytest.raises(DataError, match="cut them apart"):
        cut([first, recorded([0] * 100, names=("walk", "sit", "run"))])
    with pytest.raises(DataError, match="another name"):
        cut([recorded([0] * 100, task="placement")])


def test_a_model_is_scored_under_its_own_labels() -> None:
    model = (TaskSpec("placement", ("wrist", "waist")), TaskSpec("activity", ("walk", "sit")))
    parts = [recorded([0] * 10), recorded([2] * 10), recorded([0] * 10, placement="nose")]
    windows = cut(parts, SHORT, tasks=model)
    assert windows.tasks == model
    assert windows.targets["activity"].tolist() == [1]
    assert windows.targets["placement"].tolist() == [1]
    assert windows.rejected == {"label not in the model": 2}

    windows = cut(parts, SHORT, tasks=(TaskSpec("activity", ("walk", "sit")),))
    assert [task.name for task in windows.tasks] == ["activity"] and len(windows) == 2
    with pytest.raises(DataError, match="the model knows neither 'activity' nor placements"):
        cut(parts, SHORT, tasks=(TaskSpec("mood", ("good", "bad")),))


def test_the_same_recordings_give_the_same_windows() -> None:
    parts = [recorded([0] * 50 + [1] * 50), recorded([2] * 50, "ben")]
    assert cut(parts, SHORT).fingerprint == cut(iter(parts), SHORT).fingerprint
