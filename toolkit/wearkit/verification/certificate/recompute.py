"""The windows of a certificate computed again, from a bundle and the recordings they are of."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle
from wearkit.counts import counts_to_int8
from wearkit.errors import VerificationError
from wearkit.integer.reference import Reference
from wearkit.link.axes import SAME_AXES
from wearkit.link.frames.fields import window_crc
from wearkit.link.sample import WRAP_32
from wearkit.link.text.header import parse_axes
from wearkit.spec import trained
from wearkit.verification.certificate.certificate import Model
from wearkit.verification.certificate.check import CheckedCertificate
from wearkit.verification.replay import as_device_gets_it
from wearkit.verification.window_list import ListedWindow

_BATCH = 256  # windows the reference takes at a time

Counts = NDArray[np.int16]


def check_bundle(certificate: CheckedCertificate, bundle: Bundle) -> None:
    """The certificate is of this bundle. Raises VerificationError."""
    stated = certificate.value
    for name, expected in Model.of(bundle).to_json().items():
        if stated[name] != expected:
            shown = stated[name] if isinstance(stated[name], str) else "another"
            own = f", {expected}" if isinstance(expected, str) else ""
            raise VerificationError(
                f"The certificate is of another bundle: its {name} is {shown}, not "
                f"{bundle.path}'s{own}."
            )
    golden = certificate.counts("requested")["golden_in_bundle"]
    if certificate.is_replay and golden not in (0, len(bundle.golden().counts)):
        raise VerificationError(
            f"The certificate is of another bundle: it speaks of {golden} golden windows, and "
            f"{bundle.path} has {len(bundle.golden().counts)}."
        )


@dataclass(frozen=True, slots=True)
class Recomputed:
    """windows: that were computed again and are as listed, of so many listed ones. outside: how
    many more the recording has room for, before the first and behind the last of them."""

    windows: int
    listed: int
    outside: int = 0


def recompute_replay(
    certificate: CheckedCertificate, bundle: Bundle, others: Iterable[Counts] | None
) -> Recomputed:
    """The windows of a test set again, in its order: golden ones first, then `others`, (length, 3)
    int16 each; None computes the golden ones alone.

    Raises VerificationError, which names the first window that is not as listed.
    """
    listed = certificate.windows
    golden = certificate.counts("requested")["golden_in_bundle"]
    own = bundle.golden().counts[:golden]
    device = certificate.value["device"]
    axes = SAME_AXES if device is None else parse_axes(device["axes"], "The device's axes are ")
    windows = (
        as_device_gets_it(window, axes) for window in chain(own, () if others is None else others)
    )
    count = len(listed) if others is not None else min(len(listed), golden)
    computed = _compare(certificate, bundle, zip(islice(listed, count), windows, strict=False))
    if computed < count:
        raise VerificationError(
            f"The certificate lists {len(listed)} windows, and the bundle and the recordings have "
            f"{computed}: name the recordings it was made with."
        )
    return Recomputed(computed, len(listed))


def recompute_live(
    certificate: CheckedCertificate,
    bundle: Bundle,
    recordings: Iterable[Callable[[], Counts]],
) -> Recomputed:
    """A sensor's windows again, searched in what was recorded of it by their CRC.

    recordings: ways to read the samples, (T, 3) int16 in the model's axes; the first is taken in
    which the first listed window is. Raises VerificationError as recompute_replay.
    """
    listed = certificate.windows
    spec = trained(bundle.graph.model).window
    length = spec.length
    first = next(iter(listed))
    for read in recordings:
        recorded = _Recorded(read(), length)
        if recorded.has(first.crc):
            one_run = certificate.counts("one_device")["runs"] == 1
            windows = recorded.windows(listed, one_run=one_run)
            computed = _compare(certificate, bundle, windows)
            return Recomputed(computed, len(listed), recorded.outside(spec.hop))
    raise _absent(first)


class _Recorded:
    """Samples, and where in them a window with some CRC begins."""

    def __init__(self, counts: Counts, length: int) -> None:
        self._counts = np.ascontiguousarray(counts.astype("<i2"))
        self._length = length
        self._crcs: NDArray[np.uint32] | None = None
        self._first = self._last = 0  # where the first and the last window was

    def has(self, crc: int) -> bool:
        return bool((self._all_crcs() == crc).any())

    def outside(self, hop: int) -> int:
        """As in Recomputed, once the windows were given."""
        return self._first // hop + (len(self._all_crcs()) - 1 - self._last) // hop

    def windows(
        self, listed: Iterable[ListedWindow], *, one_run: bool
    ) -> Iterator[tuple[ListedWindow, Counts]]:
        """Each listed window with its samples. one_run: further on than the one before it by as
        many samples as their indices say, or by fewer where some were lost, and never by more,
        which would hide windows; else anywhere behind it."""
        crcs, at, before = self._all_crcs(), -1, 0
        for window in listed:
            step = (window.index - before) % WRAP_32
            if at < 0:
                at = self._first = self._nearest(window, 0, len(crcs) - 1)
            elif one_run:
                at = self._nearest(window, at + 1, min(at + step, len(crcs) - 1))
            else:
                at = self._nearest(window, at + 1, len(crcs) - 1, at + step)
            before, self._last = window.index, at
            yield window, self._counts[at : at + self._length]

    def _nearest(
        self, window: ListedWindow, first: int, last: int, expected: int | None = None
    ) -> int:
        """Where it is from `first` to `last`: at the expected place, else at the last, else at the
        first place it is at."""
        crcs = self._all_crcs()
        for place in (expected, last):
            if place is not None and first <= place <= last and crcs[place] == window.crc:
                return place
        places = np.flatnonzero(crcs[first : last + 1] == window.crc)
        if not places.size:
            raise _absent(window)
        return first + int(places[0])

    def _all_crcs(self) -> NDArray[np.uint32]:
        if self._crcs is None:
            data, row = memoryview(self._counts.tobytes()), 3 * self._counts.itemsize
            size = self._length * row
            starts = range(0, max(0, len(data) - size + 1), row)
            self._crcs = np.fromiter(
                (zlib.crc32(data[at : at + size]) for at in starts), np.uint32, len(starts)
            )
        return self._crcs


def _compare(
    certificate: CheckedCertificate,
    bundle: Bundle,
    windows: Iterator[tuple[ListedWindow, Counts]],
) -> int:
    """How many are as listed. Raises VerificationError for the first that is not."""
    reference = Reference(bundle.graph)
    where = "Window" if certificate.is_replay else "The window at sample"
    computed = 0
    while batch := list(islice(windows, _BATCH)):
        logits = reference.run(counts_to_int8(np.stack([counts for _, counts in batch])))
        rows = np.concatenate([logits[task] for task in certificate.tasks], axis=1)
        for (window, counts), row in zip(batch, rows.tolist(), strict=True):
            crc = window_crc(counts)
            if crc != window.crc:
                raise VerificationError(
                    f"{where} {window.index} is of other samples: its CRC is {window.crc:08x} in "
                    f"the certificate and {crc:08x} in the recordings."
                )
            if tuple(row) != window.logits:
                raise VerificationError(
                    f"{where} {window.index} has other logits: {list(window.logits)} in the "
                    f"certificate, and the reference says {row}."
                )
            computed += 1
    return computed


def _absent(window: ListedWindow) -> VerificationError:
    return VerificationError(
        f"The window at sample {window.index} (CRC {window.crc:08x}) is not in the recordings, or "
        "not where its number says."
    )
