"""Named files that can be read again and again: one file, or a folder. Archives are the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO

from wearkit.recordings.archives.untrusted import check_count, guarded, hostile, readable


class Source(ABC):
    """A set of named files that can be read again and again, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every regular file, with `/` between folders, sorted. Raises DataError."""
        names = sorted(self._list())
        for first, second in pairwise(names):
            if first == second:
                raise hostile(self.path, first, "is there twice")
        return tuple(names)

    @abstractmethod
    def _list(self) -> list[str]: ...

    @abstractmethod
    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        """Open the wanted files one after the other; each is valid until the next is asked for.

        The order is that of `names`, except in a tar, where it is the archive's own: to sort a
        compressed tar it would have to be unpacked as a whole.
        Reading raises DataError when the archive is damaged or over a cap.
        """


class FileSource(Source):
    """A single file that is no archive."""

    def _list(self) -> list[str]:
        return [self.path.name]

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        if wanted(self.path.name):
            with readable(self.path), self.path.open("rb", buffering=0) as stream:
                yield self.path.name, guarded(stream, self.path)


class FolderSource(Source):
    """A folder, walked downwards. Hidden files, and folders behind links, are left out."""

    def _list(self) -> list[str]:
        names: list[str] = []
        pending = [self.path]
        with readable(self.path):
            while pending:
                for entry in sorted(pending.pop().iterdir()):
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir() and not entry.is_symlink():
                        pending.append(entry)
                    elif entry.is_file():
                        names.append(entry.relative_to(self.path).as_posix())
                check_count(len(names), self.path)
        return names

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        for name in self.names:
            if wanted(name):
                path = self.path / name
                with readable(path), path.open("rb", buffering=0) as stream:
                    yield name, guarded(stream, path)
