"""FrameStream: bytes of a `wearkit link/1` device -> samples in counts, in place.

It never writes: the HELLO that comes every two seconds says all that a reader must know.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.frames.codec import decode_message
from wearkit.link.frames.foreign import ForeignFrames
from wearkit.link.frames.frame import DeviceText, Frame, FrameDecoder, FrameFault, Segment
from wearkit.link.frames.from_device import (
    DeviceError,
    Feature,
    Hello,
    Prediction,
    SampleBlock,
    SampleFlag,
    Samples,
    SensorRegisters,
    Stats,
)
from wearkit.link.frames.hello_check import check_grid, check_sensor
from wearkit.link.frames.sequence import FrameSequencer, PlacedFrame, within_rails
from wearkit.link.header import StreamHeader, UnitChoice
from wearkit.link.ledger import Ledger
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample, Reason, SampleRun, Stretch
from wearkit.units import Unit

MAX_WAITING_SAMPLES = 1000  # before the first HELLO, which comes after two seconds at the latest
_MAX_PREDICTIONS = 1024
_KEPT_TEXT_LINES = 100
_NO_ANSWER = SensorRegisters(0, 0, 0, 0)  # what wk_app_send_hello says of a silent bus
_IN_COUNTS = UnitChoice(Unit.COUNTS, "as all frames carry them")


@dataclass(slots=True)
class FrameTally:
    """What came in frames. lost: frames that the device numbered and that did not come whole.

    samples = the steps given + duplicate_samples + unaligned_samples + samples that wait for a
    HELLO. conflicts: frames that contradict an earlier one about the same sample. overruns,
    bus_errors: frames whose flags say so. text_lines: the device's own words between frames.
    """

    hellos: int = 0
    sample_frames: int = 0
    samples: int = 0
    predictions: int = 0
    stats: int = 0
    errors: int = 0
    others: int = 0
    unknown: int = 0
    lost: int = 0
    boots: int = 0
    unaligned_samples: int = 0
    duplicate_samples: int = 0
    conflicts: int = 0
    overruns: int = 0
    bus_errors: int = 0
    text_lines: int = 0

    @property
    def whole(self) -> int:
        """Good frames of a known type."""
        beside_samples = self.hellos + self.predictions + self.stats + self.errors + self.others
        return self.sample_frames + beside_samples


class FrameStream:
    """Frames that come before the first HELLO wait, and are then used like the others.

    hello, stats: the newest. header, choice: by the first HELLO. device_text: the last lines of
    text that came between frames.
    sample_messages: SAMPLES frames, which is what shows that a device is alive and well.
    Memory: MAX_WAITING_SAMPLES, _MAX_PREDICTIONS predictions and _KEPT_TEXT_LINES lines.
    """

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self.decoder = FrameDecoder()
        self.ledger = Ledger()
        self.tally = FrameTally()
        self.hello: Hello | None = None
        self.stats: Stats | None = None
        self.header: StreamHeader | None = None
        self.choice: UnitChoice | None = None
        self.sample_messages = 0
        self.device_text: deque[str] = deque(maxlen=_KEPT_TEXT_LINES)
        self._error_text = ""
        self._predictions: deque[Prediction] = deque(maxlen=_MAX_PREDICTIONS)
        self._dropped: deque[int] = deque(maxlen=_MAX_PREDICTIONS)
        self._waiting: list[tuple[Samples, Segment]] = []
        self._waiting_samples = 0
        self._sequencer: FrameSequencer | None = None
        self._seq: int | None = None
        # Frames lost before a run that began unannounced, None when there is none such since the
        # last HELLO: only the next one's boot id tells whether the numbers went on or began again.
        self._lost_before_run: int | None = None
        self._foreign = ForeignFrames()
        self._opened_s: float | None = None
        self._kept: list[Stretch] = []  # what a refused chunk held before the fault

    @property
    def device_error(self) -> str:
        """Why the device sends no samples, where it says so."""
        if self._error_text:
            return self._error_text
        if self.hello is not None and not self.hello.features & Feature.SAMPLES:
            return "its HELLO says that it sends none"
        return ""

    @property
    def device_errors(self) -> int:
        """How many ERROR frames came."""
        return self.tally.errors

    @property
    def axes(self) -> AxisMap:
        """The axes in use, which HELLO says."""
        return SAME_AXES if self.hello is None else self.hello.axes

    @property
    def pending_bytes(self) -> int:
        """Held and not booked yet: a piece without its zero, and frames that wait for a HELLO."""
        return self.decoder.tail_bytes + sum(segment.size_bytes for _, segment in self._waiting)

    @property
    def pending_messages(self) -> int:
        """Frames that wait for a HELLO."""
        return len(self._waiting)

    def resume(self) -> None:
        """The port was opened again. The index, or the boot id of the next HELLO, tells whether
        the device went on."""
        self.ledger.ignore(self.decoder.finish(), is_whole=False)
        self._seq = self._opened_s = None

    def take_predictions(self) -> list[Prediction]:
        """What the device's model said since the last call, in order; the newest of very many."""
        predictions = list(self._predictions)
        self._predictions.clear()
        return predictions

    def take_dropped(self) -> list[int]:
        """Frames that the device could not send since it started, as each STATS said that came
        since the last call."""
        dropped = list(self._dropped)
        self._dropped.clear()
        return dropped

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[PlacedSample]:
        """As SampleStream.feed; `feed_runs`, one by one."""
        steps: list[PlacedSample] = []
        for stretch in self.feed_runs(chunk, arrival_s):
            steps += stretch.steps() if isinstance(stretch, SampleRun) else [stretch]
        return steps

    def feed_runs(self, chunk: bytes, arrival_s: float = 0.0) -> list[Stretch]:
        """The samples this chunk completes, in order.

        Raises DataError when the device is of another major version, not an ADXL345 at +-2 g,
        never says what it is, or contradicts itself or the user.
        """
        if self._opened_s is None:
            self._opened_s = arrival_s
        zeros = self.decoder.delimiter_bytes
        segments = self.decoder.feed(chunk, arrival_s)
        self.ledger.ignore(self.decoder.delimiter_bytes - zeros, is_whole=False)
        steps: list[Stretch] = []
        for position, segment in enumerate(segments):
            try:
                steps += self._take(segment)
            except DataError:
                self._kept = steps
                for unread in segments[position + 1 :]:
                    self.ledger.reject(Reason.UNDECIDED, unread.size_bytes)
                raise
        return steps

    def skip(self, chunk: bytes) -> None:
        """Only book bytes that came together with what was refused."""
        zeros = self.decoder.delimiter_bytes
        for segment in self.decoder.feed(chunk):
            self.ledger.reject(Reason.UNDECIDED, segment.size_bytes)
        self.ledger.ignore(self.decoder.delimiter_bytes - zeros, is_whole=False)

    def finish(self) -> list[PlacedSample]:
        """Close the accounts: what still waits for a HELLO is counted as undecided. The samples
        of a refused chunk that came before what was refused."""
        self.ledger.ignore(self.decoder.finish(), is_whole=False)
        for _, segment in self._waiting:
            self.ledger.reject(Reason.UNDECIDED, segment.size_bytes)
        self._waiting = []
        kept, self._kept = self._kept, []
        steps: list[PlacedSample] = []
        for stretch in kept:
            steps += stretch.steps() if isinstance(stretch, SampleRun) else [stretch]
        return steps

    def _take(self, segment: Segment) -> list[Stretch]:
        match segment.content:
            case Frame() as frame:
                return self._take_frame(frame, segment)
            case FrameFault() if self._is_settling(segment):
                self.ledger.ignore_noise(segment.size_bytes)
            case FrameFault() as fault:
                self.ledger.reject(fault, segment.size_bytes)
                if fault is FrameFault.MAJOR:
                    self._foreign.add(has_own=self._seq is not None)
            case DeviceText(text):
                self.ledger.ignore(segment.size_bytes)
                lines = [line for line in text.splitlines() if line.strip()]
                self.tally.text_lines += len(lines)
                self.device_text.extend(lines)
        return []

    def _is_settling(self, segment: Segment) -> bool:
        assert self._opened_s is not None
        return segment.arrival_s - self._opened_s < self._options.settle_s

    def _take_frame(self, frame: Frame, segment: Segment) -> list[Stretch]:
        try:
            if frame.type == Samples.TYPE:
                return self._take_samples(SampleBlock(frame.payload), frame.seq, segment)
            message = decode_message(frame)
        except ValueError:
            self.ledger.reject(FrameFault.VALUE, segment.size_bytes)
            return []
        if isinstance(message, Hello):
            self.ledger.accept(segment.size_bytes)
            return self._take_hello(message, frame.seq)
        self._count_lost(frame.seq)
        if message is None:
            self.tally.unknown += 1
            self.ledger.ignore(segment.size_bytes)
            return []
        self.ledger.accept(segment.size_bytes)
        if isinstance(message, Prediction):
            self.tally.predictions += 1
            self._predictions.append(message)
        elif isinstance(message, Stats):
            self.tally.stats += 1
            self.stats = message
            self._dropped.append(message.tx_dropped)
        elif isinstance(message, DeviceError):
            self.tally.errors += 1
            self._error_text = message.text or f"error {message.code}"
        else:
            self.tally.others += 1
        return []

    def _take_samples(self, block: SampleBlock, seq: int, segment: Segment) -> list[Stretch]:
        if not within_rails(block):
            self.ledger.reject(FrameFault.VALUE, segment.size_bytes)
            return []
        lost = self._count_lost(seq)
        self.sample_messages += 1
        self.tally.sample_frames += 1
        self.tally.samples += block.samples
        if block.flags:
            self.tally.overruns += bool(block.flags & SampleFlag.OVERRUN)
            self.tally.bus_errors += bool(block.flags & SampleFlag.BUS_ERROR)
        if self._sequencer is not None:
            run = self._sequencer.run(block, segment.arrival_s)
            if run is not None:
                self.ledger.accept(segment.size_bytes)
                return [run]
        samples = block.message()
        if self._sequencer is not None:
            placed = self._place(self._sequencer, samples, segment)
            if placed.began:
                self.tally.lost -= lost
                self._seq, self._lost_before_run = seq, lost
            return list(placed.steps)
        self._waiting.append((samples, segment))
        self._waiting_samples += len(samples.counts)
        if self._waiting_samples > MAX_WAITING_SAMPLES:
            raise DataError(
                f"The device sent {self._waiting_samples} samples and no HELLO, so nobody knows "
                "what they are: send a HELLO every two seconds."
            )
        return []

    def _place(self, sequencer: FrameSequencer, samples: Samples, segment: Segment) -> PlacedFrame:
        placed = sequencer.place(samples, segment.arrival_s)
        self.tally.unaligned_samples += placed.unaligned
        self.tally.duplicate_samples += placed.repeated
        self.tally.conflicts += placed.conflicts
        if placed.is_duplicate:
            self.ledger.reject(Reason.DUPLICATE, segment.size_bytes)
        else:
            self.ledger.accept(segment.size_bytes)
        return placed

    def _take_hello(self, hello: Hello, seq: int) -> list[Stretch]:
        self.tally.hellos += 1
        known = self.hello
        if known is not None and hello.registers == _NO_ANSWER:
            hello = replace(hello, registers=known.registers)
        if known is None:
            check_sensor(hello, self._options)
            self._sequencer = FrameSequencer(hello)
            self.header, self.choice = hello.header, _IN_COUNTS
        elif _measures(hello) != _measures(known):
            raise DataError("The device changed what it measures: start live again.")
        if self._options.model is not None:
            check_grid(hello, self._options.model)
        self._follow_boot(is_new=known is not None and hello.boot_id != known.boot_id, seq=seq)
        self.hello = hello
        waiting, self._waiting, self._waiting_samples = self._waiting, [], 0
        steps: list[Stretch] = []
        for samples, segment in waiting:
            assert self._sequencer is not None
            steps += self._place(self._sequencer, samples, segment).steps
        return steps

    def _follow_boot(self, *, is_new: bool, seq: int) -> None:
        lost_before_run, self._lost_before_run = self._lost_before_run, None
        if not is_new:
            self.tally.lost += lost_before_run or 0
        else:
            self.tally.boots += 1
            if lost_before_run is None:
                assert self._sequencer is not None
                self._sequencer.restart()
                self._seq = seq
        self._count_lost(seq)

    def _count_lost(self, seq: int) -> int:
        """How many are missing before a good frame. A step backwards is a repeated frame or a new
        start, not a loss."""
        lost = 0 if self._seq is None else (seq - self._seq - 1) % 0x10000
        if lost >= 0x8000:
            return 0
        self.tally.lost += lost
        self._seq = seq
        return lost


def _measures(hello: Hello) -> tuple[object, ...]:
    """What the meaning of the counts and the grid of windows hang on."""
    registers = hello.registers
    sensor = (registers.devid, registers.bw_rate, registers.data_format)
    return (*sensor, hello.axes, hello.lsb_per_g, hello.window, hello.hop)
