"""Dialogue: commands out and frames in on one port, every byte that came booked once."""

from __future__ import annotations

import termios
from collections import Counter
from typing import Protocol

from wearkit.errors import LinkLostError
from wearkit.link.classify import Carried, carried
from wearkit.link.frames.codec import Message, decode_message, encode_message
from wearkit.link.frames.frame import (
    DeviceText,
    Frame,
    FrameDecoder,
    FrameFault,
    FrameType,
    Segment,
)
from wearkit.link.ledger import Ledger
from wearkit.link.ports.reader import PortReader, Readable

Received = Message | FrameFault
"""A message, or why bytes between two zeros were none."""

_KEPT_BYTES = 4096  # of what came first, to say what it is


class Duplex(Readable, Protocol):
    """An open port that can be written too."""

    def write(self, data: bytes) -> None: ...


class Dialogue:
    """Memory: what the reader queues, and _KEPT_BYTES until the first whole frame.

    frames: by type, the whole ones that came. text_lines: the device's own words between frames.
    What cannot be read before the first whole frame is noise, as a port is joined anywhere.
    """

    def __init__(self, port: Duplex) -> None:
        self._port = port
        self._reader = PortReader(port)
        self._decoder = FrameDecoder()
        self._seq = 0
        self._head = b""
        self.ledger = Ledger()
        self.frames: Counter[int] = Counter()
        self.text_lines = 0

    @property
    def received_bytes(self) -> int:
        return self._decoder.received_bytes

    @property
    def carried(self) -> Carried:
        """What the port carries, judged by what came first."""
        return Carried.FRAMES if self.frames else carried(self._head)

    def send(self, message: Message) -> int:
        """The frame's number. Raises LinkLostError when the port is gone or takes nothing."""
        seq, self._seq = self._seq, (self._seq + 1) % 0x10000
        try:
            self._port.write(encode_message(message, seq))
        except (OSError, termios.error) as error:
            # What the reader still holds was sent before; it finds the loss itself.
            raise LinkLostError(
                f"{self._port.url} takes nothing any more: {str(error).rstrip('.')[:160]}."
            ) from error
        return seq

    def receive(self, timeout_s: float) -> list[Received]:
        """What has come, waiting up to timeout_s for something.

        Raises LinkLostError once the port is gone and all that came before was received.
        """
        received: list[Received] = []
        for chunk in self._reader.take(timeout_s):
            if not self.frames:
                self._head = (self._head + chunk.data)[-_KEPT_BYTES:]
            zeros = self._decoder.delimiter_bytes
            for segment in self._decoder.feed(chunk.data, chunk.arrival_s):
                received += self._take(segment)
            self.ledger.ignore(self._decoder.delimiter_bytes - zeros, is_whole=False)
        return received

    def close(self) -> None:
        """Stop reading, close the port and the accounts."""
        self._reader.close()
        self.ledger.ignore(self._decoder.finish(), is_whole=False)

    def _take(self, segment: Segment) -> list[Received]:
        match segment.content:
            case Frame() as frame:
                return self._take_frame(frame, segment.size_bytes)
            case FrameFault() as fault:
                if self.frames or fault is FrameFault.MAJOR:
                    self.ledger.reject(fault, segment.size_bytes)
                else:
                    self.ledger.ignore_noise(segment.size_bytes)
                return [fault]
            case DeviceText(text):
                self.ledger.ignore(segment.size_bytes)
                self.text_lines += sum(bool(line.strip()) for line in text.splitlines())
        return []

    def _take_frame(self, frame: Frame, size_bytes: int) -> list[Received]:
        try:
            message = decode_message(frame)
        except ValueError:
            self.ledger.reject(FrameFault.VALUE, size_bytes)
            return [FrameFault.VALUE]
        self.frames[frame.type] += 1
        if message is None or frame.type >= FrameType.HELLO_REQUEST:
            self.ledger.ignore(size_bytes)  # of a later version, or our own words come back
            return []
        self.ledger.accept(size_bytes)
        return [message]
