"""AutoStream: text lines or frames, whichever the port carries, behind one interface."""

from __future__ import annotations

import re
from typing import Protocol

from wearkit.errors import DataError
from wearkit.link.axes import AxisMap
from wearkit.link.frames.from_device import Hello
from wearkit.link.frames.stream import FrameStream, FrameTally
from wearkit.link.header import StreamHeader, UnitChoice
from wearkit.link.ledger import Ledger
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample, Stretch, runs_of
from wearkit.link.text.stream import TextStream

FRAMES_TO_DECIDE = 2
_PIECE = re.compile(rb"[^\0\n]*[\0\n]|[^\0\n]+")


class ByteCounter(Protocol):
    """What a decoder has received so far. messages: those it completed, as in Ledger."""

    @property
    def received_bytes(self) -> int: ...

    @property
    def printable_bytes(self) -> int: ...

    @property
    def messages(self) -> int: ...


class SampleStream(Protocol):
    """Bytes in, samples in place out, whatever carries them; and what is known meanwhile.

    TextStream and FrameStream are such streams, and AutoStream, which chooses between them.
    pending_*: held and not booked yet. header, choice: None until the device said, or its samples
    showed it. sample_messages: lines or frames of samples, which show that a device is alive and
    well. axes: which measured axis, with which sign, is which of the model's. device_error: its
    last words on what is wrong with it; device_errors: how often it said that something is.
    """

    @property
    def decoder(self) -> ByteCounter: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def pending_bytes(self) -> int: ...

    @property
    def pending_messages(self) -> int: ...

    @property
    def header(self) -> StreamHeader | None: ...

    @property
    def choice(self) -> UnitChoice | None: ...

    @property
    def axes(self) -> AxisMap: ...

    @property
    def sample_messages(self) -> int: ...

    @property
    def device_error(self) -> str: ...

    @property
    def device_errors(self) -> int: ...

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[PlacedSample]:
        """The samples this chunk completes, in order. arrival_s: when it was read, host seconds.

        Raises DataError when it cannot be settled what the samples are; `finish` then gives those
        that the chunk held before.
        """

    def resume(self) -> None:
        """The port was opened again: half a message before it is over, and what comes need not
        follow what came."""

    def finish(self) -> list[PlacedSample]:
        """Close the accounts; the samples that only waited for a confirmation, and those of a
        refused chunk that came before what was refused."""


class _Candidate(SampleStream, Protocol):
    """A stream that AutoStream may choose."""

    def skip(self, chunk: bytes) -> None:
        """Only book bytes that came together with what was refused."""


class AutoStream:
    """The SampleStream that the bytes turn out to need. Both decoders see every byte until one is
    sure; then the other is dropped.

    Frames it is after two whole ones, text after a header or the first sample, whichever byte
    comes first, so that the choice does not hang on how the bytes were cut into chunks. Until
    then the accounts are those of text.
    """

    def __init__(self, options: StreamOptions) -> None:
        self._text: TextStream | None = TextStream(options)
        self._frames: FrameStream | None = FrameStream(options)
        self._kept: list[PlacedSample] = []  # what a refused chunk held before the fault

    @property
    def is_binary(self) -> bool | None:
        """None until it is known."""
        return None if self._text and self._frames else self._frames is not None

    @property
    def _chosen(self) -> _Candidate:
        """The one in use: text, until it is known to be frames."""
        stream = self._text or self._frames
        assert stream is not None
        return stream

    @property
    def frames(self) -> FrameStream | None:
        """What came in frames, and what they say besides samples; None from a device that is
        known to send text."""
        return self._frames

    @property
    def tally(self) -> FrameTally | None:
        """None until the port is known to carry frames."""
        return self._frames.tally if self._frames and not self._text else None

    @property
    def hello(self) -> Hello | None:
        """The newest HELLO; None from a device that sends text."""
        return self._frames.hello if self._frames else None

    @property
    def decoder(self) -> ByteCounter:
        return self._chosen.decoder

    @property
    def ledger(self) -> Ledger:
        return self._chosen.ledger

    @property
    def pending_bytes(self) -> int:
        return self._chosen.pending_bytes

    @property
    def pending_messages(self) -> int:
        return self._chosen.pending_messages

    @property
    def header(self) -> StreamHeader | None:
        return self._chosen.header

    @property
    def choice(self) -> UnitChoice | None:
        return self._chosen.choice

    @property
    def axes(self) -> AxisMap:
        return self._chosen.axes

    @property
    def sample_messages(self) -> int:
        return self._chosen.sample_messages

    @property
    def refused(self) -> str:
        """A line that could not be read and what is wrong in it; empty where frames come."""
        return self._text.refused if self._text else ""

    @property
    def device_error(self) -> str:
        return self._chosen.device_error

    @property
    def device_errors(self) -> int:
        return self._chosen.device_errors

    def resume(self) -> None:
        """As SampleStream.resume."""
        for stream in (self._text, self._frames):
            if stream is not None:
                stream.resume()

    def feed_runs(self, chunk: bytes, arrival_s: float = 0.0) -> list[Stretch]:
        """As `feed`, with samples in a row put together."""
        if self._text is None and self._frames is not None:
            return self._frames.feed_runs(chunk, arrival_s)
        if self._text is not None and self._frames is None:
            return self._text.feed_runs(chunk, arrival_s)
        return runs_of(self.feed(chunk, arrival_s))

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[PlacedSample]:
        """As SampleStream.feed."""
        if self.is_binary is not None:
            return self._chosen.feed(chunk, arrival_s)
        steps: list[PlacedSample] = []
        for piece in _PIECE.finditer(chunk):
            try:
                steps += self._feed_both(piece.group(), arrival_s)
            except DataError:
                self._chosen.skip(chunk[piece.end() :])
                raise
            if self.is_binary is not None:
                rest = chunk[piece.end() :]
                return steps + (self._feed_rest(rest, arrival_s, steps) if rest else [])
        return steps

    def _feed_rest(
        self, rest: bytes, arrival_s: float, before: list[PlacedSample]
    ) -> list[PlacedSample]:
        try:
            return self._chosen.feed(rest, arrival_s)
        except DataError:
            self._kept = before
            raise

    def finish(self) -> list[PlacedSample]:
        """As SampleStream.finish. One whole frame and not one line of numbers are frames."""
        if self._text is not None and self._frames is not None:
            if self._frames.tally.whole and not self._text.sample_messages:
                self._text = None
            else:
                self._frames = None
        kept, self._kept = self._kept, []
        return kept + self._chosen.finish()

    def _feed_both(self, piece: bytes, arrival_s: float) -> list[PlacedSample]:
        """A piece that ends with a zero or a line end, if it has one."""
        assert self._text is not None and self._frames is not None
        try:
            steps = self._frames.feed(piece, arrival_s)
        except DataError:
            self._text = None  # only a whole frame can be refused
            raise
        if self._frames.tally.whole >= FRAMES_TO_DECIDE:
            self._text = None
            return steps  # none came before: the first sample takes a HELLO and its own frame
        steps = self._text.feed(piece, arrival_s)
        if steps or self._text.header is not None:
            self._frames = None
        return steps
