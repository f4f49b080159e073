"""A flatbuffer read with every offset and length checked, because the file is not trusted.

Offsets to tables, vectors and strings are unsigned and count forward from where they stand, so
that nothing can refer to itself; only a table's vtable lies behind it, and it refers to nothing.
Nothing is copied or allocated before its length is known to lie inside the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
_SCALARS = {
    "i8": struct.Struct("<b"),
    "u8": struct.Struct("<B"),
    "i32": _I32,
    "u32": _U32,
    "u64": struct.Struct("<Q"),
}
_FIRST_FIELD_BYTES = 4
_TEXT_MAX_BYTES = 1 << 10


@dataclass(frozen=True, slots=True)
class Table:
    """A table at `at`: its fields by number, each absent or inside both table and file.

    part: its name in messages.
    """

    data: bytes
    at: int
    part: str

    def scalar(self, field: int, kind: str, default: int = 0) -> int:
        """kind: a key of _SCALARS. Raises ModelFileError when the field leaves its table."""
        layout = _SCALARS[kind]
        place = self._place(field, layout.size)
        return default if place is None else int(layout.unpack_from(self.data, place)[0])

    def table(self, field: int, part: str) -> Table | None:
        place = self._place(field, 4)
        return None if place is None else _table(self.data, self._forward(place, 4), part)

    def tables(self, field: int, part: str, limit: int) -> Tables:
        """A vector of tables; an absent one is empty. Raises ModelFileError past `limit`."""
        place, count = self._vector(field, 4, limit)
        return Tables(self.data, place, count, part)

    def numbers(self, field: int, kind: str, limit: int) -> NDArray[Any] | None:
        """A vector of numbers of a numpy kind ("<i4"), or None when absent."""
        dtype = np.dtype(kind)
        place, count = self._vector(field, dtype.itemsize, limit)
        if self._place(field, 4) is None:
            return None
        return np.frombuffer(self.data, dtype, count, place) if count else np.empty(0, dtype)

    def bytes(self, field: int, limit: int) -> bytes:
        """A vector of bytes; empty when absent."""
        place, count = self._vector(field, 1, limit)
        return self.data[place : place + count]

    def text(self, field: int) -> str:
        """A string, cut off where nobody reads on; what is not UTF-8 becomes a question mark."""
        place, count = self._vector(field, 1, len(self.data))
        raw = self.data[place : place + min(count, _TEXT_MAX_BYTES)]
        return raw.decode("utf-8", "replace")

    def _place(self, field: int, size: int) -> int | None:
        """Where a field stands, or None when the table leaves it out."""
        vtable, vtable_bytes, table_bytes = _vtable(self.data, self.at, self.part)
        entry = _FIRST_FIELD_BYTES + 2 * field
        if entry + 2 > vtable_bytes:
            return None
        offset = int(_U16.unpack_from(self.data, vtable + entry)[0])
        if offset == 0:
            return None
        if offset < 4 or offset + size > table_bytes:
            raise _damaged(self.part, f"field {field} lies outside its table")
        return self.at + offset

    def _forward(self, place: int, size: int) -> int:
        return _forward(self.data, place, size, self.part)

    def _vector(self, field: int, item_bytes: int, limit: int) -> tuple[int, int]:
        """(first item, count); (0, 0) when absent."""
        place = self._place(field, 4)
        if place is None:
            return 0, 0
        start = self._forward(place, 4)
        count = int(_U32.unpack_from(self.data, start)[0])
        if count > limit:
            raise ModelFileError(
                f"The {self.part} lists {count} items in field {field}, more than the {limit} "
                "that are read: it is damaged or far too large."
            )
        if count * item_bytes > len(self.data) - start - 4:
            raise _damaged(self.part, f"field {field} is longer than the file")
        return start + 4, count


@dataclass(frozen=True, slots=True)
class Tables:
    """A vector of tables whose offsets lie inside the file; each is checked when it is taken."""

    data: bytes
    start: int
    count: int
    part: str

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Table:
        """Raises ModelFileError when there is no such table."""
        part = f"{self.part} {index}"
        if not 0 <= index < self.count:
            raise ModelFileError(
                f"The file refers to {part}, but has only {self.count}: it is damaged."
            )
        return _table(self.data, _forward(self.data, self.start + 4 * index, 4, part), part)

    def __iter__(self) -> Iterator[Table]:
        return (self[index] for index in range(self.count))


def root(data: bytes, identifier: bytes) -> Table:
    """The outermost table. Raises ModelFileError when the file is no such flatbuffer."""
    if len(data) < 12 or data[4:8] != identifier:
        raise ModelFileError(
            f"This is not a TFLite file: bytes 4 to 7 are not {identifier.decode()}."
        )
    return _table(data, _forward(data, 0, 4, "header"), "model")


def _table(data: bytes, at: int, part: str) -> Table:
    _vtable(data, at, part)
    return Table(data, at, part)


def _vtable(data: bytes, at: int, part: str) -> tuple[int, int, int]:
    """(place, bytes of the vtable, bytes of the table), all inside the file."""
    vtable = at - int(_I32.unpack_from(data, at)[0])
    if not 0 <= vtable <= len(data) - 4:
        raise _damaged(part, "its field list lies outside the file")
    vtable_bytes = int(_U16.unpack_from(data, vtable)[0])
    table_bytes = int(_U16.unpack_from(data, vtable + 2)[0])
    if vtable_bytes < 4 or vtable_bytes % 2 or vtable + vtable_bytes > len(data):
        raise _damaged(part, "its field list has no possible length")
    if table_bytes < 4 or at + table_bytes > len(data):
        raise _damaged(part, "it is longer than the file")
    return vtable, vtable_bytes, table_bytes


def _forward(data: bytes, place: int, size: int, part: str) -> int:
    """Where the offset at `place` points; `size` bytes must follow there."""
    offset = int(_U32.unpack_from(data, place)[0])
    if offset < 4 or place + offset + size > len(data):
        raise _damaged(part, "it refers to a place outside the file")
    return place + offset


def _damaged(part: str, reason: str) -> ModelFileError:
    return ModelFileError(f"The TFLite file is damaged at its {part}: {reason}.")
