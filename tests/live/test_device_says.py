"""FrameStream: what a device says of itself, what it may not change, what a reopening forgets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.faults import Fault
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import (
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    Samples,
    SensorRegisters,
    Stats,
)
from wearkit.link.frames.stream import FrameStream
from wearkit.link.options import StreamOptions
from wearkit.units import Unit

OPTIONS = StreamOptions(rate_hz=50.0)
HELLO = Hello(boot_id=1, features=Feature.SAMPLES)


def wires(*messages: Message, seq: int = 0) -> bytes:
    return b"".join(encode_message(said, (seq + at) % 65536) for at, said in enumerate(messages))


def samples(first: int) -> Samples:
    return Samples(first, (first + 9) * 20_000, ((1, 2, 256),) * 10)


def test_damage_right_after_opening_is_noise_and_later_it_is_damage() -> None:
    broken = wires(samples(0))[:-6] + b"\0"
    stream = FrameStream(OPTIONS.joining(True))
    for arrival_s in (50.0, 52.9, 53.0, 55.9):
        stream.feed(broken, arrival_s)
    assert (stream.ledger.messages_noise, stream.ledger.rejected.total()) == (2, 2)
    stream.resume()
    stream.feed(broken, 90.0)
    stream.feed(broken, 93.1)
    assert (stream.ledger.messages_noise, stream.ledger.rejected.total()) == (3, 3)
    patient = FrameStream(OPTIONS)
    patient.feed(broken, 0.0)
    assert patient.ledger.messages_noise == 0


def test_frames_sent_while_the_port_was_closed_are_not_lost_on_the_way() -> None:
    stream = FrameStream(OPTIONS)
    stream.feed(wires(HELLO, samples(0)) + b"\7\7\7")
    stream.resume()
    assert stream.ledger.bytes_ignored >= 3
    stream.feed(wires(samples(50), samples(60), samples(80), seq=40)[:-60])
    assert stream.tally.lost == 0
    assert not stream.ledger.rejected


@pytest.mark.parametrize("kind", [Stats(1, 2), DeviceError(1, "x"), HELLO])
def test_every_kind_of_frame_shows_what_was_lost_before_it(kind: Message) -> None:
    stream = FrameStream(OPTIONS)
    stream.feed(wires(HELLO, samples(0)) + wires(kind, seq=5))
    assert stream.tally.lost == 3


def test_what_hello_says_is_the_header() -> None:
    low_power = SensorRegisters(bw_rate=0x19)
    hello = replace(HELLO, features=Feature.SAMPLES | Feature.SIMULATED, registers=low_power)
    stream = FrameStream(OPTIONS)
    stream.feed(wires(hello))
    assert stream.header is not None
    assert (stream.header.simulated, stream.header.rate_hz) == (True, 50.0)
    assert stream.axes == SAME_AXES


@pytest.mark.parametrize(
    "other",
    [
        replace(HELLO, axes=AxisMap((0, 1, 2), (-1, -1, 1))),
        replace(HELLO, lsb_per_g=(256, 256, 265)),
        replace(HELLO, window=120),
        replace(HELLO, hop=100),
        *(
            replace(HELLO, registers=registers)
            for registers in (
                SensorRegisters(devid=0xE6),
                SensorRegisters(bw_rate=0x0A),
                SensorRegisters(data_format=0x0B),
            )
        ),
    ],
)
def test_nothing_that_the_counts_mean_may_change(other: Hello) -> None:
    stream = FrameStream(OPTIONS)
    stream.feed(wires(HELLO, samples(0)))
    with pytest.raises(DataError, match="changed what it measures"):
        stream.feed(wires(other, seq=2))


@pytest.mark.parametrize(
    ("hello", "options", "fault"),
    [
        (replace(HELLO, registers=SensorRegisters(devid=0)), OPTIONS, Fault.BUS_FAULT),
        (replace(HELLO, registers=SensorRegisters(data_format=9)), OPTIONS, Fault.SCALE_FAULT),
        (HELLO, replace(OPTIONS, unit=Unit.MG), Fault.UNITS),
    ],
)
def test_a_refusal_has_its_code(hello: Hello, options: StreamOptions, fault: Fault) -> None:
    with pytest.raises(DataError) as caught:
        FrameStream(options).feed(wires(hello))
    assert caught.value.fault is fault


def test_an_error_without_words_is_its_number() -> None:
    stream = FrameStream(OPTIONS)
    stream.feed(wires(DeviceError(999, "")))
    assert stream.device_error == "error 999"


def test_predictions_wait_until_they_are_taken_and_text_does_not_grow() -> None:
    said = [
        Prediction(60 * k, 5, bytes(8), 1, (HeadLogits(0.5, 0, (k % 100, 2)),)) for k in range(50)
    ]
    stream = FrameStream(OPTIONS)
    stream.feed(wires(HELLO, *said))
    assert stream.take_predictions() == said
    stream.feed(b"".join(b"line %d\n" % k for k in range(300)) + b"\0")
    assert (len(stream.device_text), stream.tally.text_lines) == (100, 300)
    assert stream.device_text[-1] == "line 299"


def test_a_sensor_that_fell_silent_is_no_other_sensor() -> None:
    silent = replace(HELLO, registers=SensorRegisters(0, 0, 0, 0))
    again = replace(HELLO, boot_id=2)
    stream = FrameStream(OPTIONS)
    stream.feed(wires(HELLO, samples(0), silent, silent, again, samples(0)))

    assert (stream.tally.hellos, stream.tally.boots, stream.tally.lost) == (4, 1, 0)
    other = replace(HELLO, registers=SensorRegisters(bw_rate=0x0A))
    with pytest.raises(DataError, match="changed what it measures"):
        stream.feed(wires(other, seq=6))
    with pytest.raises(DataError, match="calls itself 0x00"):
        FrameStream(OPTIONS).feed(wires(silent))
