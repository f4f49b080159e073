"""UF2: what a microcontroller's USB boot loader takes when a file is dragged to its drive.

Format: github.com/microsoft/uf2, blocks of 512 bytes that each say where their 256 bytes go.
"""

from __future__ import annotations

import struct

RP2040_FAMILY = 0xE48BFF56

BLOCK_BYTES, PAYLOAD_BYTES = 512, 256
_MAGIC_START = (0x0A324655, 0x9E5D5157)
_MAGIC_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
_HEAD = struct.Struct("<8I")
_ROOM_BYTES = BLOCK_BYTES - _HEAD.size - 4


def to_uf2(data: bytes, address: int, family: int) -> bytes:
    """`data` for flash at `address`, which must be a multiple of 256; the last block is padded."""
    assert data and address % PAYLOAD_BYTES == 0
    pieces = [data[at : at + PAYLOAD_BYTES] for at in range(0, len(data), PAYLOAD_BYTES)]
    blocks = bytearray()
    for number, piece in enumerate(pieces):
        target = address + number * PAYLOAD_BYTES
        blocks += _HEAD.pack(
            *_MAGIC_START, _FAMILY_PRESENT, target, PAYLOAD_BYTES, number, len(pieces), family
        )
        blocks += piece.ljust(_ROOM_BYTES, b"\0") + struct.pack("<I", _MAGIC_END)
    return bytes(blocks)
