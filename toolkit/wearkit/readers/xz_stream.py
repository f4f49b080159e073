"""An .xz read forwards only, with caps on what it may unpack to. It is what tarfile reads from."""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path
from typing import IO

from wearkit.errors import DataError

MAX_TOTAL_BYTES = 4 << 30
MAX_RATIO = 200  # text of real recordings packs about 1:12
RATIO_FREE_BYTES = 64 << 20  # small archives may pack as well as they like
MEMORY_BYTES = 256 << 20  # for the dictionary; xz -9 needs 65 MiB
_BLOCK = 1 << 18


def check_total(total: int, packed: int, path: Path) -> None:
    """Raises DataError when `packed` bytes unpack to too many."""
    if total > MAX_TOTAL_BYTES:
        raise DataError(f"{path} unpacks to more than 4 GiB; split it into smaller archives.")
    if total > RATIO_FREE_BYTES and total > MAX_RATIO * max(packed, 1):
        raise DataError(
            f"{path} unpacks to over {MAX_RATIO} times its size, which no recording does; "
            "unpack it yourself if you trust it, and give the folder."
        )


class XzStream(io.RawIOBase):
    """The unpacked bytes of one or more .xz streams laid end to end.

    Seeks forwards only: the way back is how a hostile header would make tarfile run in circles
    (tarfile.ReadError).
    """

    def __init__(self, packed: IO[bytes], path: Path) -> None:
        super().__init__()
        self._packed, self._path = packed, path
        self._packed_bytes = 0
        self._unpacked_bytes = 0
        self._decoder = _decoder()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._unpacked_bytes

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self.tell():
            raise tarfile.ReadError("a header points backwards")
        while self.tell() < offset and self.read(min(offset - self.tell(), _BLOCK)):
            pass
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise tarfile.ReadError("a header has no size")
        parts: list[bytes] = []
        while size > 0 and (part := self._unpack(min(size, _BLOCK))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _unpack(self, size: int) -> bytes:
        """1 to `size` bytes; none at the end. A cut file raises EOFError."""
        while True:
            if self._decoder.eof and not self._next_stream():
                return b""
            packed = b""
            if self._decoder.needs_input:
                packed = self._packed.read(_BLOCK)
                self._packed_bytes += len(packed)
                if not packed:
                    raise EOFError("the compressed data ends too early")
            part = self._decoder.decompress(packed, max_length=size)
            if part:
                self._unpacked_bytes += len(part)
                check_total(self._unpacked_bytes, self._packed_bytes, self._path)
                return part

    def _next_stream(self) -> bool:
        """Whether another stream follows, past the zero padding the format allows."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest and (block := self._packed.read(_BLOCK)):
            self._packed_bytes += len(block)
            rest = block.lstrip(b"\0")
        if not rest:
            return False
        self._decoder = _decoder()
        self._decoder.decompress(rest, max_length=0)  # keeps `rest` inside, unpacks nothing yet
        return True


def _decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_BYTES)
