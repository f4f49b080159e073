"""Results kept in a folder that may be deleted, damaged or shared at any time.

One file an entry: magic, SHA-256 of the header, the header's length, the header (JSON, with the
SHA-256 of what follows), then raw arrays. Nothing is believed before its digest is checked, and
whatever is wrong with an entry makes it absent.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import StorageError
from wearkit.files.safe_write import replacing

MAX_BYTES = 4 << 30  # of all entries; the ones used longest ago go first
_MAX_HEADER_BYTES = 16 << 20
_MAGIC = b"wearkit-cache 1\n"
_HEAD = struct.Struct("<16s32sQ")
_SUFFIX = ".wearkit-cache"
_KEY = re.compile(r"[0-9a-f]{8,}")  # nobody else's file goes by such a name
_PART = f"{_SUFFIX}.*.part"  # what `replacing` leaves behind when it is killed
_PART_AGE_S = 24 * 3600
_DTYPES = ("int16", "int32")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """value: any JSON. arrays: name -> int16 or int32."""

    value: Any
    arrays: Mapping[str, NDArray[Any]]


class CacheFolder:
    """Entries by key (lower-case hex). Other files in the folder are left alone."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def get(self, key: str) -> Entry | None:
        """The entry, or None when there is none that can be believed; never an error."""
        path = self._file(key)
        try:
            with path.open("rb") as stream:
                entry = _read(stream, key)
            os.utime(path)  # used now
        except OSError:
            return None
        except ValueError:
            _remove(path)
            return None
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Write the entry, unless it alone is over the cap, and drop the oldest over the cap.

        Raises StorageError when it cannot be written (disk full, no permission).
        """
        arrays = {name: np.ascontiguousarray(array) for name, array in entry.arrays.items()}
        header = _header(key, entry.value, arrays)
        if _HEAD.size + len(header) + _size(arrays.values()) > self._max_bytes:
            return
        try:
            # Recordings of people: nobody else's business.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot write {self.path}: {error.strerror or error}.") from error
        with replacing(self._file(key)) as temporary, temporary.open("wb") as stream:
            stream.write(_HEAD.pack(_MAGIC, hashlib.sha256(header).digest(), len(header)))
            stream.write(header)
            for array in arrays.values():
                stream.write(array.data)
        self._drop_oldest()

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{_SUFFIX}"

    def _drop_oldest(self) -> None:
        kept_bytes = 0
        ours = (path for path in self.path.glob(f"*{_SUFFIX}") if _KEY.fullmatch(path.stem))
        for _, size, path in sorted(_aged(ours), reverse=True):
            kept_bytes += size
            if kept_bytes > self._max_bytes:
                _remove(path)
        for changed_ns, _, path in _aged(self.path.glob(f".*{_PART}")):
            if time.time() - changed_ns / 1e9 > _PART_AGE_S:
                _remove(path)


def _aged(paths: Iterable[Path]) -> list[tuple[int, int, Path]]:
    """Time of the last change in ns, size in bytes, path; of those that are still there."""
    entries = []
    for path in paths:
        with suppress(OSError):
            stat = path.stat()
            entries.append((stat.st_mtime_ns, stat.st_size, path))
    return entries


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _size(arrays: Iterable[NDArray[Any]]) -> int:
    return sum(array.nbytes for array in arrays)


def _header(key: str, value: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array.data)
    shapes = {name: [array.dtype.name, array.shape] for name, array in arrays.items()}
    header = {"key": key, "value": value, "arrays": shapes, "sha256": digest.hexdigest()}
    return json.dumps(header, allow_nan=False).encode("ascii")


def _read(stream: IO[bytes], key: str) -> Entry:
    """Raises ValueError for anything but a whole entry of this key."""
    magic, header_sha256, header_bytes = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if magic != _MAGIC or header_bytes > _MAX_HEADER_BYTES:
        raise ValueError("not an entry")
    text = _exactly(stream, header_bytes)
    if hashlib.sha256(text).digest() != header_sha256:
        raise ValueError("the header is damaged")
    header = json.loads(text)
    if header["key"] != key:
        raise ValueError("an entry under another's name")
    shapes = header["arrays"]
    size = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in shapes.values())
    # Before room is made for them: a cut file must not cost the memory of a whole one.
    if _HEAD.size + header_bytes + size != os.fstat(stream.fileno()).st_size:
        raise ValueError("the arrays are cut short")
    digest = hashlib.sha256()
    arrays: dict[str, NDArray[Any]] = {}
    for name, (dtype, shape) in shapes.items():
        if dtype not in _DTYPES:
            raise ValueError(f"an array of {dtype}")
        array = np.empty(math.prod(shape), dtype)
        if stream.readinto(array.data) != array.nbytes:  # type: ignore[attr-defined]
            raise ValueError("the arrays are cut short")
        digest.update(array.data)
        arrays[name] = array.reshape(shape)
    if digest.hexdigest() != header["sha256"]:
        raise ValueError("the arrays are damaged")
    return Entry(header["value"], arrays)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("cut short")
    return data
