"""Consistent Overhead Byte Stuffing for frames of at most 254 bytes: no 0 inside, one byte more.

S. Cheshire and M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999.
"""

from __future__ import annotations

MAX_BYTES = 254  # up to here every frame has exactly one encoding, one byte longer
_FULL_BLOCK = 0xFF


def stuff(frame: bytes) -> bytes:
    """1 + len(frame) bytes without a 0. Raises ValueError above MAX_BYTES."""
    if len(frame) > MAX_BYTES:
        raise ValueError(f"{len(frame)} bytes are more than {MAX_BYTES}")
    return b"".join(bytes((len(block) + 1,)) + block for block in frame.split(b"\0"))


def unstuff(stuffed: bytes) -> bytes | None:
    """The frame, or None for what `stuff` never makes. Takes any bytes."""
    if not stuffed or 0 in stuffed:
        return None
    blocks: list[bytes] = []
    at, end = 0, len(stuffed)
    while at < end:
        code = stuffed[at]
        if at + code > end or (code == _FULL_BLOCK and end != _FULL_BLOCK):
            return None
        blocks.append(stuffed[at + 1 : at + code])
        at += code
    return b"\0".join(blocks)
