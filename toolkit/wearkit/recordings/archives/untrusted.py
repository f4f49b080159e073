"""What every archive must keep to, and what it says when it does not.

An archive is untrusted: every member is looked at before the first byte is used, and one that is
a link, a device, encrypted, sparse, or named outside the archive makes the whole archive refused.
Sizes are capped by what really comes out of the decompressor, not by what headers claim. Nothing
is ever extracted to disk.
"""

from __future__ import annotations

import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wearkit.errors import DataError

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 1 << 30
MAX_HEADER_BYTES = 8 << 20  # one read by zipfile or tarfile; bounds their own headers
MAX_TOTAL_BYTES = 4 << 30
MAX_RATIO = 200  # text of real recordings packs about 1:12
RATIO_FREE_BYTES = 64 << 20  # small archives may pack as well as they like
BLOCK_BYTES = 1 << 18
_NAMELESS = "."  # "./", as tar calls the folder itself; never a file any reader wants
_DRIVE = re.compile(r"[A-Za-z]:")


def check_count(count: int, path: Path) -> None:
    """Raises DataError for more files than any recording has."""
    if count > MAX_MEMBERS:
        raise DataError(
            f"{path} holds more than {MAX_MEMBERS} files; give the folder or archive "
            "of one data set."
        )


def check_total(total: int, packed: int, path: Path) -> None:
    """Raises DataError when `packed` bytes unpack to too many."""
    if total > MAX_TOTAL_BYTES:
        raise DataError(f"{path} unpacks to more than 4 GiB; split it into smaller archives.")
    if total > RATIO_FREE_BYTES and total > MAX_RATIO * max(packed, 1):
        raise DataError(
            f"{path} unpacks to over {MAX_RATIO} times its size, which no recording does; "
            "unpack it yourself if you trust it, and give the folder."
        )


def check_member_size(size: int, name: str, path: Path) -> None:
    """Raises DataError for a member of over MAX_MEMBER_BYTES, or of fewer than none."""
    if not 0 <= size <= MAX_MEMBER_BYTES:
        raise hostile(path, name, "is larger than 1 GiB")


def safe_name(name: str, path: Path) -> str:
    """The member's name without empty parts. Raises DataError when it leads outside."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or _DRIVE.match(name):
        raise hostile(path, name, "is named outside the archive")
    return "/".join(part for part in parts if part not in ("", ".")) or _NAMELESS


def hostile(path: Path, name: str, reason: str) -> DataError:
    """The error for an archive that asks to be refused. reason: what its member does, a verb
    first."""
    return DataError(
        f"{path}: member {name!r} {reason}, so the archive was refused; "
        "pack plain files under relative names."
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
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


def guarded(inner: IO[bytes], path: Path) -> IO[bytes]:
    """A member's bytes; what its decompressor raises becomes a DataError naming the archive."""
    return io.BufferedReader(_Translated(inner, path), BLOCK_BYTES)


class SmallReads(io.RawIOBase):
    """Refuses one huge read, so that no header makes zipfile or tarfile fill the memory.

    last: the bytes of the latest read.
    """

    def __init__(self, inner: IO[bytes] | io.RawIOBase) -> None:
        super().__init__()
        self._inner = inner
        self.last = b""

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
        self.last = self._inner.read(size if size >= 0 else MAX_HEADER_BYTES) or b""
        return self.last


class _Translated(io.RawIOBase):
    def __init__(self, inner: IO[bytes], path: Path) -> None:
        super().__init__()
        self._inner, self._path = inner, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with readable(self._path):
            part = self._inner.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
