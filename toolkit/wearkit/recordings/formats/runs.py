"""Rows as they come in a file -> recordings of one person, one placement, time going forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.recording import LabelTrack, Recording

LONE_ROW = "alone between jumps back in time"
REPEATED = "repeated time"
MAX_HELD_ROWS = 4_000_000  # 22 h at 50 Hz; longer stretches are cut, so memory stays bounded
MIN_RATE_HZ, MAX_RATE_HZ = 1.0, 10_000.0
PACKED_SHARE = 0.1  # rows under the time of the row before: more, and packets share a time
_FEWEST_PACKED = 10
_SURE_ROWS = 100  # rows that make a strange rate the file's fault, not a slip's

Key = tuple[str, str]
"""Subject, placement."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """time_s (n,) float64; acc_g (n, 3) float32; codes (n,) int16."""

    time_s: NDArray[np.float64]
    acc_g: NDArray[np.float32]
    codes: NDArray[np.int16]

    def part(self, index: slice | NDArray[np.bool_]) -> RowBlock:
        """The rows at `index`, a slice or an (n,) mask."""
        return RowBlock(self.time_s[index], self.acc_g[index], self.codes[index])

    @classmethod
    def joined(cls, blocks: list[RowBlock]) -> RowBlock:
        """The rows of all blocks in order; one block at least."""
        return cls(
            np.concatenate([block.time_s for block in blocks]),
            np.concatenate([block.acc_g for block in blocks]),
            np.concatenate([block.codes for block in blocks]),
        )


@dataclass(slots=True)
class RecordingRuns:
    """Collects the rows of one file. What is left out is counted in `dropped`."""

    source: str
    task: str
    names: tuple[str, ...]
    simulated: bool
    dropped: Counter[str]
    _open: dict[Key, list[RowBlock]] = field(default_factory=dict)
    _held: int = 0
    _rows: int = 0
    _packed: int = 0

    def push(self, key: Key, rows: RowBlock) -> Iterator[Recording]:
        """Rows of one key in file order. Yields the recordings that they complete."""
        held = self._open.setdefault(key, [])
        before = held[-1].time_s[-1] if held else -np.inf
        steps = np.diff(rows.time_s, prepend=before)
        repeated = steps == 0
        self._rows += len(steps)
        if repeated.any():
            # A row written twice says nothing new; other samples under the same time do.
            moved = (np.diff(rows.acc_g, axis=0, prepend=np.float32(np.inf)) != 0).any(axis=1)
            self._packed += int(np.count_nonzero(repeated & moved))
            self.dropped[REPEATED] += int(np.count_nonzero(repeated))
            rows, steps = rows.part(~repeated), steps[~repeated]
        begin = 0
        for jump in [*np.flatnonzero(steps < 0).tolist(), len(rows.time_s)]:
            self._hold(key, rows.part(slice(begin, jump)))
            if jump < len(rows.time_s):
                yield from self._complete(key)
            begin = jump
        if self._held > MAX_HELD_ROWS:
            yield from self.close()

    def close(self) -> Iterator[Recording]:
        """The recordings still open, in the order their keys first came.

        Raises DataError when many rows have the time of the row before and other values: without
        them the rest would pass for a recording at a fraction of the rate.
        """
        if self._packed >= max(_FEWEST_PACKED, PACKED_SHARE * self._rows):
            raise DataError(
                f"{self.source}: {self._packed:,} of {self._rows:,} rows have the time of the row "
                "before them, but other values, as packets of samples under one time do: give "
                "each row a time of its own, the packet's plus its place in it over the rate."
            )
        for key in list(self._open):
            yield from self._complete(key)

    def _hold(self, key: Key, rows: RowBlock) -> None:
        if len(rows.time_s):
            self._open.setdefault(key, []).append(rows)
            self._held += len(rows.time_s)

    def _complete(self, key: Key) -> Iterator[Recording]:
        blocks = self._open.pop(key)
        if not blocks:
            return
        rows = RowBlock.joined(blocks)
        count = len(rows.time_s)
        self._held -= count
        if count == 1:
            self.dropped[LONE_ROW] += 1
            return
        rate_hz = 1.0 / float(np.median(np.diff(rows.time_s)))
        if count >= _SURE_ROWS and not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise DataError(
                f"{self.source}: time steps by {1 / rate_hz:g} from row to row; it must be in "
                "seconds (milliseconds are to be divided by 1000)."
            )
        subject, placement = key
        yield Recording(
            acc_g=rows.acc_g,
            time_s=rows.time_s,
            rate_hz=rate_hz,
            subject=subject,
            placement=placement,
            source=self.source,
            labels=LabelTrack(self.task, self.names, rows.codes),
            simulated=self.simulated,
        )
