"""What a host may say in `wearkit link/1`, and which version a device then speaks.

A host need not say anything: HELLO comes every two seconds anyway.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from wearkit.link.frames.fields import Nonce, counts_from_bytes, counts_to_bytes
from wearkit.link.frames.frame import MAJOR, MAX_SAMPLES, MINOR_MAX, MINOR_MIN, FrameType
from wearkit.link.frames.from_device import Feature
from wearkit.link.sample import Counts


@dataclass(frozen=True, slots=True)
class HelloRequest:
    """Asks for a HELLO, now, in the highest minor version that both sides speak."""

    TYPE: ClassVar[FrameType] = FrameType.HELLO_REQUEST

    major: int = MAJOR
    minor_min: int = MINOR_MIN
    minor_max: int = MINOR_MAX

    def __post_init__(self) -> None:
        if self.minor_min > self.minor_max:
            raise ValueError("minor versions")

    def to_payload(self) -> bytes:
        return bytes((self.major, self.minor_min, self.minor_max))

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls(*payload)


@dataclass(frozen=True, slots=True)
class Config:
    """streams: Feature.SAMPLES, Feature.PREDICTIONS or both."""

    TYPE: ClassVar[FrameType] = FrameType.CONFIG

    streams: int
    samples_per_frame: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.streams <= Feature.SAMPLES | Feature.PREDICTIONS:
            raise ValueError("streams")
        if not 1 <= self.samples_per_frame <= MAX_SAMPLES:
            raise ValueError("samples per frame")

    def to_payload(self) -> bytes:
        return bytes((self.streams, self.samples_per_frame))

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls(*payload)


@dataclass(frozen=True, slots=True)
class _Bare:
    """A command that is its type alone."""

    def to_payload(self) -> bytes:
        return b""

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class Start(_Bare):
    """A new run: the next sample is sample 0, the first of window 0."""

    TYPE: ClassVar[FrameType] = FrameType.START


@dataclass(frozen=True, slots=True)
class Stop(_Bare):
    """No more SAMPLES and PREDICTION until START."""

    TYPE: ClassVar[FrameType] = FrameType.STOP


@dataclass(frozen=True, slots=True)
class Ping(Nonce):
    """Answered by a PONG with the same number."""

    TYPE: ClassVar[FrameType] = FrameType.PING


@dataclass(frozen=True, slots=True)
class Replay:
    """Samples in the sensor's place, acknowledged frame by frame; first_index 0: a new run."""

    TYPE: ClassVar[FrameType] = FrameType.REPLAY
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IB")

    first_index: int
    counts: tuple[Counts, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.counts) <= MAX_SAMPLES:
            raise ValueError("number of samples")

    def to_payload(self) -> bytes:
        return self._HEAD.pack(self.first_index, len(self.counts)) + counts_to_bytes(self.counts)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        first_index, _ = cls._HEAD.unpack_from(payload)
        return cls(first_index, counts_from_bytes(payload[cls._HEAD.size :]))
