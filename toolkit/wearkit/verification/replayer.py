"""Replayer: windows through the link in the sensor's place, each answered or sent again.

A window goes out as REPLAY frames under sample numbers of its own, with a hole before the next
window's, so that the device's grid makes one window of it and an answer names the try it belongs
to. A device answers in the order it was asked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wearkit.errors import DataError, LinkLostError
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.codec import Message
from wearkit.link.frames.frame import MAX_SAMPLES, FrameType
from wearkit.link.frames.from_device import (
    Ack,
    AckStatus,
    DeviceError,
    Feature,
    Hello,
    Prediction,
    Stats,
)
from wearkit.link.frames.from_host import Config, HelloRequest, Replay, Start, Stop
from wearkit.link.sample import WRAP_32, Counts
from wearkit.verification.dialogue import Dialogue, Received
from wearkit.verification.handshake import negotiate
from wearkit.verification.replay_tally import ReplayTally

ANSWER_S = 3.0  # far above an inference, and above the time a slow line takes for one frame
MAX_TRIES = 4
MAX_OPEN_WINDOWS = 4
UART_FRAMES, FLOW_FRAMES = 1, 8
"""REPLAY frames not yet acknowledged. A UART cannot hold its sender back and a board's receive
buffer may be small: one, as docs/protocol.md says. A pty or socket waits until there is room."""
_COMMAND_TRIES, _COMMAND_S, _PUT_BACK_S, _POLL_S = 3, 1.0, 0.5, 0.1
_KEPT_ANSWERS = 64
_ALL_STREAMS = Feature.SAMPLES | Feature.PREDICTIONS

Asked = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ReplayWindow:
    """One window of the test set. counts: in sensor axes. crc: of the model's input, as
    window_crc."""

    number: int
    counts: tuple[Counts, ...]
    crc: int


OnAnswer = Callable[[ReplayWindow, Prediction], None]


@dataclass(slots=True)
class _Try:
    window: ReplayWindow
    number: int
    frames: deque[Replay]
    waiting: set[int] = field(default_factory=set)  # frames that were not acknowledged
    since_s: float = 0.0
    doubtful: Prediction | None = None


class Replayer:
    """begin(), run() and, however they ended, put_back()."""

    def __init__(
        self,
        link: Dialogue,
        faults: FaultLog,
        *,
        frames_in_flight: int,
        check: Callable[[Hello], None],
    ) -> None:
        """check: called with every HELLO; raises when the device is not the right one."""
        self.hello: Hello | None = None
        self.tally = ReplayTally()
        self._link, self._faults, self._check = link, faults, check
        self._frames_in_flight = frames_in_flight
        self._stride = 0
        self._index = 0
        self._tries: dict[int, _Try] = {}  # by window number, in the order they were sent
        self._sending: _Try | None = None
        self._asked: dict[int, ReplayWindow] = {}  # by first_index, of every try
        self._answers: dict[int, Prediction] = {}  # by first_index, the newest
        self._again: deque[tuple[ReplayWindow, int]] = deque()
        self._ready: dict[int, tuple[ReplayWindow, Prediction]] = {}
        self._next = 0
        self._stopped = self._is_silent = False
        self._streams: int | None = None
        self._must_stop = False
        self._dropped: int | None = None
        self._progress_s = 0.0

    def begin(self, stop: Asked = lambda: False) -> bool:
        """Find out who is there, and silence its sensor. False on `stop`.

        Raises PortError when nobody answers, DataError when the device cannot replay, what `check`
        raises, LinkLostError.
        """
        hello = negotiate(self._link, stop)
        if hello is None:
            return False
        self.hello = hello
        self._check_able(hello)
        self._check(hello)
        # Further apart than a window is long, and each on the device's own grid.
        self._stride = hello.hop * (hello.window // hello.hop + 1)
        return self._silence(stop)

    def run(
        self, windows: Iterator[ReplayWindow], on_answer: OnAnswer, stop: Asked = lambda: False
    ) -> bool:
        """on_answer gets every window's answer, in their order. False on `stop`.

        Raises what on_answer raises, and LinkLostError when the port goes away or a window stays
        unanswered MAX_TRIES times.
        """
        while not stop():
            if self._must_stop and not self._silence(stop):
                return False
            self._fill(windows)
            if not self._tries and not self._again:
                return True
            for received in self._link.receive(_POLL_S):
                self._take(received)
            while self._next in self._ready:
                window, prediction = self._ready.pop(self._next)
                self._next += 1
                self.tally.answered += 1
                on_answer(window, prediction)
            self._expire()
        return False

    def put_back(self) -> bool:
        """Let the sensor run again. False when the device did not confirm it."""
        if not self._stopped:
            return True
        left = [attempt for attempt in self._tries.values() if attempt.doubtful is not None]
        self.tally.extra_answers += len(self._ready) + len(left)
        self._ready.clear()
        self._forget()
        messages: list[Message] = [Start()]
        if self._streams is not None:
            messages.insert(0, Config(self._streams))
        try:
            return all(
                self._ask(message, _PUT_BACK_S, _never, self._ignore) for message in messages
            )
        except (LinkLostError, DataError):
            return False

    def _check_able(self, hello: Hello) -> None:
        if not hello.features & Feature.COMMANDS or not hello.features & Feature.REPLAY:
            raise DataError(
                "The device does not take windows over the link (its HELLO lacks REPLAY): use "
                "wearkit live --verify, which compares what its sensor measures."
            )

    def _silence(self, stop: Asked) -> bool:
        assert self.hello is not None
        # A sensor that was just about to start gives the device a new boot id; stopped, it cannot.
        self._must_stop, self._stopped, self._is_silent = False, True, False
        if not self._command(Stop(), stop):
            return False
        self._is_silent = True
        if self.hello.features & Feature.PREDICTIONS:
            return True
        # What a device without predictions is told is undone in put_back().
        self._streams = int(self.hello.features & _ALL_STREAMS) or int(Feature.SAMPLES)
        return self._command(Config(int(_ALL_STREAMS)), stop)

    def _command(self, message: Message, stop: Asked) -> bool:
        """False on `stop`. Raises LinkLostError without an answer, DataError for a refusal."""
        for _ in range(_COMMAND_TRIES):
            if self._ask(message, _COMMAND_S, stop, self._take):
                return True
            if stop():
                return False
            self._faults.add(Fault.NO_ANSWER, f"{message.TYPE.name} was not answered")
        raise LinkLostError(
            f"The device does not answer {message.TYPE.name} any more.", fault=Fault.NO_ANSWER
        )

    def _ask(
        self, message: Message, wait_s: float, stop: Asked, others: Callable[[Received], None]
    ) -> bool:
        """Whether it was acknowledged in time. others: gets what came besides."""
        seq = self._link.send(message)
        deadline_s = time.monotonic() + wait_s
        answered = False
        while not answered and not stop() and time.monotonic() < deadline_s:
            for received in self._link.receive(_POLL_S):
                if _answers(received, message.TYPE, seq):
                    answered = True
                else:
                    others(received)
        return answered

    def _ignore(self, received: Received) -> None:
        if isinstance(received, Prediction):
            self.tally.answers += 1
            self.tally.extra_answers += 1

    def _fill(self, windows: Iterator[ReplayWindow]) -> None:
        while (
            sum(len(attempt.waiting) for attempt in self._tries.values()) < self._frames_in_flight
        ):
            current = self._sending or self._begin_next(windows)
            if current is None:
                return
            current.waiting.add(self._link.send(current.frames.popleft()))
            current.since_s = time.monotonic()
            self._sending = current if current.frames else None

    def _begin_next(self, windows: Iterator[ReplayWindow]) -> _Try | None:
        if self._again:
            window, number = self._again.popleft()
        else:
            if self.tally.windows >= self._next + MAX_OPEN_WINDOWS:
                return None
            following = next(windows, None)
            if following is None:
                return None
            window, number = following, 1
            self.tally.windows += 1
        self.tally.tries += 1
        self.tally.retries += number > 1
        if self._index + self._stride > WRAP_32:
            self._index = 0
        attempt = _Try(window, number, deque(_frames(window, self._index)))
        self._asked[self._index] = window
        self._index += self._stride
        self._tries[window.number] = attempt
        return attempt

    def _take(self, received: Received) -> None:
        if isinstance(received, Ack):
            self._take_ack(received)
        elif isinstance(received, Prediction):
            self._take_prediction(received)
        elif isinstance(received, Hello):
            self._take_hello(received)
        elif isinstance(received, DeviceError):
            self._faults.add(Fault.DEVICE_ERROR, received.text or f"error {received.code}")
        elif isinstance(received, Stats):
            before, self._dropped = self._dropped, received.tx_dropped
            if before is not None and received.tx_dropped > before:
                self._faults.add(Fault.DEVICE_DROPPED, f"{received.tx_dropped - before} frames")

    def _take_ack(self, ack: Ack) -> None:
        if ack.type != FrameType.REPLAY:
            return
        for attempt in self._tries.values():
            if ack.seq in attempt.waiting and ack.status != AckStatus.BUSY:
                if ack.status != AckStatus.OK:
                    raise _refused(FrameType.REPLAY, ack.status)
                attempt.waiting.discard(ack.seq)
                self._progress_s = time.monotonic()

    def _take_prediction(self, prediction: Prediction) -> None:
        self.tally.answers += 1
        window = self._asked.get(prediction.window_first_index)
        attempt = None if window is None else self._tries.get(window.number)
        if attempt is None or attempt.doubtful is not None:
            self.tally.extra_answers += 1
            self._look_back(prediction)
        elif prediction.window_crc == attempt.window.crc:
            self._answered(attempt, prediction)
        else:
            # Perhaps the device began again and speaks of what its sensor measures: its boot id
            # tells, and comes in the order of its words.
            attempt.doubtful = prediction
            self._link.send(HelloRequest())

    def _look_back(self, prediction: Prediction) -> None:
        """Whether it says of a window that was answered what its answer did not say. With another
        CRC it speaks of another window, of its sensor's own."""
        answer = self._answers.get(prediction.window_first_index)
        if answer is None or answer.window_crc != prediction.window_crc:
            return
        if answer.heads != prediction.heads:
            self.tally.contradicted += 1
            self._faults.add(Fault.CONFLICT, "two answers to one window that was replayed")

    def _answered(self, attempt: _Try, prediction: Prediction) -> None:
        self._progress_s = time.monotonic()  # nothing else keeps the others waiting for longer
        number = attempt.window.number
        for first in [first for first, window in self._asked.items() if window is attempt.window]:
            del self._asked[first]
            self._answers[first] = prediction
        while len(self._answers) > _KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]
        earlier = list(self._tries)[: list(self._tries).index(number)]
        del self._tries[number]
        if self._sending is attempt:
            self._sending = None
        self._ready[number] = (attempt.window, prediction)
        for late in [self._tries[other] for other in earlier]:
            if late.doubtful is None:
                self._retry(late, "its answer was lost")

    def _take_hello(self, hello: Hello) -> None:
        assert self.hello is not None
        before, self.hello = self.hello, hello
        self._check(hello)
        if hello.boot_id != before.boot_id and self._is_silent:
            self.tally.resets += 1
            self._faults.add(Fault.RESTART, "the device began again")
            for attempt in list(self._tries.values()):
                self._retry(attempt, "")
            self._forget()
            self._must_stop = True
            return
        for attempt in list(self._tries.values()):
            if attempt.doubtful is not None:
                self._answered(attempt, attempt.doubtful)

    def _expire(self) -> None:
        now_s = time.monotonic()
        for attempt in list(self._tries.values()):
            if now_s - max(attempt.since_s, self._progress_s) > ANSWER_S:
                self._retry(attempt, f"no answer in {ANSWER_S:g} s")

    def _retry(self, attempt: _Try, why: str) -> None:
        """why: empty for a loss that is counted already."""
        window = attempt.window
        del self._tries[window.number]
        if self._sending is attempt:
            self._sending = None
        if attempt.doubtful is not None:
            self.tally.extra_answers += 1
        if why:
            self._faults.add(Fault.NO_ANSWER, f"window {window.number}, {why}")
        if attempt.number == MAX_TRIES:
            raise LinkLostError(
                f"The device did not answer window {window.number} in {MAX_TRIES} tries.",
                fault=Fault.NO_ANSWER,
            )
        self._again.append((window, attempt.number + 1))

    def _forget(self) -> None:
        """Nothing that was asked will be answered; the next sample begins a new run."""
        self._tries.clear()
        self._asked.clear()
        self._answers.clear()
        self._sending, self._index = None, 0


def _never() -> bool:
    return False


def _frames(window: ReplayWindow, first_index: int) -> list[Replay]:
    counts = window.counts
    starts = range(0, len(counts), MAX_SAMPLES)
    return [Replay(first_index + at, counts[at : at + MAX_SAMPLES]) for at in starts]


def _answers(received: Received, type_: FrameType, seq: int) -> bool:
    """Whether it is the ACK of this frame. Raises DataError when it says no."""
    if not isinstance(received, Ack) or (received.type, received.seq) != (type_, seq):
        return False
    if received.status not in (AckStatus.OK, AckStatus.BUSY):
        raise _refused(type_, received.status)
    return received.status == AckStatus.OK


def _refused(type_: FrameType, status: int) -> DataError:
    return DataError(
        f"The device refuses {type_.name} (status {status}): update wearkit or the firmware."
    )
