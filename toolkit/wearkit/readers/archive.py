"""Files of a recording, wherever they lie: a folder, one file, a .zip or a .tar.xz read in place.

Nothing is ever extracted to disk. An archive is untrusted: every member is looked at before the
first byte is used, and one that is a link, a device, encrypted, sparse, or named outside the
archive makes the whole archive refused. Sizes are capped by what really comes out of the
decompressor, not by what the headers claim.
"""

from __future__ import annotations

import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO

from wearkit.errors import DataError
from wearkit.readers.xz_stream import XzStream, check_total

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 1 << 30
MAX_HEADER_BYTES = 8 << 20  # one read by zipfile or tarfile; bounds their own headers
_BLOCK = 1 << 18
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ENCRYPTED = 0x1
_NAMELESS = "."  # "./", as tar calls the folder itself; never a file any reader wants
_DRIVE = re.compile(r"[A-Za-z]:")


class Source(ABC):
    """A set of named text files that can be read again and again, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every regular file, with `/` between folders, sorted. Raises DataError."""
        names = sorted(self._list())
        for first, second in pairwise(names):
            if first == second:
                raise _hostile(self.path, first, "is there twice")
        return tuple(names)

    @abstractmethod
    def _list(self) -> list[str]: ...

    @abstractmethod
    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        """Open the wanted files one after the other; each is valid until the next is asked for.

        The order is that of `names`, except in a .tar.xz, where it is the archive's own.
        Reading raises DataError when the archive is damaged or over a cap.
        """


def open_source(path: Path) -> Source:
    """The source at `path`, told apart by what the file holds. Raises DataError."""
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise DataError(f"There is no file or folder {path}; check the path.")
    if not path.is_file():
        raise DataError(f"{path} is not a regular file or folder; give the recording itself.")
    with _readable(path), path.open("rb") as stream:
        magic = stream.read(6)
    if not magic:
        raise DataError(f"{path} is empty; give a file that holds recordings.")
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZipSource(path)
    if magic == b"\xfd7zXZ\x00":
        return TarXzSource(path)
    return FileSource(path)


class FileSource(Source):
    """A single file that is no archive."""

    def _list(self) -> list[str]:
        return [self.path.name]

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        if wanted(self.path.name):
            with _readable(self.path), self.path.open("rb", buffering=0) as stream:
                yield self.path.name, _guarded(stream, self.path)


class FolderSource(Source):
    """A folder, walked downwards. Hidden files, and folders behind links, are left out."""

    def _list(self) -> list[str]:
        names: list[str] = []
        pending = [self.path]
        with _readable(self.path):
            while pending:
                for entry in sorted(pending.pop().iterdir()):
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir() and not entry.is_symlink():
                        pending.append(entry)
                    elif entry.is_file():
                        names.append(entry.relative_to(self.path).as_posix())
                _check_count(len(names), self.path)
        return names

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        for name in self.names:
            if wanted(name):
                path = self.path / name
                with _readable(path), path.open("rb", buffering=0) as stream:
                    yield name, _guarded(stream, path)


class ZipSource(Source):
    """A .zip, read member by member."""

    def _list(self) -> list[str]:
        with self._open() as archive:
            return [self._checked(info) for info in self._members(archive)]

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        with self._open() as archive:
            members = {self._checked(info): info for info in self._members(archive)}
            for name in sorted(filter(wanted, members)):
                with archive.open(members[name]) as stream:
                    yield name, _guarded(stream, self.path)

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        with (
            _readable(self.path),
            self.path.open("rb") as raw,
            zipfile.ZipFile(_SmallReads(raw)) as archive,
        ):
            yield archive

    def _members(self, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        members = [info for info in archive.infolist() if not info.filename.endswith("/")]
        _check_count(len(members), self.path)
        # zipfile gives no more than the declared size of a member, so declared sizes bind.
        total = sum(info.file_size for info in members)
        check_total(total, self.path.stat().st_size, self.path)
        return members

    def _checked(self, info: zipfile.ZipInfo) -> str:
        name = _safe_name(info.filename, self.path)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _hostile(self.path, name, "is not a regular file")
        if info.flag_bits & _ZIP_ENCRYPTED:
            raise _hostile(self.path, name, "is encrypted")
        if info.compress_type not in _ZIP_METHODS:
            raise _hostile(self.path, name, "uses a compression other than deflate")
        if info.file_size > MAX_MEMBER_BYTES:
            raise _hostile(self.path, name, "is larger than 1 GiB")
        return name


class TarXzSource(Source):
    """A .tar.xz, read front to back: one pass to check it whole, one for each reading."""

    def _list(self) -> list[str]:
        with self._open() as (archive, forward):
            names = [name for name, _ in self._members(archive)]
            # A tar ends before its .xz does, and only the end of the .xz proves the whole.
            while forward.read(_BLOCK):
                pass
        return names

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
        # The whole archive is checked before its first member is believed.
        if not any(map(wanted, self.names)):
            return
        with self._open() as (archive, _):
            for name, member in self._members(archive):
                stream = archive.extractfile(member) if wanted(name) else None
                if stream is not None:
                    with stream:
                        yield name, _guarded(stream, self.path)

    @contextmanager
    def _open(self) -> Iterator[tuple[tarfile.TarFile, io.RawIOBase]]:
        with _readable(self.path), self.path.open("rb") as raw:
            forward = _SmallReads(XzStream(raw, self.path))
            with tarfile.open(fileobj=forward, mode="r:") as archive:
                yield archive, forward

    def _members(self, archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
        count = 0
        while (member := archive.next()) is not None:
            name = _safe_name(member.name, self.path)
            if not member.isdir():
                self._check(name, member)
                yield name, member
            count += 1
            _check_count(count, self.path)
            # tarfile keeps every header it has seen; nothing here asks for an earlier one.
            archive.members.clear()  # type: ignore[attr-defined]

    def _check(self, name: str, member: tarfile.TarInfo) -> None:
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise _hostile(self.path, name, "is not a regular file")
        if not 0 <= member.size <= MAX_MEMBER_BYTES:
            raise _hostile(self.path, name, "is larger than 1 GiB")


class _SmallReads(io.RawIOBase):
    """Refuses one huge read, so that no header makes zipfile or tarfile fill the memory."""

    def __init__(self, inner: IO[bytes] | io.RawIOBase) -> None:
        super().__init__()
        self._inner = inner

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._inner.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._inner.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if size > MAX_HEADER_BYTES:
            raise tarfile.ReadError("a header is far too large")
        # zipfile reads the end of a file without saying how much that is.
        return self._inner.read(size if size >= 0 else MAX_HEADER_BYTES) or b""


class _Translated(io.RawIOBase):
    """A member's bytes; what its decompressor raises becomes a DataError naming the archive."""

    def __init__(self, inner: IO[bytes], path: Path) -> None:
        super().__init__()
        self._inner, self._path = inner, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with _readable(self._path):
            part = self._inner.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _guarded(inner: IO[bytes], path: Path) -> IO[bytes]:
    return io.BufferedReader(_Translated(inner, path), _BLOCK)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What the system or a decompressor raises, as one sentence."""
    try:
        yield
    except (EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} is damaged or cut short ({error}); download or copy it again."
        ) from error
    except (NotImplementedError, ValueError) as error:
        raise DataError(
            f"{path} has a header no reader understands ({error}); pack it again."
        ) from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def _safe_name(name: str, path: Path) -> str:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or _DRIVE.match(name):
        raise _hostile(path, name, "is named outside the archive")
    return "/".join(part for part in parts if part not in ("", ".")) or _NAMELESS


def _check_count(count: int, path: Path) -> None:
    if count > MAX_MEMBERS:
        raise DataError(
            f"{path} holds more than {MAX_MEMBERS} files; give the folder or archive "
            "of one data set."
        )


def _hostile(path: Path, name: str, what: str) -> DataError:
    return DataError(
        f"{path}: member {name!r} {what}, so the archive was refused; "
        "pack plain files under relative names."
    )
