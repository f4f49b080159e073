"""Frames: stuffing, the checks, and where every byte goes."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable

import pytest

from wearkit.link.axes import AxisMap
from wearkit.link.frames import cobs
from wearkit.link.frames.codec import Message, decode_message, encode_message
from wearkit.link.frames.frame import (
    MAX_PAYLOAD_BYTES,
    MAX_TEXT_BYTES,
    DeviceText,
    Frame,
    FrameDecoder,
    FrameFault,
    FrameType,
    Segment,
    decode_frame,
    encode_frame,
)
from wearkit.link.frames.from_device import (
    Ack,
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Pong,
    Prediction,
    Samples,
    Stats,
)
from wearkit.link.frames.from_host import Config, HelloRequest, Ping, Replay, Start, Stop

HEADS = (HeadLogits(0.25, -3, (-128, 127, 0)), HeadLogits(1.0, 0, (5,)))
PREDICTION = Prediction(60, 0xCAFE, bytes(range(8)), 900, HEADS)
MESSAGES: list[Message] = [
    Hello(boot_id=0xFFFFFFFF, classes=(12, 3), axes=AxisMap((1, 0, 2), (-1, 1, -1)), features=63),
    Hello(boot_id=0, lsb_per_g=(265, 265, 256), supply_mv=3300, model_id=b"\0\xff" * 4),
    Samples(0, 0xFFFFFFFF, ((-1, -1, -1),) * 32, 7),
    Samples(4294967295, 0, ((-512, 511, 0),)),
    PREDICTION,
    Stats(1, 2, 3, 4, 5, 6, 7, 8, 9),
    DeviceError(3, "no answer at 0x53"),
    DeviceError(999, ""),
    Pong(0xDEADBEEF),
    Ack(0x43, 65535, 1),
    HelloRequest(),
    Config(Feature.SAMPLES | Feature.PREDICTIONS, 25),
    Start(),
    Stop(),
    Ping(0),
    Replay(120, ((1, -2, 3),) * 10),
]


def body(type_: int, payload: bytes, *, major: int = 1) -> bytes:
    """The stuffed bytes of a frame, written out here once more."""
    frame = bytes((major, type_, 9, 0)) + payload
    return cobs.encode(frame + zlib.crc32(frame).to_bytes(4, "little"))


def slow_stuff(data: bytes) -> bytes:
    """COBS as its authors print it: one byte at a time, with a code to go back to."""
    out, code_at, code = bytearray(b"\0"), 0, 1
    for byte in data:
        if byte:
            out.append(byte)
            code += 1
        else:
            out[code_at] = code
            code_at, code = len(out), 1
            out.append(0)
    out[code_at] = code
    return bytes(out)


def test_stuffing_is_the_authors() -> None:
    source = random.Random(1)
    for size in [*range(255)] * 4:
        data = bytes(source.choice((0, 0, 1, 255, source.randrange(256))) for _ in range(size))
        stuffed = cobs.encode(data)
        assert stuffed == slow_stuff(data)
        assert len(stuffed) == size + 1
        assert 0 not in stuffed
        assert cobs.decode(stuffed) == data
    assert cobs.encode(b"\1" * 254) == b"\xff" + b"\1" * 254
    assert cobs.decode(b"\xff" + b"\1" * 254) == b"\1" * 254
    with pytest.raises(ValueError, match="254"):
        cobs.encode(b"\1" * 255)


def test_unstuffing_takes_only_what_stuffing_makes() -> None:
    source = random.Random(2)
    for _ in range(20_000):
        data = bytes(source.choice((1, 2, 3, 254, 255)) for _ in range(source.randrange(0, 6)))
        frame = cobs.decode(data)
        assert frame is None or cobs.encode(frame) == data
    assert cobs.decode(b"") is None
    assert cobs.decode(b"\3\1") is None  # runs past its end
    assert cobs.decode(b"\2\0") is None  # a zero inside
    assert cobs.decode(b"\xff" + b"\1" * 254 + b"\1") is None  # a second encoding of 254 bytes


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back(message: Message) -> None:
    wire = encode_message(message, 65_537)
    assert wire[0] == wire[-1] == 0
    frame = decode_frame(wire[1:-1])
    assert isinstance(frame, Frame)
    assert frame.seq == 1
    assert decode_message(frame) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_no_other_length_is_taken(message: Message) -> None:
    payload = message.to_payload()
    for wrong in (payload + b"\0", payload + bytes(6), payload[:-1], payload[:-6], b""):
        if wrong != payload and len(wrong) <= MAX_PAYLOAD_BYTES:
            assert decode_frame(body(message.TYPE, wrong)) is FrameFault.LENGTH


@pytest.mark.parametrize(
    ("type_", "at", "fixed", "each", "most"),
    [
        (FrameType.HELLO, 7, 55, 1, 8),
        (FrameType.SAMPLES, 8, 10, 6, 32),
        (FrameType.PREDICTION, 20, 21, 6, 8),
        (FrameType.ERROR, 2, 3, 1, 64),
        (FrameType.REPLAY, 4, 5, 6, 32),
    ],
)
def test_past_the_limit_of_its_count_no_length_fits(
    type_: FrameType, at: int, fixed: int, each: int, most: int
) -> None:
    def payload(count: int) -> bytes:
        head = bytearray(fixed)
        head[at] = count
        return bytes(head) + bytes(each * count)

    assert isinstance(decode_frame(body(type_, payload(most))), Frame)
    assert decode_frame(body(type_, payload(most + 1))) is FrameFault.LENGTH


def test_a_prediction_cut_before_its_last_head_is_no_prediction() -> None:
    payload = PREDICTION.to_payload()
    cut = payload[:20] + bytes((len(HEADS) + 1,)) + payload[21:]
    assert decode_frame(body(FrameType.PREDICTION, cut)) is FrameFault.LENGTH


def test_each_fault_has_its_name() -> None:
    good = body(FrameType.PING, b"\1\2\3\4")
    assert isinstance(decode_frame(good), Frame)
    assert decode_frame(b"\xfe" + good[1:]) is FrameFault.COBS
    assert decode_frame(good[:5] + bytes((good[5] ^ 2,)) + good[6:]) is FrameFault.CRC
    for major in (0, 2):
        assert decode_frame(body(FrameType.PING, b"\1\2\3\4", major=major)) is FrameFault.MAJOR
    assert decode_frame(body(FrameType.PING, b"\1\2\3")) is FrameFault.LENGTH
    assert decode_frame(cobs.encode(b"\1\x45\0\0abc")) is FrameFault.SIZE
    assert decode_frame(b"\1" * 256) is FrameFault.SIZE
    assert decode_frame(b"\1" * 257) is FrameFault.OVERLONG
    unknown = decode_frame(body(0x30, b"of a later version"))
    assert unknown == Frame(0x30, 9, b"of a later version")
    assert decode_message(unknown) is None
    # CRC-32 of four FF bytes is FFFFFFFF: by its CRC alone this fragment would be a frame.
    assert decode_frame(cobs.encode(b"\xff" * 8)) is FrameFault.MAJOR


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        (FrameType.SAMPLES, Samples(0, 0, ((1, 2, 3),)).to_payload()[:8] + b"\0\0"),
        (FrameType.CONFIG, b"\4\1"),
        (FrameType.CONFIG, b"\1\0"),
        (FrameType.CONFIG, b"\1\x21"),
        (FrameType.HELLO_REQUEST, b"\1\2\1"),
        (FrameType.ERROR, b"\1\0\2a\n"),
        (FrameType.ERROR, b"\1\0\1\xff"),
        (FrameType.PREDICTION, PREDICTION.to_payload()[:20] + b"\0"),
        (FrameType.PREDICTION, PREDICTION.to_payload()[:20] + b"\1\1\0\0\xc0\x7f\0\5"),
    ],
)
def test_values_that_are_not_legal_are_refused(type_: int, payload: bytes) -> None:
    frame = decode_frame(body(type_, payload))
    assert isinstance(frame, Frame)
    with pytest.raises(ValueError, match=r"."):
        decode_message(frame)


@pytest.mark.parametrize(
    ("at", "byte"), [(0, 1), (1, 9), (7, 1), (23, 3), (23, 1), (26, 0), (36, 101), (36, 0)]
)
def test_a_hello_that_cannot_be_is_refused(at: int, byte: int) -> None:
    payload = bytearray(Hello(boot_id=1, lsb_per_g=(1, 1, 1), classes=()).to_payload())
    payload[at] = byte
    frame = decode_frame(body(FrameType.HELLO, bytes(payload) + bytes(payload[7])))
    assert isinstance(frame, Frame)
    with pytest.raises(ValueError, match=r"."):
        decode_message(frame)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hello(boot_id=1, minor=1),
        lambda: Hello(boot_id=1, minor_min=1, minor_max=1),
        lambda: Hello(boot_id=1, window=100, hop=101),
        lambda: Hello(boot_id=1, hop=0),
        lambda: Hello(boot_id=1, input_scale_g=0.0),
        lambda: Hello(boot_id=1, input_scale_g=math.inf),
        lambda: Hello(boot_id=1, input_scale_g=math.nan),
        lambda: Hello(boot_id=1, lsb_per_g=(256, 0, 256)),
        lambda: Hello(boot_id=1, classes=(2,) * 9),
        lambda: Hello(boot_id=1, classes=(2, 0)),
        lambda: Hello(boot_id=1, uid=bytes(7)),
        lambda: Hello(boot_id=1, model_id=bytes(9)),
        lambda: Samples(0, 0, ()),
        lambda: Samples(0, 0, ((0, 0, 0),) * 33),
        lambda: Replay(0, ()),
        lambda: Replay(0, ((0, 0, 0),) * 33),
        lambda: HeadLogits(1.0, 0, ()),
        lambda: HeadLogits(math.inf, 0, (1,)),
        lambda: Prediction(0, 0, bytes(8), 0, ()),
        lambda: Prediction(0, 0, bytes(8), 0, HEADS[1:] * 9),
        lambda: Prediction(0, 0, bytes(7), 0, HEADS),
        lambda: DeviceError(1, "x" * 65),
        lambda: HelloRequest(1, 1, 0),
        lambda: Config(0),
        lambda: Config(4),
        lambda: Config(1, 0),
        lambda: Config(1, 33),
    ],
)
def test_what_no_device_or_host_may_say_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


def fed(data: bytes, cuts: list[int]) -> tuple[FrameDecoder, list[Segment]]:
    decoder = FrameDecoder()
    segments: list[Segment] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        segments += decoder.feed(data[start:end])
    return decoder, segments


def test_segments_do_not_hang_on_the_chunks_and_every_byte_is_booked_once() -> None:
    source = random.Random(3)
    for _ in range(300):
        parts = []
        for _ in range(source.randrange(12)):
            parts.append(encode_message(source.choice(MESSAGES), source.randrange(65536)))
            noise = source.choice((b"", b"boot ok\r\n", source.randbytes(9), b"a" * 5000, b"\0\0"))
            parts.append(noise)
        data = b"".join(parts) + source.randbytes(source.randrange(300))
        cuts = sorted(source.randrange(len(data) + 1) for _ in range(source.randrange(30)))
        decoder, segments = fed(data, cuts)
        assert segments == fed(data, [])[1] == fed(data, [*range(1, len(data))])[1]
        booked = sum(segment.size_bytes for segment in segments) + decoder.delimiter_bytes
        assert booked + decoder.tail_bytes == decoder.received_bytes == len(data)
        printable = bytes(range(0x20, 0x7F)) + b"\t\r\n"
        assert decoder.printable_bytes == len(data) - len(data.translate(None, printable))
        left = decoder.tail_bytes
        assert (decoder.finish(), decoder.tail_bytes) == (left, 0)


def test_the_first_whole_frame_after_damage_is_taken() -> None:
    source = random.Random(4)
    ping = encode_message(Ping(7), 1)
    for _ in range(2000):
        damage = source.randbytes(source.randrange(600))
        segments = fed(damage + ping, [])[1]
        assert segments[-1] == Segment(len(ping) - 2, Frame(FrameType.PING, 1, b"\7\0\0\0"))


def test_text_between_frames_is_kept_and_is_not_damage() -> None:
    ping = encode_message(Ping(7), 1)
    long_text = b"0123456789abcde\n" * 1000
    segments = fed(
        b"rst:0x1 (POWERON)\r\n" + ping + long_text + ping + b"x" * 257 + b"\xff" + ping, []
    )[1]
    assert [type(segment.content) for segment in segments] == [
        DeviceText,
        Frame,
        DeviceText,
        Frame,
        FrameFault,
        Frame,
    ]
    assert segments[0].content == DeviceText("rst:0x1 (POWERON)\r\n")
    assert segments[2] == Segment(16_000, DeviceText(long_text[:MAX_TEXT_BYTES].decode()))
    assert segments[4] == Segment(258, FrameFault.OVERLONG)


def test_a_long_run_is_text_only_when_all_of_it_is() -> None:
    text = b"a" * (MAX_TEXT_BYTES + 1000)
    decoder = FrameDecoder()
    for junk in (b"\xff" + text, text + b"\xff", text + b"\xff" + text):
        assert decoder.feed(junk[:5500]) == []
        (segment,) = decoder.feed(junk[5500:] + b"\0")
        assert segment == Segment(len(junk), FrameFault.OVERLONG)
        # Nothing of it clings to what comes after, ended by a zero or by the port going away.
        assert isinstance(decoder.feed(text + b"\0")[0].content, DeviceText)
        decoder.feed(junk)
        decoder.finish()
        assert isinstance(decoder.feed(text + b"\0")[0].content, DeviceText)


def test_each_segment_carries_the_arrival_of_the_chunk_that_ended_it() -> None:
    decoder = FrameDecoder()
    ping = encode_message(Ping(7), 1)
    assert decoder.feed(ping[:5], 1.0) == []
    segments = decoder.feed(ping[5:] + ping, 2.0)
    for junk, ended_s in ((b"\1", 4.0), (b"a", 6.0)):
        assert decoder.feed(junk * (MAX_TEXT_BYTES + 1), ended_s - 1) == []
        segments += decoder.feed(b"\0", ended_s)
    assert [segment.arrival_s for segment in segments] == [2.0, 2.0, 4.0, 6.0]


def test_memory_is_bounded_without_a_zero() -> None:
    decoder = FrameDecoder()
    for _ in range(200):
        assert decoder.feed(b"\1" * 10_000) == []
    assert decoder.tail_bytes == 2_000_000
    assert len(decoder._tail) == MAX_TEXT_BYTES
    assert decoder.feed(b"\0") == [Segment(2_000_000, FrameFault.OVERLONG)]


def test_a_payload_too_long_is_not_sent() -> None:
    assert len(encode_frame(0x30, 0, bytes(MAX_PAYLOAD_BYTES))) == 257
    with pytest.raises(ValueError, match="more than"):
        encode_frame(0x30, 0, bytes(MAX_PAYLOAD_BYTES + 1))
