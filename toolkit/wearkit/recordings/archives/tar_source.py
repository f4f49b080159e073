"""A tar, plain or packed by xz, gzip or bzip2, read in place from front to back."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.archives.unpacking import (
    Bzip2Decoder,
    ForwardStream,
    GzipDecoder,
    PlainStream,
    UnpackedStream,
    xz_decoder,
)
from wearkit.recordings.archives.untrusted import (
    BLOCK_BYTES,
    SmallReads,
    check_count,
    check_member_size,
    guarded,
    hostile,
    readable,
    safe_name,
)

# How a packed file begins -> what unpacks it.
_DECODERS = {b"\xfd7zXZ\x00": xz_decoder, b"\x1f\x8b": GzipDecoder, b"BZh": Bzip2Decoder}
_END = bytes(tarfile.BLOCKSIZE)


def is_tar(head: bytes) -> bool:
    """Whether a file beginning with `head` (512 bytes) is a plain tar."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def is_packed(head: bytes) -> bool:
    """Whether it begins as xz, gzip or bzip2 do."""
    return head.startswith(tuple(_DECODERS))


class TarSource(Source):
    """One pass to check the archive whole, then one for each reading."""

    def _list(self) -> list[str]:
        self._check_kind()
        with self._open() as (archive, forward):
            names = [name for name, _ in self._members(archive)]
            if forward.last != _END:
                # tarfile takes a damaged header, and the end of the file, for the archive's end.
                raise tarfile.ReadError("the archive has no end mark")
            # A tar ends before what it is packed in, and only the end of that proves the whole.
            while forward.read(BLOCK_BYTES):
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
                        yield name, guarded(stream, self.path)

    def _check_kind(self) -> None:
        with readable(self.path), self.path.open("rb") as raw:
            forward = _forward(raw, self.path)
            if not is_tar(forward.read(tarfile.BLOCKSIZE)):
                # What bzip2 unpacks of a damaged block is rubbish, and only its end tells.
                while forward.read(BLOCK_BYTES):
                    pass
                raise DataError(
                    f"{self.path} is compressed but holds no tar archive: unpack it and give the "
                    "file that comes out."
                )

    @contextmanager
    def _open(self) -> Iterator[tuple[tarfile.TarFile, SmallReads]]:
        with readable(self.path), self.path.open("rb") as raw:
            forward = SmallReads(_forward(raw, self.path))
            with tarfile.open(fileobj=forward, mode="r:") as archive:
                yield archive, forward

    def _members(self, archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
        count = 0
        while (member := archive.next()) is not None:
            name = safe_name(member.name, self.path)
            if not member.isdir():
                self._check(name, member)
                yield name, member
            count += 1
            check_count(count, self.path)
            # tarfile keeps every header it has seen; nothing here asks for an earlier one.
            archive.members.clear()  # type: ignore[attr-defined]

    def _check(self, name: str, member: tarfile.TarInfo) -> None:
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise hostile(self.path, name, "is not a regular file")
        check_member_size(member.size, name, self.path)


def _forward(raw: IO[bytes], path: Path) -> ForwardStream:
    head = raw.read(tarfile.BLOCKSIZE)
    raw.seek(0)
    for magic, decoder in _DECODERS.items():
        if head.startswith(magic):
            return UnpackedStream(raw, path, decoder)
    return PlainStream(raw, path)
