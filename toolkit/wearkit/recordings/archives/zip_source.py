"""A .zip, read in place, member by member."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from wearkit.recordings.archives.source import Source
from wearkit.recordings.archives.untrusted import (
    SmallReads,
    check_count,
    check_member_size,
    check_total,
    guarded,
    hostile,
    readable,
    safe_name,
)

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class ZipSource(Source):
    """Every member is checked before the first is read."""

    def _list(self) -> list[str]:
        with self._open() as archive:
            return [self._checked(info) for info in self._members(archive)]

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        with self._open() as archive:
            members = {self._checked(info): info for info in self._members(archive)}
            for name in sorted(filter(wanted, members)):
                with archive.open(members[name]) as stream:
                    yield name, guarded(stream, self.path)

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        with (
            readable(self.path),
            self.path.open("rb") as raw,
            zipfile.ZipFile(SmallReads(raw)) as archive,
        ):
            yield archive

    def _members(self, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        members = [info for info in archive.infolist() if not info.filename.endswith("/")]
        check_count(len(members), self.path)
        # zipfile gives no more than the declared size of a member, so declared sizes bind.
        total = sum(info.file_size for info in members)
        check_total(total, self.path.stat().st_size, self.path)
        return members

    def _checked(self, info: zipfile.ZipInfo) -> str:
        name = safe_name(info.filename, self.path)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise hostile(self.path, name, "is not a regular file")
        if info.flag_bits & _ENCRYPTED:
            raise hostile(self.path, name, "is encrypted")
        if info.compress_type not in _METHODS:
            raise hostile(self.path, name, "uses a compression other than deflate")
        check_member_size(info.file_size, name, self.path)
        return name
