"""Message <-> frame: the one table of all types of `wearkit link/1`."""

from __future__ import annotations

from wearkit.link.frames.frame import Frame, encode_frame
from wearkit.link.frames.from_device import (
    Ack,
    DeviceError,
    Hello,
    Pong,
    Prediction,
    Samples,
    Stats,
)
from wearkit.link.frames.from_host import Config, HelloRequest, Ping, Replay, Start, Stop

Message = (
    Hello | Samples | Prediction | Stats | DeviceError | Pong | Ack
    | HelloRequest | Config | Start | Stop | Ping | Replay
)  # fmt: skip
_FROM_DEVICE = (Hello, Samples, Prediction, Stats, DeviceError, Pong, Ack)
_FROM_HOST = (HelloRequest, Config, Start, Stop, Ping, Replay)
_CLASSES: dict[int, type[Message]] = {
    class_.TYPE: class_ for class_ in (*_FROM_DEVICE, *_FROM_HOST)
}


def encode_message(message: Message, seq: int) -> bytes:
    """The bytes on the wire. Raises ValueError or struct.error for values that do not fit."""
    return encode_frame(message.TYPE, seq, message.to_payload())


def decode_message(frame: Frame) -> Message | None:
    """None for a type of later versions. Raises ValueError for values that are not legal.

    frame: one that `decode_frame` gave, so that its length is right.
    """
    class_ = _CLASSES.get(frame.type)
    return None if class_ is None else class_.from_payload(frame.payload)
