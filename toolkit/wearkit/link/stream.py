"""LinkStream: text lines or frames, whichever the port carries, behind one interface."""

from __future__ import annotations

import re
from typing import Protocol

from wearkit.errors import DataError
from wearkit.link.frames.from_device import Hello, Prediction, Stats
from wearkit.link.frames.stream import BinaryStream, FrameTally
from wearkit.link.ledger import Ledger
from wearkit.link.sample import AxisMap, Header, Step, StreamOptions, UnitChoice
from wearkit.link.text.stream import SampleStream

FRAMES_TO_DECIDE = 2
_PIECE = re.compile(rb"[^\0\n]*[\0\n]|[^\0\n]+")


class ByteCounter(Protocol):
    """What a decoder has received so far. lines: those it completed, as in Ledger."""

    received_bytes: int
    printable_bytes: int
    lines: int


class LinkStream:
    """Both decoders see every byte until one is sure; then the other is dropped.

    Frames it is after two whole ones, text after a header or the first sample, whichever byte
    comes first, so that the choice does not hang on how the bytes were cut into chunks. Until
    then the accounts are those of text.
    """

    def __init__(self, options: StreamOptions) -> None:
        self._text: SampleStream | None = SampleStream(options)
        self._binary: BinaryStream | None = BinaryStream(options)

    @property
    def is_binary(self) -> bool | None:
        """None until it is known."""
        return None if self._text and self._binary else self._binary is not None

    @property
    def _chosen(self) -> SampleStream | BinaryStream:
        chosen = self._text or self._binary
        assert chosen is not None
        return chosen

    @property
    def decoder(self) -> ByteCounter:
        return self._chosen.decoder

    @property
    def ledger(self) -> Ledger:
        return self._chosen.ledger

    @property
    def pending_bytes(self) -> int:
        """Those that are held and not booked yet."""
        return self._chosen.pending_bytes

    @property
    def pending_lines(self) -> int:
        """Whole lines, or frames, that are held and not booked yet."""
        return self._chosen.pending_lines

    @property
    def header(self) -> Header | None:
        return self._chosen.header

    @property
    def choice(self) -> UnitChoice | None:
        return self._chosen.choice

    @property
    def valid_lines(self) -> int:
        """Lines, or frames, of samples."""
        return self._chosen.valid_lines

    @property
    def device_error(self) -> str:
        """What the device said is wrong, as its last words on it."""
        return self._chosen.device_error

    @property
    def hello(self) -> Hello | None:
        """The newest HELLO; None from a device that sends text."""
        return self._binary.hello if self._binary else None

    @property
    def stats(self) -> Stats | None:
        """The newest STATS; None from a device that sends text."""
        return self._binary.stats if self._binary else None

    @property
    def tally(self) -> FrameTally | None:
        """None until the port is known to carry frames."""
        return self._binary.tally if self._binary and not self._text else None

    @property
    def device_errors(self) -> int:
        """How often the device said that something is wrong."""
        return self._chosen.device_errors

    @property
    def axes(self) -> AxisMap:
        """Which measured axis, with which sign, is which of the model's."""
        return self._chosen.axes

    def resume(self) -> None:
        """The port was opened again: half a line or frame before it is over, and what comes need
        not follow what came."""
        for stream in (self._text, self._binary):
            if stream is not None:
                stream.resume()

    def take_predictions(self) -> list[Prediction]:
        """As BinaryStream.take_predictions; none from a device that sends text."""
        return self._binary.take_predictions() if self._binary else []

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[Step]:
        """As SampleStream.feed or BinaryStream.feed."""
        if self.is_binary is not None:
            return self._chosen.feed(chunk, arrival_s)
        steps: list[Step] = []
        for piece in _PIECE.finditer(chunk):
            try:
                steps += self._feed_both(piece.group(), arrival_s)
            except DataError:
                self._chosen.skip(chunk[piece.end() :])
                raise
            if self.is_binary is not None:
                rest = chunk[piece.end() :]
                return steps + (self._chosen.feed(rest, arrival_s) if rest else [])
        return steps

    def finish(self) -> list[Step]:
        """As SampleStream.finish. One whole frame and not one line of numbers are frames."""
        if self._text is not None and self._binary is not None:
            if self._binary.tally.whole and not self._text.valid_lines:
                self._text = None
            else:
                self._binary = None
        return self._chosen.finish()

    def _feed_both(self, piece: bytes, arrival_s: float) -> list[Step]:
        """A piece that ends with a zero or a line end, if it has one."""
        assert self._text is not None and self._binary is not None
        try:
            steps = self._binary.feed(piece, arrival_s)
        except DataError:
            self._text = None  # only a whole frame can be refused
            raise
        if self._binary.tally.whole >= FRAMES_TO_DECIDE:
            self._text = None
            return steps  # none came before: the first sample takes a HELLO and its own frame
        steps = self._text.feed(piece, arrival_s)
        if steps or self._text.header is not None:
            self._binary = None
        return steps
