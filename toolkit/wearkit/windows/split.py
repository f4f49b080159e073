"""Who is trained on, who is tested on, and a meter that does not take the split's word."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.windows.copies import ONE_PERSON, copies_of
from wearkit.windows.window_set import WindowSet

MIN_FOLDS = 3  # training, validation and test people must be different
VALIDATION_EVERY = 5  # of the people who are not tested, where the split does not say


@dataclass(frozen=True, slots=True)
class Leak:
    """What one part of a split shows of another.

    overlap_share: share of the seen part's windows that hold a sample of the other part, or a copy
    of one under another name (windows.copies). copied_share: of those copies alone.
    subject_share: share of the seen part's windows worn by someone in the other part.
    shared_subjects: those people.
    """

    overlap_share: float
    subject_share: float
    shared_subjects: tuple[str, ...]
    copied_share: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Indices into one WindowSet: train, val, test are (n,) int64, ascending and disjoint.

    leak_share: share of test windows that hold a sample of a training or validation window, or a
    copy of one; copied_share: of those copies alone.
    shared_subjects: people in the test part who are in another part too.
    val_leak: the same two figures for the validation part against the training part.
    """

    name: str
    fold: int
    folds: int
    seed: int
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    train_subjects: tuple[str, ...]
    val_subjects: tuple[str, ...]
    test_subjects: tuple[str, ...]
    leak_share: float
    shared_subjects: tuple[str, ...]
    val_leak: Leak
    copied_share: float = 0.0


def subject_split(windows: WindowSet, *, fold: int = 0, folds: int = 5, seed: int = 0) -> Split:
    """Subjects in a seeded order, dealt into `folds` groups whose sizes differ by one at most.

    Test is group `fold`, validation the group after it (round the end), training the rest, so
    the `folds` test parts together hold every window once. The order is that of a hash of seed
    and name: it needs no random generator, and one more person moves nobody past another.

    Raises DataError for a fold outside 0..folds-1 and for fewer subjects than folds.
    """
    if folds < MIN_FOLDS:
        raise DataError(f"A subject split needs {MIN_FOLDS} or more folds, not {folds}.")
    if not 0 <= fold < folds:
        raise DataError(f"Fold {fold} does not exist: folds are numbered 0 to {folds - 1}.")
    present = np.unique(windows.subject)
    if len(present) < folds:
        raise DataError(
            f"There are windows of {len(present)} subject(s), but {folds} folds of different "
            f"people need {folds} or more: add recordings of other people, and name each in "
            f"the subject column or by a file of their own.{_joined(windows)}"
        )
    order = _shuffled(windows, present.tolist(), seed)
    groups = [order[group::folds] for group in range(folds)]
    return by_people(
        windows,
        "subject",
        groups[fold],
        groups[(fold + 1) % folds],
        fold=fold,
        folds=folds,
        seed=seed,
    )


def leave_one_out_split(windows: WindowSet, *, fold: int = 0, seed: int = 0) -> Split:
    """One person is tested (`fold` counts people in a seeded order), a fifth of the others
    validate. Raises DataError for a fold without a person and for fewer than three people."""
    order = _shuffled(windows, np.unique(windows.subject).tolist(), seed)
    if len(order) < MIN_FOLDS:
        raise DataError(
            f"Leaving one person out needs {MIN_FOLDS} people, not {len(order)}.{_joined(windows)}"
        )
    if not 0 <= fold < len(order):
        raise DataError(f"Fold {fold} does not exist: there are people 0 to {len(order) - 1}.")
    others = order[fold + 1 :] + order[:fold]
    held = others[:: max(2, min(VALIDATION_EVERY, len(others)))]
    return by_people(windows, "loso", [order[fold]], held, fold=fold, folds=len(order), seed=seed)


def named_split(
    windows: WindowSet,
    name: str,
    test_subjects: Collection[str],
    *,
    fold: int = 0,
    folds: int = 1,
    seed: int = 0,
) -> Split:
    """The people a data set's authors (or another data set) named are tested; a fifth of the
    others validate. Raises DataError when none of them, or nobody else, has a window."""
    present = np.unique(windows.subject).tolist()
    test = [code for code in present if windows.subjects[code] in test_subjects]
    others = _shuffled(windows, [code for code in present if code not in test], seed)
    if not test or len(others) < MIN_FOLDS - 1:
        raise DataError(
            f"The {name} split finds {len(test)} people to test and {len(others)} to train and "
            "validate on; it needs at least one and two: is this the right data set?"
        )
    held = others[:: max(2, min(VALIDATION_EVERY, len(others)))]
    return by_people(windows, name, test, held, fold=fold, folds=folds, seed=seed)


def by_people(
    windows: WindowSet,
    name: str,
    test: list[int],
    val: list[int],
    *,
    fold: int,
    folds: int,
    seed: int,
) -> Split:
    """test, val: subject codes; everyone else trains."""
    kept = [code for code in np.unique(windows.subject).tolist() if code not in {*test, *val}]
    return by_windows(
        windows,
        name,
        _windows_of(windows, kept),
        _windows_of(windows, val),
        _windows_of(windows, test),
        fold=fold,
        folds=folds,
        seed=seed,
    )


def by_windows(
    windows: WindowSet,
    name: str,
    train: NDArray[np.int64],
    val: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    fold: int,
    folds: int,
    seed: int,
) -> Split:
    """A split into given parts (ascending, disjoint), with what the meter says of it."""
    test_leak = leak(windows, np.concatenate([train, val]), test)
    return Split(
        name=name,
        fold=fold,
        folds=folds,
        seed=seed,
        train=train,
        val=val,
        test=test,
        train_subjects=_names(windows, train),
        val_subjects=_names(windows, val),
        test_subjects=_names(windows, test),
        leak_share=test_leak.overlap_share,
        shared_subjects=test_leak.shared_subjects,
        val_leak=leak(windows, train, val),
        copied_share=test_leak.copied_share,
    )


def leak(windows: WindowSet, a: NDArray[np.integer], b: NDArray[np.integer]) -> Leak:
    """How much of `b` was already seen in `a`. (n,) indices; computed from the windows alone.

    Two windows overlap when they are cut from the same run and start less than one window
    length apart, or hold the same content by windows.copies, whatever their names say. An empty
    `b` leaks nothing.
    """
    if not len(b):
        return Leak(0.0, 0.0, ())
    shared = np.intersect1d(windows.subject[a], windows.subject[b])
    copied = copies_of(windows).seen(windows, a, b)
    return Leak(
        overlap_share=float((_overlaps(windows, a, b) | copied).mean()),
        subject_share=float(np.isin(windows.subject[b], shared).mean()),
        shared_subjects=tuple(sorted(windows.subjects[code] for code in shared)),
        copied_share=float(copied.mean()),
    )


def _overlaps(
    windows: WindowSet, a: NDArray[np.integer], b: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Per window of b, whether it shares a sample with one of a."""
    if not len(a):
        return np.zeros(len(b), dtype=np.bool_)
    # Runs laid on one line, further apart than a window is long: neighbours in the sorted
    # starts of `a` are then the only ones that can overlap.
    length = windows.spec.length
    stride = int(windows.start.max()) + 2 * length
    place = windows.run.astype(np.int64) * stride + windows.start
    starts = np.sort(place[a])
    after = np.searchsorted(starts, place[b])
    right = starts[np.minimum(after, len(starts) - 1)]
    left = starts[np.maximum(after - 1, 0)]
    near = np.minimum(np.abs(right - place[b]), np.abs(left - place[b]))
    close: NDArray[np.bool_] = near < length
    return close


def _shuffled(windows: WindowSet, codes: list[int], seed: int) -> list[int]:
    return sorted(codes, key=lambda code: _rank(windows.subjects[code], seed))


def _rank(subject: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{subject}".encode()).digest()


def _joined(windows: WindowSet) -> str:
    """Who was taken for one person, where it is asked why there are so few."""
    return "".join(f" {note}" for note in windows.notes if ONE_PERSON in note)


def _windows_of(windows: WindowSet, codes: list[int]) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(windows.subject, codes)).astype(np.int64)


def _names(windows: WindowSet, index: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(sorted(windows.subjects[code] for code in np.unique(windows.subject[index])))
