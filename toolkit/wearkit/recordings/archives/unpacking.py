"""A file read forwards only, unpacked on the way, with caps on what comes out. tarfile reads it."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zlib
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from wearkit.recordings.archives.untrusted import BLOCK_BYTES, check_total

MEMORY_BYTES = 256 << 20  # for the dictionary; xz -9 needs 65 MiB
_GZIP_WINDOW = 31  # zlib's code for a gzip header, the largest window, and the CRC at the end


class ForwardStream(io.RawIOBase):
    """Seeks forwards only: the way back is how a hostile header would make tarfile run in circles
    (tarfile.ReadError)."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__()
        self._file, self._path = file, path
        self._position_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position_bytes

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self.tell():
            raise tarfile.ReadError("a header points backwards")
        while self.tell() < offset and self.read(min(offset - self.tell(), BLOCK_BYTES)):
            pass
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise tarfile.ReadError("a header has no size")
        parts: list[bytes] = []
        while size > 0 and (part := self._more(min(size, BLOCK_BYTES))):
            self._position_bytes += len(part)
            check_total(self._position_bytes, self._file.tell(), self._path)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    @abstractmethod
    def _more(self, size: int) -> bytes:
        """1 to `size` bytes; none at the end."""


class PlainStream(ForwardStream):
    """The file's own bytes."""

    def _more(self, size: int) -> bytes:
        return self._file.read(size)


class Decoder(Protocol):
    """Unpacks one compressed stream, as lzma's and bz2's decoders do."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended, checksum included."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out before more is put in."""

    @property
    def unused_data(self) -> bytes:
        """Bytes put in that lie behind the end of the stream."""

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Up to `max_length` (1 or more) unpacked bytes; none when input is needed."""


class UnpackedStream(ForwardStream):
    """The unpacked bytes of one or more compressed streams laid end to end."""

    def __init__(self, file: IO[bytes], path: Path, decoder: Callable[[], Decoder]) -> None:
        super().__init__(file, path)
        self._new_decoder = decoder
        self._decoder = decoder()
        self._pending = b""

    def _more(self, size: int) -> bytes:
        """A cut file raises EOFError."""
        while True:
            if self._decoder.eof and not self._next_stream():
                return b""
            packed = b""
            if self._decoder.needs_input:
                packed, self._pending = self._pending or self._file.read(BLOCK_BYTES), b""
                if not packed:
                    raise EOFError("the compressed data ends too early")
            if part := self._decoder.decompress(packed, max_length=size):
                return part

    def _next_stream(self) -> bool:
        """Whether another stream follows, past zero padding."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest and (block := self._file.read(BLOCK_BYTES)):
            rest = block.lstrip(b"\0")
        if not rest:
            return False
        self._decoder, self._pending = self._new_decoder(), rest
        return True


def xz_decoder() -> Decoder:
    """xz's decoder, with a cap on the memory that a header may ask for."""
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_BYTES)


class GzipDecoder:
    """zlib's decoder under lzma's names."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def needs_input(self) -> bool:
        # It keeps its last input, the checksum, back until all that came before is given.
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """max_length: 1 or more."""
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class Bzip2Decoder:
    """bz2's decoder, which calls damaged data an error of the system."""

    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """As Decoder; damaged data raises tarfile.ReadError."""
        try:
            return self._inner.decompress(data, max_length)
        except OSError as error:
            raise tarfile.ReadError("the compressed data is not bzip2's") from error
