"""What in a window is like nothing else, so that it is known again wherever it turns up.

A window at rest tells nothing: a digest is taken only of one that is telling, that is one that
changes from sample to sample and takes many values. That rules out a stuck sensor, rows of zeros
and a sensor that flickers between two counts, and leaves a chance twin out of the question.

A landmark is the highest peak of |a| in a window. It lies where the movement puts it, whatever
sample a file begins with, and the shape of |a| around it, mean removed and scaled to length one,
does not know units, axes or a sensor's offset.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.windows.window_set import WindowSet

REACH = 24  # samples to both sides of a landmark: a second in all at 50 Hz
ALIKE = 0.985  # correlation of two landmarks; the same step of one person reaches 0.97
SURPRISED_ALIKE = 0.5  # correlation of what is not foretold; of two sensors it is about 0
_FORETOLD = 12  # samples that foretell the next
_MOVING_COUNTS = 2.0  # standard deviation of |a| around a landmark that is compared by its shape
_CHANGES, _VALUES = 0.2, 0.1  # of a telling window's samples: new ones, different ones
_ROWS = 512  # landmarks at a time that are compared with all
_BLOCK = 8192  # windows at a time: bounds what is copied to 30 MB
_BITS, _TABLES, _NEIGHBOURS = 20, 4, 2  # of the search for similar landmarks
_COMPONENTS = 24  # of a landmark's shape, from which each table draws its bits
_FEW = 8000  # landmarks, of some five hours of movement: each is compared with each
_SAMPLE = 20_000  # landmarks that say which components these are

Integers = NDArray[np.int64]


def window_digests(counts: NDArray[np.int16]) -> NDArray[np.uint64]:
    """counts: (N, length, 3) -> (N,), equal for equal windows, 0 for one that is not telling."""
    digest = np.zeros(len(counts), np.uint64)
    for begin in range(0, len(counts), _BLOCK):
        block = np.ascontiguousarray(counts[begin : begin + _BLOCK])
        for place in np.flatnonzero(_telling(block)).tolist():
            value = hashlib.blake2b(block[place].data, digest_size=8).digest()
            digest[begin + place] = int.from_bytes(value, "little") or 1
    return digest


def _telling(counts: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(N, L, 3) -> (N,) whether samples change and differ enough to be nobody else's by chance."""
    length = counts.shape[1]
    # 10 bits an axis: one number for one sample.
    number = (counts.astype(np.int32) & 1023) @ np.array([1 << 20, 1 << 10, 1], np.int32)
    changes = np.count_nonzero(np.diff(number, axis=1), axis=1)
    number.sort(axis=1)
    values = np.count_nonzero(np.diff(number, axis=1), axis=1) + 1
    telling: NDArray[np.bool_] = (changes >= _CHANGES * length) & (values >= _VALUES * length)
    return telling


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """window: (M,) whose it is. place: (M,) sample on its run's grid. shape: (M, 2 REACH + 1)
    float32, |a| around it, mean 0, length 1. digest: (M,) of the counts around it, 0 where they
    are not telling. moving: (M,) whether it is marked enough to be compared by its shape."""

    window: Integers
    place: Integers
    shape: NDArray[np.float32]
    digest: NDArray[np.uint64]
    moving: NDArray[np.bool_]


def landmarks_of(windows: WindowSet) -> Landmarks:
    """The highest peak of |a| of each window, where it is the highest within REACH on both sides,
    once for the windows that share it."""
    length = windows.spec.length
    parts: list[tuple[Integers, Integers, NDArray[np.float32]]] = []
    for begin in range(0, len(windows) if length > 2 * REACH else 0, _BLOCK):
        size = np.linalg.norm(windows.counts[begin : begin + _BLOCK].astype(np.float32), axis=2)
        peak = size[:, REACH : length - REACH].argmax(axis=1) + REACH
        rows = np.arange(len(size))
        around = size[rows[:, None], peak[:, None] + np.arange(-REACH, REACH + 1)]
        alone = np.count_nonzero(around >= around[:, REACH : REACH + 1], axis=1) == 1
        window = rows[alone] + begin
        parts.append((window, windows.start[window] + peak[alone], around[alone]))
    none = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2 * REACH + 1), np.float32))
    window, place, shape = (np.concatenate(columns) for columns in zip(none, *parts, strict=True))
    run = windows.run[window].astype(np.int64)
    _, once = np.unique(run * (1 << 32) + place, return_index=True)
    window, place, shape = window[once], place[once].astype(np.int64), shape[once]
    shape -= shape.mean(axis=1, keepdims=True)
    deviation = shape.std(axis=1)
    shape /= np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-6)
    digest = np.zeros(len(window), np.uint64)
    offset = place - windows.start[window]
    for begin in range(0, len(window), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        samples = offset[block, None] + np.arange(-REACH, REACH + 1)
        digest[block] = window_digests(windows.counts[window[block, None], samples])
    return Landmarks(window, place, shape, digest, deviation >= _MOVING_COUNTS)


def around(windows: WindowSet, marks: Landmarks, index: Integers) -> NDArray[np.float64]:
    """(len(index), 2 REACH + 1) |a| around these landmarks, in counts."""
    window = marks.window[index]
    offset = marks.place[index] - windows.start[window]
    samples = offset[:, None] + np.arange(-REACH, REACH + 1)
    counts = windows.counts[window[:, None], samples].astype(np.float64)
    size: NDArray[np.float64] = np.linalg.norm(counts, axis=2)
    return size


def same_surprises(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """one, other: (n, 2 REACH + 1), laid over each other. Whether what twelve samples do not
    foretell of the next one agrees in both: linear prediction takes out whatever is regular."""
    first, second = _surprises(one), _surprises(other)
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return size > 0 and float(first @ second) >= SURPRISED_ALIKE * size


def _surprises(size: NDArray[np.float64]) -> NDArray[np.float64]:
    history = np.lib.stride_tricks.sliding_window_view(size - size.mean(), _FORETOLD + 1, axis=1)
    rows = history.reshape(-1, _FORETOLD + 1)
    weights, *_ = np.linalg.lstsq(rows[:, :-1], rows[:, -1], rcond=None)
    surprise: NDArray[np.float64] = rows[:, -1] - rows[:, :-1] @ weights
    return surprise


def similar(marks: Landmarks) -> tuple[Integers, Integers]:
    """Pairs of landmarks that are equal, or alike in shape: two arrays of indices. Not all of
    them: the search takes time that grows as their number does."""
    a, b = _equal(marks.digest)
    moving = np.flatnonzero(marks.moving)
    c, d = _candidates(marks.shape[moving])
    c, d = moving[c], moving[d]
    alike = np.empty(len(c), np.bool_)
    for begin in range(0, len(c), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        alike[block] = (marks.shape[c[block]] * marks.shape[d[block]]).sum(axis=1) >= ALIKE
    both = np.unique(np.concatenate([_paired(a, b, marks), _paired(c[alike], d[alike], marks)]))
    return both // len(marks.place), both % len(marks.place)


def _paired(a: Integers, b: Integers, marks: Landmarks) -> Integers:
    """One number for each pair, whichever of the two comes first."""
    return np.minimum(a, b) * max(1, len(marks.place)) + np.maximum(a, b)


def _equal(digest: NDArray[np.uint64]) -> tuple[Integers, Integers]:
    order = np.argsort(digest, kind="stable")
    same = (np.diff(digest[order]) == 0) & (digest[order][1:] != 0)
    return order[:-1][same], order[1:][same]


def _candidates(shape: NDArray[np.float32]) -> tuple[Integers, Integers]:
    """Pairs worth a look: neighbours among landmarks whose shape lies on the same side of the
    median in each of some twenty directions, the principal components, in one of four tables."""
    count = len(shape)
    if count <= _FEW:
        return _every_pair(shape)
    generator = np.random.default_rng(0)
    sample = shape[generator.choice(count, min(count, _SAMPLE), replace=False)]
    _, directions = np.linalg.eigh(np.cov(sample.T))
    parts = shape @ directions[:, ::-1][:, :_COMPONENTS].astype(np.float32)
    above = parts > np.median(parts[:_SAMPLE], axis=0)
    bits = min(_BITS, max(10, count.bit_length()))
    left, right = [], []
    for _ in range(_TABLES):
        chosen = generator.choice(_COMPONENTS, bits, replace=False)
        key = above[:, chosen] @ (1 << np.arange(bits))
        order = np.argsort(key, kind="stable")
        for step in range(1, _NEIGHBOURS + 1):
            same = key[order[step:]] == key[order[:-step]]
            left.append(order[:-step][same])
            right.append(order[step:][same])
    return np.concatenate(left), np.concatenate(right)


def _every_pair(shape: NDArray[np.float32]) -> tuple[Integers, Integers]:
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for begin in range(0, len(shape), _ROWS):
        row, column = np.nonzero(shape[begin : begin + _ROWS] @ shape[begin:].T >= ALIKE)
        later = row < column
        left.append(row[later] + begin)
        right.append(column[later] + begin)
    return np.concatenate(left), np.concatenate(right)
