"""Text or frames: found out from the bytes alone, however they are cut."""

from __future__ import annotations

import random

import pytest

from wearkit.errors import DataError
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples, SensorRegisters, Stats
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.stream import AutoStream
from wearkit.units import Unit

OPTIONS = StreamOptions(rate_hz=50.0)
HELLO = Hello(boot_id=1, features=Feature.SAMPLES)
HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z\n"


def frames(count: int, first_seq: int = 0) -> bytes:
    """HELLO and then `count` frames of ten samples that begin with a line end in the making."""
    sent: list[Message] = [
        HELLO,
        *(Samples(10 * k, 10 * k, ((10, 13, 10),) * 10) for k in range(count)),
    ]
    return b"".join(encode_message(message, seq) for seq, message in enumerate(sent, first_seq))


def lines(count: int) -> bytes:
    return b"".join(b"%d,%d,1,2,256\n" % (k, 20_000 * k) for k in range(count))


def played(
    data: bytes, size: int, options: StreamOptions = OPTIONS
) -> tuple[AutoStream, list[PlacedSample]]:
    stream = AutoStream(options)
    steps: list[PlacedSample] = []
    for start in range(0, len(data), size):
        steps += stream.feed(data[start : start + size])
    steps += stream.finish()
    assert stream.decoder.received_bytes == stream.ledger.bytes_total == len(data)
    return stream, steps


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize(
    ("data", "is_binary", "samples"),
    [
        (frames(3), True, 30),
        (frames(1), True, 10),
        (frames(0), True, 0),
        (b"ets Jun  8 2016\r\nboot: 1,2,3\r\n" + frames(3), True, 30),
        (b"\x93\xff\x00\x11" * 20 + frames(3), True, 30),
        (HEADER + lines(40), False, 40),
        (HEADER + lines(2) + frames(9), False, 2),
        (b"\x00\xff\x00\n" + HEADER + lines(40), False, 40),
        (frames(0) + b"\n" + HEADER + lines(40), False, 40),
        (HEADER + frames(3), False, 0),
        (lines(200) + frames(9), False, 200),
        (lines(3) + frames(0), False, 0),
        (b"", False, 0),
        (b"nothing of ours\n" * 30, False, 0),
    ],
)
def test_the_kind_is_found(data: bytes, is_binary: bool, samples: int, size: int) -> None:
    stream, steps = played(data, size)
    assert (stream.is_binary, len(steps)) == (is_binary, samples)
    assert (stream.tally is not None) == is_binary
    assert (stream.hello is not None) == is_binary


def test_without_a_header_text_is_text_once_its_columns_and_unit_are_known() -> None:
    stream, steps = played(lines(19) + frames(0) + lines(200)[len(lines(19)) :], 33)
    assert stream.is_binary is False
    assert len(steps) > 100
    options = StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=("index", "t_us", "x", "y", "z"))
    assert played(lines(3), 5, options)[0].is_binary is False


def test_nothing_is_known_after_one_frame() -> None:
    stream = AutoStream(OPTIONS)
    data = frames(1)
    first = data.index(b"\0\0") + 1
    assert stream.feed(data[:first]) == []
    assert (stream.is_binary, stream.sample_messages, stream.tally) == (None, 0, None)
    assert len(stream.feed(data[first:])) == 10
    assert stream.is_binary
    assert (stream.sample_messages, stream.device_error) == (1, "")
    assert stream.header is not None and stream.header.rate_hz == 50.0
    assert stream.choice is not None and stream.choice.unit is Unit.COUNTS


def test_a_first_frame_that_is_refused_is_booked() -> None:
    wrong = Hello(boot_id=1, registers=SensorRegisters(devid=0))
    data = b"boot\n" + encode_message(wrong, 0) + encode_message(Stats(1, 2), 1)
    stream = AutoStream(OPTIONS)
    with pytest.raises(DataError, match="0x00"):
        stream.feed(data)
    stream.finish()
    assert stream.is_binary
    assert stream.ledger.bytes_total == stream.decoder.received_bytes == len(data)


@pytest.mark.parametrize("data", [frames(2), HEADER + lines(60)])
def test_samples_carry_the_arrival_of_the_chunk_that_ended_them(data: bytes) -> None:
    stream = AutoStream(OPTIONS)
    ends = data.index(data[-1:], len(data) // 2) + 1
    steps = stream.feed(data[:ends], 7.0)
    early = len(steps)
    steps += stream.feed(data[ends:], 9.0)
    assert 0 < early < len(steps)
    # The first line waits for the second, whose arrival it does not take.
    assert [step.sample.arrival_s for step in steps] == [7.0] * early + [9.0] * (len(steps) - early)


@pytest.mark.parametrize(
    ("before", "torn", "after", "samples"),
    [
        (b"", frames(2)[:9], frames(2), 20),
        (frames(2), frames(2)[:9], frames(2), 20),
        (HEADER + lines(3), b"3,60", b"3,60000,1,2,256\n", 4),
    ],
)
def test_what_was_torn_by_a_reopening_is_not_joined_to_what_comes(
    before: bytes, torn: bytes, after: bytes, samples: int
) -> None:
    stream = AutoStream(OPTIONS)
    steps = stream.feed(before + torn)
    stream.resume()
    steps += stream.feed(after)
    stream.finish()
    assert len(steps) == samples
    assert set(stream.ledger.rejected) <= {"duplicate"}
    assert stream.ledger.bytes_total == len(before + torn + after)


def test_what_comes_out_does_not_hang_on_the_chunks() -> None:
    source = random.Random(6)
    parts = [frames(2), lines(3), HEADER, b"\0", b"\n", b"\xff", frames(1)[:40], lines(25)]
    for _ in range(300):
        data = b"".join(source.choices(parts, k=source.randrange(1, 8)))
        outcomes = []
        for size in (1, 17, len(data)):
            try:
                stream, steps = played(data, size)
            except DataError as error:
                outcomes.append(str(error))
            else:
                outcomes.append(repr((stream.is_binary, vars(stream.ledger), steps)))
        assert len(set(outcomes)) == 1
