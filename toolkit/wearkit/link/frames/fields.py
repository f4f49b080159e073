"""Parts that several messages of `wearkit link/1` are made of."""

from __future__ import annotations

import binascii
import math
import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wearkit.link.axes import AxisMap
from wearkit.link.sample import Counts

ID_BYTES = 8
AXIS_MINUS = 0x80
_SAMPLE = struct.Struct("<3h")


@dataclass(frozen=True, slots=True)
class Nonce:
    """What PING asks and PONG answers: a number, uint32."""

    nonce: int

    def to_payload(self) -> bytes:
        return self.nonce.to_bytes(4, "little")

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls(int.from_bytes(payload, "little"))


def counts_to_bytes(counts: tuple[Counts, ...]) -> bytes:
    return b"".join(_SAMPLE.pack(*xyz) for xyz in counts)


def counts_from_bytes(payload: bytes) -> tuple[Counts, ...]:
    return tuple((x, y, z) for x, y, z in _SAMPLE.iter_unpack(payload))


def window_crc(counts: NDArray[np.integer]) -> int:
    """CRC-32 of a window as the model takes it: (length, 3) counts, little-endian int16."""
    return binascii.crc32(np.asarray(counts).astype("<i2").tobytes())


def axes_to_bytes(axes: AxisMap) -> bytes:
    pairs = zip(axes.source, axes.sign, strict=True)
    return bytes(source | (AXIS_MINUS if sign < 0 else 0) for source, sign in pairs)


def axes_from_bytes(data: bytes) -> AxisMap:
    x, y, z = (byte & ~AXIS_MINUS for byte in data)
    require({x, y, z} == {0, 1, 2}, "axes")
    signs = [-1 if byte & AXIS_MINUS else 1 for byte in data]
    return AxisMap((x, y, z), (signs[0], signs[1], signs[2]))


def is_scale(value: float) -> bool:
    return math.isfinite(value) and value > 0


def require(legal: bool, field: str) -> None:
    if not legal:
        raise ValueError(field)
