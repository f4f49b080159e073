"""Splits by person, and a meter that would notice if they were not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearkit.errors import DataError
from wearkit.spec import TaskSpec, WindowSpec
from wearkit.windows.split import leak, subject_split
from wearkit.windows.window_set import WindowSet

# Sorted by `printf 0:s1 | sha256sum`. Another order would silently change every fold.
ORDER_OF_SEED_0 = ["s0", "s3", "s5", "s6", "s4", "s1", "s8", "s7", "s9", "s2"]


def windows_of(
    subject: list[int], run: list[int] | None = None, start: list[int] | None = None
) -> WindowSet:
    n = len(subject)
    return WindowSet(
        spec=WindowSpec(),
        tasks=(TaskSpec("activity", ("sit", "walk")),),
        counts=np.zeros((n, 100, 3), dtype=np.int16),
        targets={"activity": np.zeros(n, dtype=np.int16)},
        subjects=tuple(f"s{number}" for number in range(max(subject, default=0) + 1)),
        subject=np.array(subject, dtype=np.int32),
        run=np.array(run if run is not None else [0] * n, dtype=np.int32),
        start=np.array(start if start is not None else range(0, 60 * n, 60), dtype=np.int32),
    )


def recorded(people: int, each: int = 12) -> WindowSet:
    """One run per person, windows overlapping by 40 samples as in the paper."""
    who = np.repeat(np.arange(people), each).tolist()
    return windows_of(who, run=who, start=[60 * i for i in range(each)] * people)


def test_folds_are_disjoint_balanced_and_complete() -> None:
    windows = recorded(13)
    tested: list[int] = []
    for fold in range(5):
        split = subject_split(windows, fold=fold, seed=3)
        parts = [split.train, split.val, split.test]
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(windows)))
        people = [set(windows.subject[part].tolist()) for part in parts]
        assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
        assert len(people[2]) in (2, 3)
        assert split.test_subjects == tuple(sorted(f"s{code}" for code in people[2]))
        assert (split.leak_share, split.shared_subjects) == (0.0, ())
        assert (split.val_leak.overlap_share, split.val_leak.subject_share) == (0.0, 0.0)
        following = subject_split(windows, fold=(fold + 1) % 5, seed=3)
        assert np.array_equal(split.val, following.test)
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(windows)))


def test_the_seed_alone_decides() -> None:
    windows = recorded(10)
    orders = {subject_split(windows, seed=seed).test_subjects for seed in range(8)}
    assert len(orders) > 4
    assert np.array_equal(subject_split(windows, seed=1).test, subject_split(windows, seed=1).test)
    for fold in range(5):
        split = subject_split(windows, fold=fold, seed=0)
        assert split.test_subjects == tuple(sorted(ORDER_OF_SEED_0[fold::5]))
        assert np.array_equal(subject_split(windows, fold=fold).test, split.test)
    assert np.array_equal(subject_split(windows).test, subject_split(windows, fold=0).test)


def test_a_random_split_leaks_and_the_meter_says_how_much() -> None:
    windows = recorded(10)
    order = np.random.default_rng(0).permutation(len(windows))
    train, test = order[:96], order[96:]
    found = leak(windows, train, test)
    seen = set()
    for index in train:
        begin = windows.start[index]
        seen |= {(windows.run[index], sample) for sample in range(begin, begin + 100)}
    touched = [
        any((windows.run[i], windows.start[i] + k) in seen for k in range(100)) for i in test
    ]
    assert found.overlap_share == np.mean(touched) > 0.8
    assert found.subject_share == 1.0 and len(found.shared_subjects) == 10


@given(
    places=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 500)), min_size=2, max_size=30),
    border=st.integers(1, 29),
)
def test_overlap_is_what_comparing_every_pair_says(
    places: list[tuple[int, int]], border: int
) -> None:
    run, start = [place[0] for place in places], [place[1] for place in places]
    windows = windows_of([0] * len(places), run, start)
    a, b = np.arange(min(border, len(places))), np.arange(min(border, len(places)), len(places))
    brute = [any(run[i] == run[j] and abs(start[i] - start[j]) < 100 for i in a) for j in b]
    assert leak(windows, a, b).overlap_share == (np.mean(brute) if brute else 0.0)


def test_windows_that_only_touch_share_no_sample() -> None:
    windows = windows_of([0, 0, 0], start=[0, 100, 99])
    assert leak(windows, np.array([0]), np.array([1])).overlap_share == 0.0
    assert leak(windows, np.array([0]), np.array([2])).overlap_share == 1.0


def test_neighbouring_runs_do_not_touch() -> None:
    windows = windows_of([0, 1], run=[0, 1], start=[900, 0])
    found = leak(windows, np.array([0]), np.array([1]))
    assert (found.overlap_share, found.subject_share) == (0.0, 0.0)


def test_one_person_in_two_runs_is_a_leak_without_overlap() -> None:
    windows = windows_of([0, 0, 1], run=[0, 1, 2], start=[0, 0, 0])
    found = leak(windows, np.array([0]), np.array([1, 2]))
    assert (found.overlap_share, found.subject_share) == (0.0, 0.5)
    assert found.shared_subjects == ("s0",)


def test_bad_requests_say_what_to_do() -> None:
    windows = recorded(4)
    with pytest.raises(DataError, match=r"4 subject\(s\), but 5 folds .* add recordings of other"):
        subject_split(windows)
    with pytest.raises(DataError, match="numbered 0 to 3"):
        subject_split(windows, fold=4, folds=4)
    with pytest.raises(DataError, match="numbered 0 to 3"):
        subject_split(windows, fold=-1, folds=4)
    with pytest.raises(DataError, match="3 or more folds, not 2"):
        subject_split(windows, folds=2)
    assert len(subject_split(windows, folds=4).train) == 24


def test_subjects_without_a_window_are_not_dealt() -> None:
    windows = recorded(6)
    some = windows.take(np.flatnonzero(windows.subject != 2))
    split = subject_split(some)
    assert "s2" not in split.train_subjects + split.val_subjects + split.test_subjects
