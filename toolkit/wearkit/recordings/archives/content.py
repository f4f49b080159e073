"""What recordings are read from, as one digest of their bytes: where they lie is no part of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wearkit.recordings.archives.source import FolderSource

Stamp = tuple[str, int, int]
"""Name, size in bytes, time of the last change in ns."""


@dataclass(frozen=True, slots=True)
class Content:
    """sha256: over every file's name and bytes. stamps: the files as they were before."""

    path: Path
    sha256: str
    stamps: tuple[Stamp, ...]

    def is_unchanged(self) -> bool:
        """Whether the files still are what was hashed, as far as size and time tell."""
        return self.stamps == _stamps(self.path)


def content_of(path: Path) -> Content:
    """Reads every byte of a file, or of the files a folder's recordings may be made of.

    A file's own name counts, for in some formats it says who wore the sensor.
    Raises OSError, and DataError for a folder of too many files.
    """
    stamps = _stamps(path)
    digest = hashlib.sha256()
    for name, _, _ in stamps:
        file = path / name if path.is_dir() else path
        with file.open("rb") as stream:
            of_file = hashlib.file_digest(stream, "sha256").digest()
        digest.update(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())
        digest.update(of_file)
    return Content(path, digest.hexdigest(), stamps)


def _stamps(path: Path) -> tuple[Stamp, ...]:
    if path.is_dir():
        return tuple(_stamp(path / name, name) for name in FolderSource(path).names)
    return (_stamp(path, path.name),)


def _stamp(file: Path, name: str) -> Stamp:
    status = file.stat()
    return name, status.st_size, status.st_mtime_ns
