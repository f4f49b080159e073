"""Who trains, validates and tests where one person is left out or an archive names the people."""

from __future__ import annotations

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.spec import TaskSpec, WindowSpec
from wearkit.windows.split import Leak, leak, leave_one_out_split, named_split
from wearkit.windows.window_set import WindowSet

# Sorted by `printf 0:s1 | sha256sum`.
ORDER_OF_SEED_0 = ["s0", "s3", "s5", "s6", "s4", "s1", "s8", "s7", "s9", "s2"]


def worn_by(people: int) -> WindowSet:
    """Three windows a person, none like another."""
    who = np.repeat(np.arange(people, dtype=np.int32), 3)
    counts = np.random.default_rng(people).integers(-512, 512, (len(who), 100, 3))
    return WindowSet(
        spec=WindowSpec(),
        tasks=(TaskSpec("activity", ("sit", "walk")),),
        counts=counts.astype(np.int16),
        targets={"activity": np.zeros(len(who), np.int16)},
        subjects=tuple(f"s{number}" for number in range(people)),
        subject=who,
        run=who,
        start=np.tile(np.arange(3, dtype=np.int32) * 100, people),
    )


@pytest.mark.parametrize("fold", range(10))
def test_the_person_left_out_is_only_tested(fold: int) -> None:
    split = leave_one_out_split(worn_by(10), fold=fold)
    others = ORDER_OF_SEED_0[fold + 1 :] + ORDER_OF_SEED_0[:fold]
    assert split.test_subjects == (ORDER_OF_SEED_0[fold],)
    assert split.val_subjects == tuple(sorted([others[0], others[5]]))
    assert split.train_subjects == tuple(sorted({*others} - {others[0], others[5]}))
    assert [len(split.train), len(split.val), len(split.test)] == [21, 6, 3]
    assert (split.name, split.fold, split.folds, split.seed) == ("loso", fold, 10, 0)
    assert (split.leak_share, split.shared_subjects) == (0.0, ())


def test_three_people_are_enough_to_leave_one_out() -> None:
    split = leave_one_out_split(worn_by(3), fold=2)
    assert [len(split.train), len(split.val), len(split.test)] == [3, 3, 3]
    assert leave_one_out_split(worn_by(3)).fold == 0
    with pytest.raises(DataError, match="needs 3 people, not 2"):
        leave_one_out_split(worn_by(2))


@pytest.mark.parametrize("fold", [-1, 4])
def test_a_fold_without_a_person_is_refused(fold: int) -> None:
    with pytest.raises(DataError, match=f"Fold {fold} does not exist: there are people 0 to 3"):
        leave_one_out_split(worn_by(4), fold=fold)


def test_the_people_an_archive_names_are_tested() -> None:
    split = named_split(worn_by(10), "official", {"s5", "s6", "elsewhere"})
    others = [name for name in ORDER_OF_SEED_0 if name not in ("s5", "s6")]
    assert split.test_subjects == ("s5", "s6")
    assert split.val_subjects == tuple(sorted([others[0], others[5]]))
    assert set(split.train_subjects) == {*others} - {others[0], others[5]}
    assert (split.name, split.fold, split.folds, split.seed) == ("official", 0, 1, 0)
    other = named_split(worn_by(10), "official", {"s5"}, fold=2, folds=4, seed=7)
    assert (other.fold, other.folds, other.seed) == (2, 4, 7)


@pytest.mark.parametrize(
    ("people", "tested", "says"),
    [(3, {"absent"}, "0 people to test and 3"), (2, {"s0"}, "1 people to test and 1 to train")],
)
def test_too_few_people_are_refused(people: int, tested: set[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        named_split(worn_by(people), "official", tested)
    assert len(named_split(worn_by(3), "official", {"s0"}).train) == 3


def test_an_empty_part_leaks_nothing() -> None:
    nobody = np.array([], np.int64)
    assert leak(worn_by(2), np.array([0]), nobody) == Leak(0.0, 0.0, ())
    assert leak(worn_by(2), nobody, np.array([0])) == Leak(0.0, 0.0, ())
