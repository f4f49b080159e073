"""Frames of `wearkit link/1`: arbitrary chunks of bytes -> frames, every byte accounted for once.

    wire: 00 COBS(frame) 00      frame: major u8, type u8, seq u16, payload, CRC-32; little-endian

docs/protocol.md is the specification; firmware/include/wk/wk_frame.h the same in C.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from wearkit.link.frames import cobs
from wearkit.link.printable import is_text, printable_bytes

MAJOR = 1
MINOR_MIN, MINOR_MAX = 0, 0  # the minor versions this code speaks
MIN_FRAME_BYTES = 8
MAX_FRAME_BYTES = cobs.MAX_BYTES
MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - MIN_FRAME_BYTES
MAX_ENCODED_BYTES = 256
MAX_TEXT_BYTES = 4096  # of one run of text between two zeros, such as a boot log, that are kept

MAX_SAMPLES = 32
MAX_HEADS = 8
MAX_ERROR_TEXT = 64
_HEAD = struct.Struct("<BBH")
_CRC_BYTES = 4


class FrameType(IntEnum):
    """Below 0x40 device to host, above host to device."""

    HELLO = 0x01
    SAMPLES = 0x02
    PREDICTION = 0x03
    STATS = 0x04
    ERROR = 0x05
    PONG = 0x06
    ACK = 0x07
    HELLO_REQUEST = 0x41
    CONFIG = 0x42
    START = 0x43
    STOP = 0x44
    PING = 0x45
    REPLAY = 0x4A


class FrameFault(StrEnum):
    """Why bytes between two zeros are no frame of ours. Each is counted under exactly one."""

    COBS = "cobs"
    SIZE = "size"
    CRC = "crc"
    MAJOR = "major"
    LENGTH = "length"
    OVERLONG = "overlong"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that passed every check. type: a FrameType, or one that only later versions know."""

    type: int
    seq: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class DeviceText:
    """Printable characters that are no frame; the first MAX_TEXT_BYTES of them."""

    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What stood between two zeros. size_bytes: without the zeros."""

    size_bytes: int
    content: Frame | FrameFault | DeviceText
    arrival_s: float = 0.0


def encode_frame(type_: int, seq: int, payload: bytes) -> bytes:
    """The bytes on the wire, both zeros included. seq: taken modulo 65,536.

    Raises ValueError for a payload over MAX_PAYLOAD_BYTES.
    """
    body = _HEAD.pack(MAJOR, type_, seq & 0xFFFF) + payload
    return b"\0" + cobs.encode(body + binascii.crc32(body).to_bytes(4, "little")) + b"\0"


def decode_frame(encoded: bytes) -> Frame | FrameFault:
    """The frame in the bytes between two zeros, or why there is none. Never raises."""
    if len(encoded) > MAX_ENCODED_BYTES:
        return FrameFault.OVERLONG
    frame = cobs.decode(encoded)
    if frame is None:
        return FrameFault.COBS
    if not MIN_FRAME_BYTES <= len(frame) <= MAX_FRAME_BYTES:
        return FrameFault.SIZE
    body = frame[:-_CRC_BYTES]
    if binascii.crc32(body) != int.from_bytes(frame[-_CRC_BYTES:], "little"):
        return FrameFault.CRC
    major, type_, seq = _HEAD.unpack_from(body)
    if major != MAJOR:
        return FrameFault.MAJOR
    payload = body[_HEAD.size :]
    length = _LENGTHS.get(type_)
    if length is not None and length(payload) != len(payload):
        return FrameFault.LENGTH
    return Frame(type_, seq, payload)


class FrameDecoder:
    """Incremental decoder. Memory: MAX_TEXT_BYTES.

    messages: how many segments were completed. After any feeds, the sizes of all of them plus
    `delimiter_bytes` and `tail_bytes` equal `received_bytes`; they do not depend on how the bytes
    were cut into chunks.
    """

    def __init__(self) -> None:
        self.received_bytes = 0
        self.printable_bytes = 0
        self.delimiter_bytes = 0
        self.messages = 0
        self._tail = bytearray()
        self._unkept_bytes = 0
        self._unkept_is_text = True

    @property
    def tail_bytes(self) -> int:
        return len(self._tail) + self._unkept_bytes

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[Segment]:
        """The segments this chunk completed. arrival_s: when it was read, on the host's clock."""
        self.received_bytes += len(chunk)
        self.printable_bytes += printable_bytes(chunk)
        *ended, rest = chunk.split(b"\0")
        self.delimiter_bytes += len(ended)
        segments: list[Segment] = []
        for part in ended:
            if self._tail:
                self._extend(part)
                segments.append(self._end(arrival_s))
            elif part:
                segments.append(_segment(part, arrival_s))
        self._extend(rest)
        self.messages += len(segments)
        return segments

    def finish(self) -> int:
        """How many bytes are left, now dropped, when no more will come to end them."""
        left = self.tail_bytes
        self._tail.clear()
        self._unkept_bytes, self._unkept_is_text = 0, True
        return left

    def _extend(self, part: bytes) -> None:
        kept = part[: MAX_TEXT_BYTES - len(self._tail)]
        self._tail += kept
        if len(kept) < len(part):
            unkept = part[len(kept) :]
            self._unkept_bytes += len(unkept)
            self._unkept_is_text = self._unkept_is_text and is_text(unkept)

    def _end(self, arrival_s: float) -> Segment:
        kept, unkept_bytes = bytes(self._tail), self._unkept_bytes
        unkept_is_text = self._unkept_is_text
        self._tail.clear()
        self._unkept_bytes, self._unkept_is_text = 0, True
        if unkept_bytes == 0:
            return _segment(kept, arrival_s)
        size_bytes = len(kept) + unkept_bytes
        if unkept_is_text and is_text(kept):
            return Segment(size_bytes, DeviceText(kept.decode("ascii")), arrival_s)
        return Segment(size_bytes, FrameFault.OVERLONG, arrival_s)


def _segment(data: bytes, arrival_s: float) -> Segment:
    content: Frame | FrameFault | DeviceText = decode_frame(data)
    if isinstance(content, FrameFault) and is_text(data):
        content = DeviceText(data[:MAX_TEXT_BYTES].decode("ascii"))
    return Segment(len(data), content, arrival_s)


def _fixed(length: int) -> Callable[[bytes], int]:
    return lambda payload: length


def _counted(at: int, fixed: int, each: int, most: int) -> Callable[[bytes], int]:
    """A payload of `fixed` bytes and `each` more for every one that the byte at `at` counts."""

    def length(payload: bytes) -> int:
        if len(payload) < fixed or payload[at] > most:
            return -1
        return fixed + each * payload[at]

    return length


def _prediction_length(payload: bytes) -> int:
    length = PREDICTION_FIXED_BYTES
    if len(payload) < length or payload[length - 1] > MAX_HEADS:
        return -1
    for _ in range(payload[length - 1]):
        if length >= len(payload):
            return -1
        length += PREDICTION_HEAD_BYTES + payload[length]
    return length


PREDICTION_FIXED_BYTES, PREDICTION_HEAD_BYTES = 21, 6
# The exact-length rule. CRC-32 alone passes some fragments of frames (of four FF bytes it is
# FFFFFFFF, and negative counts make runs of FF).
_LENGTHS: dict[int, Callable[[bytes], int]] = {
    FrameType.HELLO: _counted(7, 55, 1, MAX_HEADS),
    FrameType.SAMPLES: _counted(8, 10, 6, MAX_SAMPLES),
    FrameType.PREDICTION: _prediction_length,
    FrameType.STATS: _fixed(33),
    FrameType.ERROR: _counted(2, 3, 1, MAX_ERROR_TEXT),
    FrameType.PONG: _fixed(4),
    FrameType.ACK: _fixed(4),
    FrameType.HELLO_REQUEST: _fixed(3),
    FrameType.CONFIG: _fixed(2),
    FrameType.START: _fixed(0),
    FrameType.STOP: _fixed(0),
    FrameType.PING: _fixed(4),
    FrameType.REPLAY: _counted(4, 5, 6, MAX_SAMPLES),
}
