"""FrameStream: what becomes of the samples in frames, and of everything that can go wrong."""

from __future__ import annotations

import itertools
import random
import zlib
from dataclasses import replace

import pytest

from wearkit.errors import DataError
from wearkit.link.axes import AxisMap
from wearkit.link.frames import cobs
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.frame import encode_frame
from wearkit.link.frames.from_device import (
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    SampleFlag,
    Samples,
    SensorRegisters,
    Stats,
)
from wearkit.link.frames.from_host import Ping
from wearkit.link.frames.stream import MAX_WAITING_SAMPLES, FrameStream
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.stream import AutoStream
from wearkit.units import Unit

OPTIONS = StreamOptions(rate_hz=50.0)
HELLO = Hello(boot_id=1, features=Feature.SAMPLES)
WRAP = 1 << 32


def counts(index: int) -> tuple[int, int, int]:
    return (index % 500, -(index % 300), 256)


def samples(first: int, n: int = 10, *, flags: int = 0, period_us: int = 20_000) -> Samples:
    stamp = (first + n - 1) * period_us
    return Samples(first % WRAP, stamp % WRAP, tuple(counts(first + at) for at in range(n)), flags)


class Device:
    """Encodes with the sequence number that follows."""

    def __init__(self) -> None:
        self.seq = 0

    def say(self, *messages: Message) -> bytes:
        data = b""
        for message in messages:
            data += encode_message(message, self.seq)
            self.seq += 1
        return data


def fed(data: bytes, options: StreamOptions = OPTIONS) -> tuple[FrameStream, list[PlacedSample]]:
    stream = FrameStream(options)
    steps = stream.feed(data)
    steps += stream.finish()
    ledger = stream.ledger
    assert ledger.bytes_total == stream.decoder.received_bytes == len(data)
    return stream, steps


def indices(steps: list[PlacedSample]) -> list[int | None]:
    return [step.sample.index for step in steps]


def test_samples_come_with_index_stamp_and_counts() -> None:
    stream, steps = fed(Device().say(HELLO, samples(0), samples(10, 25), samples(35, 1)))
    assert indices(steps) == list(range(36))
    assert [step.sample.t_us for step in steps] == [20_000 * at for at in range(36)]
    assert [step.sample.counts for step in steps] == [counts(at) for at in range(36)]
    assert not any(step.missing or step.restarted for step in steps)
    assert (stream.tally.samples, stream.tally.lost, stream.sample_messages) == (36, 0, 3)


def test_stamps_between_are_even_at_the_sensors_own_rate() -> None:
    _, steps = fed(Device().say(HELLO, *(samples(k, period_us=20_300) for k in (0, 10, 20))))
    assert [step.sample.t_us for step in steps][9:] == [20_300 * at for at in range(9, 30)]


def test_samples_before_the_hello_wait_for_it() -> None:
    stream = FrameStream(OPTIONS)
    device = Device()
    assert stream.feed(device.say(samples(0), samples(10))) == []
    assert indices(stream.feed(device.say(HELLO))) == list(range(20))
    assert (stream.tally.lost, stream.ledger.bytes_total) == (0, stream.decoder.received_bytes)


def test_without_a_hello_nothing_is_believed() -> None:
    device = Device()
    stream = FrameStream(OPTIONS)
    with pytest.raises(DataError, match="no HELLO"):
        for first in range(0, MAX_WAITING_SAMPLES + 10, 10):
            assert stream.feed(device.say(samples(first))) == []
    stream.finish()
    assert set(stream.ledger.rejected) == {"undecided"}
    assert stream.ledger.bytes_total == stream.decoder.received_bytes


def test_joined_in_mid_stream_it_begins_on_the_devices_grid() -> None:
    stream, steps = fed(Device().say(HELLO, samples(1230), samples(1240), samples(1250, 30)))
    assert indices(steps) == list(range(1260, 1280))
    assert (stream.tally.unaligned_samples, steps[0].missing, steps[0].restarted) == (30, 0, False)


def test_a_gap_is_exact_whether_the_link_or_the_device_lost_it() -> None:
    device = Device()
    data = device.say(HELLO, samples(0))
    device.say(samples(10), samples(20))
    data += device.say(samples(30), samples(47, flags=SampleFlag.OVERRUN))
    stream, steps = fed(data)
    assert [(step.sample.index, step.missing) for step in steps if step.missing] == [
        (30, 20),
        (47, 7),
    ]
    assert (stream.tally.lost, stream.tally.overruns) == (2, 1)


@pytest.mark.parametrize("repeat", [1, 3])
def test_a_repeated_frame_is_a_duplicate(repeat: int) -> None:
    device = Device()
    first = device.say(HELLO, samples(0))
    twice = device.say(samples(10))
    stream, steps = fed(first + twice * (1 + repeat) + device.say(samples(20)))
    assert indices(steps) == list(range(30))
    assert stream.ledger.rejected == {"duplicate": repeat}
    assert (stream.tally.duplicate_samples, stream.tally.lost) == (10 * repeat, 0)


def test_an_overlapping_frame_gives_its_new_part() -> None:
    stream, steps = fed(Device().say(HELLO, samples(0), samples(5)))
    assert indices(steps) == list(range(15))
    assert [step.sample.t_us for step in steps] == [20_000 * at for at in range(15)]
    assert stream.tally.duplicate_samples == 5
    assert not any(step.missing for step in steps)


def test_another_boot_id_is_a_restart() -> None:
    device = Device()
    data = device.say(HELLO, samples(0), samples(10))
    device.seq = 0
    data += device.say(replace(HELLO, boot_id=2), samples(0), samples(10))
    stream, steps = fed(data)
    assert indices(steps) == [*range(20), *range(20)]
    assert [at for at, step in enumerate(steps) if step.restarted] == [20]
    assert (stream.tally.boots, stream.tally.lost) == (1, 0)


@pytest.mark.parametrize("first", [0, 60, 4000])
def test_a_restart_shows_without_its_hello(first: int) -> None:
    device = Device()
    data = device.say(HELLO, *(samples(at) for at in range(4980, 5200, 10)))
    device.seq = 1
    data += device.say(*(samples(first + at, 30) for at in (0, 30, 60)))
    stream, steps = fed(data)
    (at,) = [at for at, step in enumerate(steps) if step.restarted]
    begins = -(-first // 60) * 60
    assert indices(steps)[at:] == list(range(begins, first + 90))
    assert (stream.tally.lost, stream.tally.boots, stream.tally.conflicts) == (0, 0, 0)
    device.seq += 2
    stream.feed(device.say(samples(first + 90)))
    assert stream.tally.lost == 2


@pytest.mark.parametrize("before", [40_000, 65_530])
@pytest.mark.parametrize("hello_is_lost", [False, True])
def test_a_reset_is_one_restart_and_no_lost_frame(before: int, hello_is_lost: bool) -> None:
    device = Device()
    device.seq = before
    data = device.say(HELLO, *(samples(at) for at in range(0, 300, 10)))
    device.seq = int(hello_is_lost)
    again = replace(HELLO, boot_id=2)
    data += device.say(
        *([] if hello_is_lost else [again]), *(samples(at) for at in range(0, 80, 10))
    )
    device.seq += 1  # one frame of the new boot is lost, and counts
    data += device.say(again, *(samples(at) for at in range(90, 120, 10)))
    stream, steps = fed(data)
    assert indices(steps) == [*range(300), *range(80), *range(90, 120)]
    assert [at for at, step in enumerate(steps) if step.restarted] == [300]
    assert (stream.tally.boots, stream.tally.lost) == (1, 1)


def test_frames_lost_before_a_new_run_of_the_same_boot_count() -> None:
    device = Device()
    data = device.say(HELLO, *(samples(at) for at in range(4980, 5180, 10)))
    device.seq += 3
    data += device.say(samples(0, period_us=10**6), samples(10, period_us=10**6), HELLO)
    stream, steps = fed(data)
    assert [at for at, step in enumerate(steps) if step.restarted] == [200]
    assert (stream.tally.boots, stream.tally.lost) == (0, 3)


def test_other_counts_for_a_known_index_are_a_conflict_and_end_the_run() -> None:
    device = Device()
    other = replace(samples(60), counts=((7, 7, 7),) * 10)
    stream, steps = fed(
        device.say(HELLO, samples(0, 32), samples(32, 32), samples(64), other, samples(70))
    )
    assert stream.tally.conflicts == 1
    assert indices(steps) == [*range(74), *range(60, 80)]
    assert steps[74].restarted


def test_a_clock_that_runs_backwards_is_a_restart() -> None:
    device = Device()
    late = replace(samples(10), t_us=5)
    _, steps = fed(device.say(HELLO, samples(0), late, *(samples(at) for at in range(20, 90, 10))))
    assert indices(steps)[:12] == [*range(10), 60, 61]
    assert steps[10].restarted


def test_a_leap_of_more_than_a_gap_is_a_restart() -> None:
    _, steps = fed(Device().say(HELLO, samples(0), samples(120_000)))
    assert (steps[10].restarted, steps[10].missing) == (True, 0)
    _, steps = fed(Device().say(HELLO, samples(0), samples(60_000)))
    assert (steps[10].restarted, steps[10].missing) == (False, 59_990)


def test_counters_wrap_without_a_gap() -> None:
    device = Device()
    device.seq = 65_533
    start = (WRAP // 60) * 60 - 60
    frames = [samples(first) for first in range(start, start + 200, 10)]
    stream, steps = fed(device.say(HELLO, *frames))
    assert indices(steps) == list(range(start, start + 200))
    assert not any(step.missing or step.restarted for step in steps)
    stamps = [step.sample.t_us for step in steps]
    assert all(b - a == 20_000 for a, b in itertools.pairwise(stamps) if a and b)
    assert stream.tally.lost == 0


def test_axes_are_the_models() -> None:
    hello = replace(HELLO, axes=AxisMap((1, 0, 2), (-1, 1, -1)))
    _, steps = fed(Device().say(hello, Samples(0, 0, ((1, 2, 3), (4, -512, 511)))))
    assert [step.sample.counts for step in steps] == [(-2, 1, -3), (511, 4, -511)]


def test_counts_past_the_rails_are_no_samples() -> None:
    past = (Samples(10, 0, ((0, 0, 512),)), Samples(11, 0, ((0, -513, 0),)))
    stream, steps = fed(Device().say(HELLO, samples(0), *past, samples(12)))
    assert stream.ledger.rejected == {"value": 2}
    assert [step.missing for step in steps if step.missing] == [2]


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (replace(HELLO, registers=SensorRegisters(devid=0x72)), "0x72"),
        *(
            (replace(HELLO, registers=SensorRegisters(data_format=wide)), f"0x{wide:02X}")
            for wide in (0x09, 0x0A, 0x0B)
        ),
        (replace(HELLO, registers=SensorRegisters(data_format=0x0C)), "right-justified"),
        (replace(HELLO, registers=SensorRegisters(data_format=0x88)), "self-test"),
    ],
)
def test_a_sensor_that_models_are_not_made_for_is_refused(hello: Hello, why: str) -> None:
    with pytest.raises(DataError, match=why):
        FrameStream(OPTIONS).feed(Device().say(hello))


def test_what_the_user_said_must_fit_frames() -> None:
    data = Device().say(HELLO)
    with pytest.raises(DataError, match="--units"):
        FrameStream(replace(OPTIONS, unit=Unit.G)).feed(data)
    with pytest.raises(DataError, match="--fields"):
        FrameStream(replace(OPTIONS, fields=("x", "y", "z"))).feed(data)
    assert FrameStream(replace(OPTIONS, unit=Unit.COUNTS)).feed(data) == []


def test_a_device_that_changes_what_it_measures_is_refused() -> None:
    stream = FrameStream(OPTIONS)
    device = Device()
    stream.feed(device.say(HELLO, HELLO))
    with pytest.raises(DataError, match="changed"):
        stream.feed(device.say(replace(HELLO, hop=50)) + device.say(samples(0)))
    stream.finish()
    assert stream.ledger.bytes_total == stream.decoder.received_bytes
    assert stream.ledger.rejected == {"undecided": 1}


def test_another_major_version_ends_it_but_one_odd_frame_does_not() -> None:
    def foreign() -> bytes:
        frame = bytes((2, 1, 0, 0))
        return b"\0" + cobs.encode(frame + zlib.crc32(frame).to_bytes(4, "little")) + b"\0"

    stream = FrameStream(OPTIONS)
    stream.feed(foreign())
    with pytest.raises(DataError, match="major"):
        stream.feed(foreign())
    _, steps = fed(foreign() + Device().say(HELLO, samples(0)) + foreign() * 3)
    assert len(steps) == 10


def test_everything_else_a_device_says_is_kept() -> None:
    prediction = Prediction(0, 5, bytes(8), 1, (HeadLogits(0.5, 0, (1, 2)),))
    device = Device()
    data = device.say(HELLO, prediction, Stats(1, 2), DeviceError(3, "sensor gone"))
    data += (
        b"hello world\r\nsecond line\n" + device.say(Ping(1)) + encode_frame(0x33, device.seq, b"?")
    )
    device.seq += 1
    stream, _ = fed(data + device.say(samples(0)))
    assert stream.take_predictions() == [prediction]
    assert stream.take_predictions() == []
    assert stream.stats == Stats(1, 2)
    assert stream.device_error == "sensor gone"
    assert list(stream.device_text) == ["hello world", "second line"]
    tally = stream.tally
    assert (tally.hellos, tally.predictions, tally.stats, tally.errors) == (1, 1, 1, 1)
    assert (tally.others, tally.unknown, tally.text_lines, tally.lost) == (1, 1, 2, 0)
    assert stream.ledger.messages == 8
    assert stream.ledger.messages_ok == 6


def test_a_device_that_sends_no_samples_says_so() -> None:
    stream, _ = fed(Device().say(replace(HELLO, features=Feature.PREDICTIONS)))
    assert "sends none" in stream.device_error


def test_it_survives_any_bytes_and_books_every_one() -> None:
    source = random.Random(5)
    device = Device()
    stock = [device.say(message) for message in (HELLO, samples(0), samples(10), Stats(1, 2))]
    for _ in range(1500):
        data = bytearray(b"".join(source.choices(stock, k=source.randrange(1, 8))))
        for _ in range(source.randrange(6)):
            at = source.randrange(len(data) + 1)
            data[at : at + source.randrange(5)] = source.randbytes(source.randrange(5))
        stream = AutoStream(OPTIONS) if source.random() < 0.5 else FrameStream(OPTIONS)
        for start in range(0, len(data), 40):
            stream.feed(bytes(data[start : start + 40]))
        stream.finish()
        assert stream.ledger.bytes_total == stream.decoder.received_bytes == len(data)
