"""A wearable on a bad line, and the truth about what came through, for link_soak.py.

`transmissions` numbers, stamps and frames a day of counts as docs/protocol.md says, starts again
now and then, and harms what it sends. `Truth` is told nothing by the code under test: it looks at
the bytes that were handed over, between zeros, and knows a frame that came whole by its bytes.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import (
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    SampleFlag,
    Samples,
    Stats,
)
from wearkit.spec import DEFAULT_SPEC

WRAP = 1 << 32
HOP, LENGTH = DEFAULT_SPEC.hop, DEFAULT_SPEC.length
PER_FRAME = 10
HELLO_EVERY, STATS_EVERY = 10, 25  # frames of samples: 2 s and 5 s
BATCH = 10  # frames of samples that are sent together
DEVICE_HZ = 49.26  # 1.48 % slow, as a real ADXL345 was measured to be
POLL_US = 5000  # the watermark is seen up to this late
LOST_ALONE, LOST_IN_A_ROW, LONGEST_ROW = 0.0079, 0.0002, 20  # 1 % of all frames together
HARMED = 0.001
# The first boot is found so close to the ends of its counters that each wraps within minutes.
# 2^32 - 16 is a multiple of the hop.
FIRST_SEQ, FIRST_INDEX, FIRST_US = 65_536 - 500, WRAP - 16 - 6000, WRAP - 60_000_000
_TEXT = re.compile(rb"[\x20-\x7e\t\r\n]+")

Counts = NDArray[np.int16]
Answer = Callable[[int], tuple[HeadLogits, ...]]


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of the device. first, end: of the day's samples; the rest: where it counts from."""

    number: int
    first: int
    end: int
    index: int = 0
    seq: int = 0
    t_us: int = 0

    @property
    def window_starts(self) -> range:
        """In samples of the day."""
        return range(self.first, self.end - LENGTH + 1, HOP)


def boots(samples: int, resets: int, dice: random.Random) -> list[Boot]:
    """A day that is reset `resets` times, at any sample after the first counters wrapped."""
    at = sorted(dice.sample(range(min(9000, samples // 2), samples), resets))
    first = Boot(0, 0, [*at, samples][0], FIRST_INDEX, FIRST_SEQ, FIRST_US)
    spans = zip(at, [*at[1:], samples], strict=True)
    return [first, *(Boot(number, *span) for number, span in enumerate(spans, 1))]


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame as the device made it. seq: of its boot, not wrapped. samples: of the day. window:
    the day's sample at which the window of a PREDICTION begins."""

    boot: int
    seq: int
    type: type[Message]
    wire: bytes
    samples: range = range(0)
    window: int | None = None


class Device:
    """One boot: which frames it sends for each ten samples."""

    def __init__(self, boot: Boot, counts: Counts, answer: Answer | None, model_id: bytes) -> None:
        self._boot, self._counts, self._answer, self._model_id = boot, counts, answer, model_id
        self.seq = boot.seq
        features = Feature.SAMPLES | (Feature.PREDICTIONS if answer else 0)
        classes = tuple(len(head.logits) for head in answer(0)) if answer else ()
        self._hello = Hello(
            boot_id=boot.number + 1, features=features, model_id=model_id, classes=classes
        )

    def frames(self, number: int, late_us: int) -> list[Sent]:
        """What it sends when its `number`th ten samples are there."""
        boot = self._boot
        at = boot.first + number * PER_FRAME
        taken = (number + 1) * PER_FRAME
        elapsed_us = round(taken / DEVICE_HZ * 1e6)
        sent: list[Sent] = []
        if number % HELLO_EVERY == 0:
            sent.append(self._sent(self._hello))
        if (number + 1) % STATS_EVERY == 0:
            sent.append(self._sent(Stats(elapsed_us // 1000, (boot.index + taken) % WRAP)))
        rows = self._counts[at : at + PER_FRAME]
        at_rail = rows.min() <= COUNT_MIN or rows.max() >= COUNT_MAX
        samples = Samples(
            (boot.index + taken - PER_FRAME) % WRAP,
            (boot.t_us + elapsed_us + late_us) % WRAP,
            tuple((x, y, z) for x, y, z in rows.tolist()),
            SampleFlag.RAIL if at_rail else 0,
        )
        sent.append(self._sent(samples, samples=range(at, at + PER_FRAME)))
        start = taken - LENGTH
        if self._answer is not None and start >= 0 and start % HOP == 0:
            window = boot.first + start
            crc = window_crc(self._counts[window : window + LENGTH])
            index = (boot.index + start) % WRAP
            said = Prediction(index, crc, self._model_id, 8000, self._answer(window))
            sent.append(self._sent(said, window=window))
        return sent

    def _sent(
        self, message: Message, *, samples: range = range(0), window: int | None = None
    ) -> Sent:
        wire = encode_message(message, self.seq)
        self.seq += 1
        return Sent(self._boot.number, self.seq - 1, type(message), wire, samples, window)


def transmissions(
    all_boots: list[Boot],
    counts: Counts,
    answer: Answer | None,
    model_id: bytes,
    dice: random.Random,
    done: Counter[str],
) -> Iterator[tuple[list[Sent], bytes, float]]:
    """(frames, what is left of them on the wire, when) in order. done: what was done to them."""
    line = _Line(dice, done)
    for boot in all_boots:
        device = Device(boot, counts, answer, model_id)
        ten = (boot.end - boot.first) // PER_FRAME
        for number in range(0, ten, BATCH):
            some = range(number, min(number + BATCH, ten))
            frames = [sent for one in some for sent in device.frames(one, dice.randrange(POLL_US))]
            wire = line.carry(frames, is_last=some.stop == ten and boot is not all_boots[-1])
            yield frames, wire, (boot.first + some.stop * PER_FRAME) / DEVICE_HZ
        done["seq wraps"] += device.seq // (1 << 16)
        done["index wraps"] += (boot.index + ten * PER_FRAME) // WRAP
        done["clock wraps"] += int(boot.t_us + ten * PER_FRAME / DEVICE_HZ * 1e6) // WRAP


class _Line:
    def __init__(self, dice: random.Random, done: Counter[str]) -> None:
        self._dice, self._done = dice, done
        self._still_lost = 0

    def carry(self, frames: list[Sent], *, is_last: bool) -> bytes:
        """is_last: the device is reset while it sends the last of them."""
        wires: list[bytes] = []
        for frame in frames:
            self._done["frames"] += 1
            wires.append(b"" if self._is_lost() else frame.wire)
        for at, wire in enumerate(wires):
            if wire and self._dice.random() < HARMED:
                self._harm(wires, at)
        if is_last:
            self._done["reset"] += 1
            wires[-1] = (
                wires[-1][: self._dice.randrange(len(frames[-1].wire))] + b"\r\nboot: ok\r\n"
            )
        return b"".join(wires)

    def _is_lost(self) -> bool:
        if not self._still_lost:
            draw = self._dice.random()
            if draw < LOST_ALONE:
                self._still_lost = 1
            elif draw < LOST_ALONE + LOST_IN_A_ROW:
                self._still_lost = self._dice.randint(1, LONGEST_ROW)
        if not self._still_lost:
            return False
        self._still_lost -= 1
        self._done["lost"] += 1
        return True

    def _harm(self, wires: list[bytes], at: int) -> None:
        """In one of the ways of which the decoder's own bench does ten million each."""
        how = self._dice.choice((*_HARMS, "zeros between two lost"))
        self._done["harmed"] += 1
        self._done[how] += 1
        if how in _HARMS:
            wires[at] = _HARMS[how](wires[at], self._dice)
            return
        wires[at] = wires[at].rstrip(b"\0")
        following = next((later for later in range(at + 1, len(wires)) if wires[later]), None)
        if following is not None:
            wires[following] = wires[following].lstrip(b"\0")


def _flipped(bits: int) -> Callable[[bytes, random.Random], bytes]:
    def harm(wire: bytes, dice: random.Random) -> bytes:
        flips = sum(1 << bit for bit in dice.sample(range(8 * len(wire)), bits))
        return (int.from_bytes(wire, "little") ^ flips).to_bytes(len(wire), "little")

    return harm


def _burst(wire: bytes, dice: random.Random) -> bytes:
    size = dice.randint(2, 16)
    pattern = 1 | (1 << size - 1) | dice.getrandbits(size)
    flips = pattern << dice.randrange(8 * len(wire) - size)
    return (int.from_bytes(wire, "little") ^ flips).to_bytes(len(wire), "little")


def _with(cut: int, put: int) -> Callable[[bytes, random.Random], bytes]:
    """`cut` bytes taken out somewhere, `put` random ones in their place."""

    def harm(wire: bytes, dice: random.Random) -> bytes:
        at = dice.randrange(len(wire) - cut)
        return wire[:at] + dice.randbytes(put) + wire[at + cut :]

    return harm


_HARMS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    **{f"{bits} bits flipped": _flipped(bits) for bits in (1, 2, 3, 4)},
    "burst of 2 to 16 bits": _burst,
    "1 byte lost": _with(1, 0),
    "1 byte inserted": _with(0, 1),
    "8 random bytes": _with(8, 8),
    "random bytes": lambda wire, dice: dice.randbytes(len(wire)),
}


@dataclass(slots=True)
class _Arrived:
    """Of one boot. seq: of the first and of the last frame that came whole."""

    seq: tuple[int, int] | None = None
    frames: int = 0
    hellos: int = 0


@dataclass
class Truth:
    """came: the samples of the day that came whole. said: where a window begins of which the
    device's answer came."""

    boots: list[Boot]
    came: NDArray[np.bool_]
    said: NDArray[np.bool_]
    corrupt: int = 0
    text_lines: int = 0
    wire_bytes: int = 0
    arrived: list[_Arrived] = field(default_factory=list)
    _tail: bytes = b""
    _sent: dict[bytes, Sent] = field(default_factory=dict)
    _sent_before: dict[bytes, Sent] = field(default_factory=dict)

    @classmethod
    def of(cls, all_boots: list[Boot]) -> Truth:
        # Not zeros, whose pages the system hands out as they are written: memory is measured.
        came, said = (np.full(all_boots[-1].end, False) for _ in range(2))
        return cls(all_boots, came, said, arrived=[_Arrived() for _ in all_boots])

    def see(self, frames: list[Sent], wire: bytes) -> None:
        """frames, and what the line made of them."""
        self._sent_before, self._sent = self._sent, {one.wire[1:-1]: one for one in frames}
        self.wire_bytes += len(wire)
        *ended, self._tail = (self._tail + wire).split(b"\0")
        for between in filter(None, ended):
            whole = self._sent.pop(between, None) or self._sent_before.pop(between, None)
            if whole is not None:
                self._take(whole)
            elif _TEXT.fullmatch(between):
                self.text_lines += sum(bool(line.strip()) for line in between.splitlines())
            else:
                self.corrupt += 1

    def _take(self, frame: Sent) -> None:
        arrived = self.arrived[frame.boot]
        arrived.frames += 1
        arrived.seq = (arrived.seq[0] if arrived.seq else frame.seq, frame.seq)
        arrived.hellos += frame.type is Hello
        self.came[frame.samples.start : frame.samples.stop] = True
        if frame.window is not None:
            self.said[frame.window] = True

    def windows(self) -> list[int]:
        """Samples of the day at which a window begins of which every sample came."""
        found: list[int] = []
        for boot in self.boots:
            missing = np.concatenate([[0], np.cumsum(~self.came[boot.first : boot.end])])
            starts = np.asarray(boot.window_starts, dtype=np.intp)
            before = missing[starts - boot.first]
            found += starts[missing[starts - boot.first + LENGTH] == before].tolist()
        return found

    def lost_frames(self) -> int:
        """Those between two of the same boot that came: of others no reader can know."""
        return sum(
            one.seq[1] - one.seq[0] + 1 - one.frames for one in self.arrived if one.seq is not None
        )

    def figures(self, at_rail: NDArray[np.bool_]) -> dict[str, int]:
        """What a report must say. at_rail: samples of the day."""
        runs = [run for boot in self.boots if len(run := self._run(boot))]
        whole = self.windows()
        return {
            "bytes": self.wire_bytes,
            "frames lost": self.lost_frames(),
            "frames corrupt": self.corrupt,
            "lines of text": self.text_lines,
            "resets": len(runs) - 1,
            "boots named": sum(one.hellos > 0 for one in self.arrived) - 1,
            "samples": sum(len(run) for run in runs),
            "samples lost": sum(int(run[-1] - run[0]) + 1 - len(run) for run in runs),
            "gaps": sum(int(np.count_nonzero(np.diff(run) > 1)) for run in runs),
            "samples clipped": sum(int(np.count_nonzero(at_rail[run])) for run in runs),
            "windows": len(whole),
            "windows clipped": sum(bool(at_rail[at : at + LENGTH].any()) for at in whole),
            "predictions": int(np.count_nonzero(self.said)),
            "windows compared": int(np.count_nonzero(self.said[whole])),
        }

    def _run(self, boot: Boot) -> NDArray[np.intp]:
        """Its samples that came, from the first that begins a window: those before are left out."""
        came = boot.first + np.flatnonzero(self.came[boot.first : boot.end])
        begins = np.flatnonzero((came - boot.first) % HOP == 0)
        return came[begins[0] :] if len(begins) else came[:0]
