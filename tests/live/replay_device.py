"""A device in memory that takes REPLAY as docs/protocol.md says, on a line that may lose frames."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import classes_of

from wearkit.bundle.bundle import Bundle
from wearkit.counts import counts_to_int8
from wearkit.errors import LinkLostError
from wearkit.integer.reference import Reference
from wearkit.link.axes import mapped
from wearkit.link.frames.codec import Message, decode_message, encode_message
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.frame import MAJOR, MINOR_MAX, MINOR_MIN, Frame, FrameDecoder, FrameType
from wearkit.link.frames.from_device import (
    Ack,
    AckStatus,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    Samples,
)
from wearkit.link.frames.from_host import Config, HelloRequest, Replay, Start, Stop
from wearkit.link.ports.reader import Chunk
from wearkit.link.sample import Counts
from wearkit.verification.certificate.certificate import Certificate, certify
from wearkit.verification.dialogue import Dialogue
from wearkit.verification.replay import Replayed, ReplayOptions, replay_verify

ABLE = Feature.SAMPLES | Feature.PREDICTIONS | Feature.COMMANDS | Feature.REPLAY


@dataclass
class Line:
    """What happens on the way; each is asked for every frame with how many came before it."""

    to_device: Callable[[int, Message], bool] = lambda number, message: True
    to_host: Callable[[int, Message], bool] = lambda number, message: True


class ReplayDevice:
    """A Duplex port with a device behind it. change: what it says instead of a prediction.

    log: the commands that reached it. reset_at, busy_at: numbers of REPLAY frames.
    """

    url = "memory"

    def __init__(
        self,
        bundle: Bundle,
        *,
        line: Line | None = None,
        hello: Hello | None = None,
        change: Callable[[Prediction], Prediction] = lambda said: said,
        before: bytes = b"",
        reset_at: frozenset[int] = frozenset(),
        busy_at: frozenset[int] = frozenset(),
    ) -> None:
        self._bundle, self._line, self._change = bundle, line or Line(), change
        self._reset_at, self._busy_at = reset_at, busy_at
        model_id = bytes.fromhex(bundle.model_id)[:8]
        self.hello = hello or Hello(
            boot_id=40, model_id=model_id, features=ABLE, classes=classes_of(bundle)
        )
        self.streams = int(self.hello.features) & 3
        self.running, self.log = True, list[Message]()
        self._reference = Reference(bundle.graph)
        self._decoder = FrameDecoder()
        self._out: queue.Queue[bytes | None] = queue.Queue()
        if before:
            self._out.put(before)
        self._seq = self._in = self._said = self._replays = 0
        self._held: list[Counts] = []
        self._first = 0
        self.is_gone = False

    def read(self, wait_s: float = 0.02) -> bytes:
        try:
            data = self._out.get(timeout=wait_s)
        except queue.Empty:
            return b""
        if data is None:
            self._out.put(None)
            raise OSError(5, "Errno 5")
        return data

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise OSError(5, "Errno 5")
        for segment in self._decoder.feed(data):
            assert isinstance(segment.content, Frame)
            message = decode_message(segment.content)
            assert message is not None
            number, self._in = self._in, self._in + 1
            if self._line.to_device(number, message):
                self.log.append(message)
                self._answer(message, segment.content.seq)

    def close(self) -> None:
        pass

    def unplug(self) -> None:
        self.is_gone = True
        self._out.put(None)

    def say(self, message: Message) -> None:
        data = encode_message(message, self._seq)
        self._seq = (self._seq + 1) % 0x10000
        number, self._said = self._said, self._said + 1
        if self._line.to_host(number, message):
            self._out.put(data)

    def _answer(self, message: Message, seq: int) -> None:
        match message:
            case HelloRequest(major, lowest, highest):
                assert (major, lowest, highest) == (MAJOR, MINOR_MIN, MINOR_MAX)
                self.say(self.hello)
            case Config(streams):
                self.streams = streams
                self._acknowledge(message.TYPE, seq)
            case Start():
                self.running, self._held = True, []
                self._acknowledge(message.TYPE, seq)
                self.boot()
            case Stop():
                self.running = False
                self._acknowledge(message.TYPE, seq)
            case Replay():
                self._replay(message, seq)

    def _replay(self, message: Replay, seq: int) -> None:
        number, self._replays = self._replays, self._replays + 1
        if number in self._busy_at:
            self._acknowledge(FrameType.REPLAY, seq, AckStatus.BUSY)
            return
        if number in self._reset_at:
            self.running, self._held = True, []
            self.boot()
            # Its own sensor's first window, under a number that was asked for, too.
            self.say(self._prediction(0, np.full((100, 3), 7, np.int16)))
            return
        if message.first_index != self._first + len(self._held):
            self._held, self._first = [], message.first_index
        self._held += message.counts
        if self.streams & Feature.SAMPLES:
            self.say(Samples(message.first_index, 0, message.counts))
        if len(self._held) == self.hello.window and self._first % self.hello.hop == 0:
            rows = [mapped(row, self.hello.axes) for row in self._held]
            if self.streams & Feature.PREDICTIONS:
                self.say(self._change(self._prediction(self._first, np.array(rows, np.int16))))
            self._held = []
        self._acknowledge(FrameType.REPLAY, seq)

    def _prediction(self, first: int, window: NDArray[np.int16]) -> Prediction:
        logits = self._reference.run(counts_to_int8(window[None]))
        heads = []
        for head in self._bundle.graph.heads:
            tensor = self._bundle.graph.tensor(head.tensor)
            row = tuple(int(value) for value in logits[head.task][0])
            heads.append(HeadLogits(float(np.float32(tensor.scale)), tensor.zero_point, row))
        return Prediction(first, window_crc(window), self.hello.model_id, 900, tuple(heads))

    def boot(self) -> None:
        self.hello = replace(self.hello, boot_id=self.hello.boot_id + 1)
        self.say(self.hello)

    def _acknowledge(self, type_: int, seq: int, status: int = AckStatus.OK) -> None:
        self.say(Ack(type_, seq, status))


@dataclass
class Clock:
    """Time that passes only while somebody waits. later: what happens at which time."""

    now_s: float = 100.0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due = [act for at_s, act in self.later if at_s <= self.now_s]
        self.later = [(at_s, act) for at_s, act in self.later if at_s > self.now_s]
        for act in due:
            act()


class StillReader:
    """A PortReader without a thread: what the device has said is there at once."""

    def __init__(self, device: ReplayDevice, clock: Clock) -> None:
        self._device, self._clock = device, clock

    def take(self, timeout_s: float) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            while data := self._device.read(0):
                chunks.append(Chunk(data, self._clock.now_s))
        except OSError as error:
            if not chunks:
                raise LinkLostError("memory went away.") from error
        if not chunks:
            self._clock.wait(timeout_s)
        return chunks

    def close(self) -> None:
        self._device.close()


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """From here on a Dialogue with a ReplayDevice needs no thread, and no time but the clock's."""
    clock = Clock()
    for module in ("wearkit.verification.replayer", "wearkit.verification.handshake"):
        monkeypatch.setattr(f"{module}.time", clock)
    monkeypatch.setattr(
        "wearkit.verification.dialogue.PortReader", lambda port: StillReader(port, clock)
    )
    return clock


def play(
    device: ReplayDevice,
    bundle: Bundle,
    windows: NDArray[np.int16],
    *,
    in_flight: int = 8,
    **options: object,
) -> Replayed:
    chosen = ReplayOptions("made up", frames_in_flight=in_flight, **options)  # type: ignore[arg-type]
    done = replay_verify(Dialogue(device), bundle, windows, chosen)
    result(done, bundle)
    return done


def result(done: Replayed, bundle: Bundle) -> str:
    """The certificate's. Whatever happened, the sums add up, or certify() raises."""
    return certificate_of(done, bundle).result


def certificate_of(done: Replayed, bundle: Bundle) -> Certificate:
    error = done.report.error
    return certify(
        bundle,
        "memory",
        done.hello,
        done.report,
        done.verifier,
        requested=done.requested,
        error="" if error is None else str(error),
    )
