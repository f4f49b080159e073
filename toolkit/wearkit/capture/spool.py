"""Samples on their way into a table: on the disk, since a week of them need not fit in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from wearkit.capture.decode import SampleBlock
from wearkit.errors import StorageError

_SAMPLE = np.dtype([("time_s", "<f8"), ("counts", "<i2", 3)])
_BLOCK_SAMPLES = 1 << 12


class SampleSpool:
    """Written once, then read as often as wanted: 14 bytes a sample.

    What a table begins with (its length, whether the sensor was simulated) is known only after
    the last sample. The file has no name, so that a killed process leaves nothing.
    """

    def __init__(self, folder: Path) -> None:
        """In `folder`, which is made if need be. Raises StorageError when it cannot be."""
        self._folder = folder
        self._samples = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)
        except OSError as error:
            raise self._refusal(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._samples

    def append(self, block: SampleBlock) -> None:
        """Raises StorageError when the disk is full."""
        rows = np.empty(len(block.time_s), _SAMPLE)
        rows["time_s"], rows["counts"] = block
        try:
            self._file.write(rows.data)
        except OSError as error:
            raise self._refusal(error) from error
        self._samples += len(rows)

    def blocks(self, samples: int = _BLOCK_SAMPLES) -> Iterator[SampleBlock]:
        """All samples from the first on, `samples` at a time, the last block shorter."""
        try:
            self._file.seek(0)
            while data := self._file.read(samples * _SAMPLE.itemsize):
                rows = np.frombuffer(data, _SAMPLE)
                yield SampleBlock(rows["time_s"], rows["counts"])
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> StorageError:
        return StorageError(
            f"Cannot write the samples in {self._folder}: {error.strerror or error}."
        )
