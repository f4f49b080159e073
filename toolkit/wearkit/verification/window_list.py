"""WindowList: the windows a certificate is about, compact enough to stand in it."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LIST_BYTES = 32 << 20  # 1.6 million windows of 12 labels: three weeks at a hop of 1.2 s
_HEAD = struct.Struct("<II")
ENCODING = "base64 of records: index uint32, crc uint32, int8 logits; little-endian"


@dataclass(frozen=True, slots=True)
class ListedWindow:
    """index: the device's number of its first sample, or its number in a test set. crc: CRC-32 of
    its counts, as window_crc. logits: int8 of all heads, in the order of the bundle's tasks."""

    index: int
    crc: int
    logits: tuple[int, ...]


class WindowList:
    """Windows in the order they were compared. Memory: 8 bytes and one a logit for each, at most
    MAX_LIST_BYTES; those behind it are left out."""

    def __init__(self, logits: int) -> None:
        """logits: int8 values of each window."""
        self._logits = logits
        self._data = bytearray()
        self._hash = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._data) // self.record_bytes

    def __iter__(self) -> Iterator[ListedWindow]:
        size = self.record_bytes
        for at in range(0, len(self._data), size):
            index, crc = _HEAD.unpack_from(self._data, at)
            logits = struct.unpack_from(f"{self._logits}b", self._data, at + _HEAD.size)
            yield ListedWindow(index, crc, logits)

    @property
    def record_bytes(self) -> int:
        return _HEAD.size + self._logits

    @property
    def sha256(self) -> str:
        """Over the records of every window that was added, 64 hex digits."""
        return self._hash.hexdigest()

    def add(self, index: int, crc: int, logits: Sequence[int]) -> None:
        record = _HEAD.pack(index, crc) + struct.pack(f"{self._logits}b", *logits)
        self._hash.update(record)
        if len(self._data) + len(record) <= MAX_LIST_BYTES:
            self._data += record

    def logits(self) -> NDArray[np.int8]:
        """(windows, logits) int8."""
        rows = np.frombuffer(bytes(self._data), np.int8).reshape(-1, self.record_bytes)
        return rows[:, _HEAD.size :]

    def encoded(self) -> str:
        """As ENCODING says."""
        return base64.b64encode(bytes(self._data)).decode("ascii")

    @classmethod
    def decoded(cls, text: str, logits: int) -> WindowList:
        """The inverse. Raises ValueError for what is no list of such records."""
        if len(text) > MAX_LIST_BYTES * 4 // 3 + 4:
            raise ValueError("too long")
        data = base64.b64decode(text, validate=True)
        windows = cls(logits)
        if base64.b64encode(data).decode("ascii") != text or len(data) % windows.record_bytes:
            raise ValueError("not a whole number of records")
        windows._data += data
        windows._hash.update(data)
        return windows
