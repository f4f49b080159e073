"""The leak meter looks at what was measured: copies under other names, however changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset
from wearkit.spec import TaskSpec, WindowSpec
from wearkit.windows.copies import Copies, copies_of, one_name_each, same_people
from wearkit.windows.evaluation_protocol import cut_and_split
from wearkit.windows.landmarks import window_digests
from wearkit.windows.split import by_people, leak, subject_split
from wearkit.windows.window_set import WindowSet

Stream = NDArray[np.float64]
TASK = TaskSpec("activity", ("sit", "walk"))


def walker(seed: int, seconds: int = 60) -> Stream:
    """(T, 3) counts of somebody who walks: steps of uneven length, and what is nobody else's, a
    broad band of movement up to some 5 Hz, as recordings have it."""
    generator = np.random.default_rng(seed)
    count = 50 * seconds
    step = np.cumsum(0.22 + 0.02 * generator.standard_normal(count))
    swing = 40 * np.sin(step) + 15 * np.sin(2 * step + generator.uniform(0, 6))
    band = np.convolve(generator.standard_normal(count), np.hanning(9), "same") * 20
    acc = np.stack([250 + swing + band, 30 + 0.4 * swing, 0.5 * band - 20], axis=1)
    return acc + generator.normal(0, 1.0, acc.shape)


def counts_of(acc: Stream) -> NDArray[np.int16]:
    return np.clip(np.floor(acc + 0.5), -512, 511).astype(np.int16)


def windows_of(people: dict[str, list[Stream]]) -> WindowSet:
    spec = WindowSpec()
    parts, subject, run, start = [], [], [], []
    number = 0
    for code, streams in enumerate(people.values()):
        for acc in streams:
            begins = np.arange(0, len(acc) - spec.length + 1, spec.hop)
            counts = counts_of(acc)
            parts += [counts[begin : begin + spec.length] for begin in begins]
            subject += [code] * len(begins)
            run += [number] * len(begins)
            start += begins.tolist()
            number += 1
    return WindowSet(
        spec=spec,
        tasks=(TASK,),
        counts=np.stack(parts),
        targets={"activity": (np.arange(len(parts)) % 2).astype(np.int16)},
        subjects=tuple(people),
        subject=np.array(subject, np.int32),
        run=np.array(run, np.int32),
        start=np.array(start, np.int32),
    )


ROTATION = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
CHANGES: dict[str, Callable[[Stream], Stream]] = {
    "byte for byte": lambda acc: counts_of(acc).astype(float),
    "trimmed": lambda acc: counts_of(acc)[7:].astype(float),
    "trimmed by half a hop": lambda acc: counts_of(acc)[30:].astype(float),
    "cut short": lambda acc: counts_of(acc)[1000:2500].astype(float),
    "two decimals of g": lambda acc: np.round(acc[13:] / 256, 2) * 256,
    "whole mg": lambda acc: np.round(acc[13:] / 0.256) * 0.256,
    "9.81 for 9.80665": lambda acc: acc * 9.81 / 9.80665,
    "m/s2 for g": lambda acc: acc[13:] / 9.80665,
    "half the range": lambda acc: acc * 0.5,
    "noise": lambda acc: acc + np.random.default_rng(1).normal(0, 1.0, acc.shape),
    "offset": lambda acc: acc + np.array([8, -8, 10]),
    "axes swapped": lambda acc: acc[5:][:, [2, 0, 1]] * [-1, 1, 1],
    "worn otherwise": lambda acc: acc[5:] @ ROTATION,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_changed_copy_is_the_same_person_and_leaks(change: Callable[[Stream], Stream]) -> None:
    people = {f"p{n}": [walker(n)] for n in range(6)} | {"guest": [change(walker(2))]}
    windows = windows_of(people)
    assert same_people(windows) == (("guest", "p2"),)
    guest = np.flatnonzero(windows.subject == 6)
    p2 = np.flatnonzero(windows.subject == 2)
    others = np.flatnonzero((windows.subject != 6) & (windows.subject != 2))
    assert leak(windows, p2, guest).copied_share > 0.7
    assert leak(windows, guest, p2).overlap_share > (0.4 if len(guest) < 30 else 0.7)
    assert leak(windows, others, guest).overlap_share == 0


def test_different_walks_are_different_people() -> None:
    windows = windows_of({f"p{n}": [walker(n), walker(100 + n)] for n in range(12)})
    assert same_people(windows) == () and len(copies_of(windows).first) == 0
    assert one_name_each(windows) is windows
    split = subject_split(windows, folds=4)
    assert (split.leak_share, split.copied_share) == (0, 0)


def on_a_shaker(seed: int, hz: float) -> Stream:
    generator = np.random.default_rng(seed)
    swing = 80 * np.sin(2 * np.pi * hz * np.arange(3000) / 50 + generator.uniform(0, 6))
    acc = np.stack([250 + swing, 0.4 * swing - 10, 0.1 * swing + 5], axis=1)
    return acc + generator.normal(0, 0.8, acc.shape)


def test_two_sensors_on_one_shaker_are_no_copies() -> None:
    people = {f"p{n}": [on_a_shaker(n, 1.8)] for n in range(6)}
    assert same_people(windows_of(people)) == ()
    people["p6"] = [on_a_shaker(3, 1.8)[11:]]
    assert same_people(windows_of(people)) == (("p3", "p6"),)


def still(seed: int, count: int = 3000, noise: float = 0.0) -> Stream:
    return np.random.default_rng(seed).normal((250, -10, 5), noise, (count, 3))


@pytest.mark.parametrize(
    "acc",
    [
        still(0),
        np.zeros((3000, 3)),
        still(0) + (np.arange(3000) % 2)[:, None],
        still(0) + (np.arange(3000) % 60 == 0)[:, None],
        np.repeat(still(1, 30, 100.0), 100, axis=0),
    ],
    ids=["stuck", "zero rows", "flickering", "a blink a second", "a step every two seconds"],
)
def test_rest_and_dead_sensors_tell_nothing(acc: Stream) -> None:
    windows = windows_of({"a": [acc], "b": [acc], "c": [walker(1)]})
    assert not window_digests(windows.counts[windows.subject < 2]).any()
    assert same_people(windows) == ()
    a, b = (np.flatnonzero(windows.subject == code) for code in (0, 1))
    assert leak(windows, a, b).overlap_share == 0


def test_two_people_at_rest_are_two_and_one_at_rest_twice_is_one() -> None:
    rest = {name: [still(seed, noise=0.75)] for seed, name in enumerate("abcd")}
    assert same_people(windows_of(rest)) == ()
    assert same_people(windows_of(rest | {"e": rest["a"]})) == (("a", "e"),)


def test_names_are_joined_along_a_chain_and_the_first_stays() -> None:
    long = walker(0, 90)
    windows = windows_of(
        {"c": [long[:2000]], "a": [long[1000:3500]], "b": [long[2500:]], "x": [walker(1)]}
    )
    joined = one_name_each(windows)
    assert same_people(windows) == (("a", "b", "c"),)
    assert joined.subjects == ("a", "x") and len(joined) == len(windows)
    assert np.array_equal(joined.subject == 1, windows.subject == 3)
    assert joined.notes == ("a, b and c hold the same recordings and count as one person, a.",)


def test_people_of_two_data_sets_stay_two_and_the_meter_tells() -> None:
    windows = windows_of({"hapt:u1": [walker(0)], "own:u1": [walker(0)], "own:u2": [walker(1)]})
    assert same_people(windows) == ()
    split = by_people(windows, "dataset", [0], [2], fold=0, folds=2, seed=0)
    assert split.leak_share == split.copied_share == 1.0


def test_an_empty_set_and_a_short_window_are_no_trouble() -> None:
    windows = windows_of({"a": [walker(0)], "b": [walker(0)]})
    empty = np.empty(0, np.int64)
    assert leak(windows, empty, empty).overlap_share == 0
    assert leak(windows, empty, np.arange(5)).overlap_share == 0
    assert same_people(windows.take(empty)) == ()


def write(path: Path, seed: int) -> None:
    rows = [
        f"{i / 50:.2f},{x:.4f},{y:.4f},{z:.4f},{'sit' if i < 1500 else 'walk'}"
        for i, (x, y, z) in enumerate((walker(seed) / 256).tolist())
    ]
    path.write_text("# units=g\ntime,x,y,z,label\n" + "\n".join(rows) + "\n")


def test_files_that_are_there_twice_are_one_person_through_the_split(tmp_path: Path) -> None:
    for person in range(6):
        write(tmp_path / f"p{person}.csv", person)
        shutil.copy(tmp_path / f"p{person}.csv", tmp_path / f"p{person} (1).csv")
    windows, split = cut_and_split(open_dataset(tmp_path), WindowSpec(), "subject")
    assert windows.subjects == tuple(f"p{person}" for person in range(6))
    assert sum("count as one person" in note for note in windows.notes) == 5
    assert any("So do 1 other groups of names." in note for note in windows.notes)
    assert split.leak_share == 0
    parts = (split.train_subjects, split.val_subjects, split.test_subjects)
    assert sorted(name for part in parts for name in part) == sorted(windows.subjects)


def test_one_recording_under_five_names_is_too_few_people(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 0)
    for name in "bcde":
        shutil.copy(tmp_path / "a.csv", tmp_path / f"{name}.csv")
    with pytest.raises(DataError, match=r"1 subject\(s\), but 5 folds") as refusal:
        cut_and_split(open_dataset(tmp_path), WindowSpec(), "subject")
    assert "a, b, c, d and 1 others hold the same recordings" in str(refusal.value)


@pytest.mark.parametrize("whose", range(5))
def test_one_equal_window_is_enough_whoever_has_it(whose: int) -> None:
    rest = {f"p{seed}": [still(seed, 100, 0.75)] for seed in range(5)}
    windows = windows_of(rest | {"guest": rest[f"p{whose}"]})
    assert len(windows) == 6
    assert same_people(windows) == (("guest", f"p{whose}"),)


@pytest.mark.parametrize("lag", [-130, 0, 77])
def test_a_window_of_a_copy_is_seen_where_it_shares_a_sample(lag: int) -> None:
    starts = np.random.default_rng(lag + 200).integers(0, 3000, (2, 12)).astype(np.int32)
    begin, end = 400, 2500
    windows = replace(
        windows_of({"a": [walker(0)]}).take(np.zeros(24, np.int64)),
        run=np.repeat(np.arange(2, dtype=np.int32), 12),
        start=starts.ravel(),
    )
    link = (np.array([value], np.int64) for value in (0, 1, lag, begin, end))
    copies = Copies(np.zeros(24, np.uint64), *link)
    a, b = np.arange(12), np.arange(12, 24)
    moved = starts[0].astype(int) + lag  # of run 0, in samples of run 1
    shares = np.abs(moved[:, None] - starts[1].astype(int)) < 100
    # Both lie in the stretch that was measured twice, which is told in samples of run 1.
    for known, asked, place, rows in ((a, b, starts[1].astype(int), 0), (b, a, moved, 1)):
        inside = (place + 100 > begin) & (place < end)
        expected = shares.any(axis=rows) & inside
        assert copies.seen(windows, known, asked).tolist() == expected.tolist()
        assert 0 < expected.sum() < 12
