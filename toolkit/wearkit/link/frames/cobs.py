"""Consistent Overhead Byte Stuffing for frames of at most 254 bytes: no 0 inside, one byte more.

S. Cheshire and M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999.
"""

from __future__ import annotations

MAX_BYTES = 254  # up to here every frame has exactly one encoding, one byte longer
_FULL_BLOCK = 0xFF


def encode(frame: bytes) -> bytes:
    """1 + len(frame) bytes without a 0. Raises ValueError above MAX_BYTES."""
    if len(frame) > MAX_BYTES:
        raise ValueError(f"{len(frame)} bytes are more than {MAX_BYTES}")
    return b"".join(bytes((len(block) + 1,)) + block for block in frame.split(b"\0"))


def decode(encoded: bytes) -> bytes | None:
    """The frame, or None for what `encode` never makes. Takes any bytes."""
    if not encoded or 0 in encoded:
        return None
    frame, at, end = bytearray(encoded), 0, len(encoded)
    while at < end:
        code = encoded[at]
        if code == _FULL_BLOCK and end != _FULL_BLOCK:
            return None
        frame[at] = 0  # what a code stands for, but for the first
        at += code
    return bytes(frame[1:]) if at == end else None
