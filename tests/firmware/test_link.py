"""The binary link: docs/protocol.md, Python and C say the same, byte for byte."""

from __future__ import annotations

import random
import re
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from wearkit.link.frames import cobs, frame
from wearkit.link.frames import from_device as message
from wearkit.link.frames import from_host as command
from wearkit.link.frames.codec import Message, decode_message, encode_message
from wearkit.link.frames.fields import AXIS_MINUS, ID_BYTES, window_crc
from wearkit.link.frames.frame import (
    DeviceText,
    Frame,
    FrameDecoder,
    FrameFault,
    FrameType,
    decode_frame,
)
from wearkit.link.frames.from_device import (
    Ack,
    AckStatus,
    Feature,
    Hello,
    Prediction,
    SampleFlag,
    Samples,
)

_FENCE = re.compile(r"^```vectors\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def describe(said: Message, seq: int) -> str:
    """One line of a vector: the type's name, seq, and every field."""
    return f"{FrameType(said.TYPE).name} seq={seq}{''.join(_fields(said))}"


def _fields(said: Message) -> list[str]:
    match said:
        case Hello():
            axes = bytes(
                source | (0x80 if sign < 0 else 0)
                for source, sign in zip(said.axes.source, said.axes.sign, strict=True)
            )
            registers = said.registers
            pairs: list[tuple[str, object]] = [
                ("minor", said.minor), ("minor_min", said.minor_min),
                ("minor_max", said.minor_max), ("devid", registers.devid),
                ("bw_rate", registers.bw_rate), ("data_format", registers.data_format),
                ("fifo_ctl", registers.fifo_ctl), ("boot_id", said.boot_id),
                ("uid", said.uid.hex()), ("firmware", _list(said.firmware)), ("axes", axes.hex()),
                ("lsb_per_g", _list(said.lsb_per_g)), ("supply_mv", said.supply_mv),
                ("window", said.window), ("hop", said.hop),
                ("input_scale_g", f"{said.input_scale_g:.9g}"),
                ("input_zero_point", said.input_zero_point), ("model_id", said.model_id.hex()),
                ("features", int(said.features)), ("classes", _list(said.classes)),
            ]  # fmt: skip
        case Samples():
            pairs = [("first_index", said.first_index), ("t_us", said.t_us),
                     ("flags", int(said.flags)), ("counts", _triples(said.counts))]  # fmt: skip
        case command.Replay():
            pairs = [("first_index", said.first_index), ("counts", _triples(said.counts))]
        case Prediction():
            pairs = [("window_first_index", said.window_first_index),
                     ("window_crc", said.window_crc), ("model_id", said.model_id.hex()),
                     ("infer_us", said.infer_us)]  # fmt: skip
            pairs += [
                ("head", f"{head.scale:.9g}:{head.zero_point}:{_list(head.logits)}")
                for head in said.heads
            ]
        case Ack():
            pairs = [("of_type", said.type), ("of_seq", said.seq), ("status", said.status)]
        case _:
            pairs = [(field.name, getattr(said, field.name)) for field in fields(said)]
    return [f" {name}={value}" for name, value in pairs]


def _list(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))


def _triples(counts: tuple[tuple[int, int, int], ...]) -> str:
    return ",".join(f"{x}:{y}:{z}" for x, y, z in counts)


@pytest.fixture(scope="module")
def vectors(repository: Path) -> list[tuple[str, bytes]]:
    """(description, wire bytes) of every vector in the specification."""
    found: list[tuple[str, bytes]] = []
    text = (repository / "docs/protocol.md").read_text()
    for block in _FENCE.findall(text):
        for entry in block.strip().split("\n\n"):
            said, _, wire = entry.partition("\n    ")
            found.append((" ".join(said.split()), bytes.fromhex(wire)))
    return found


@pytest.fixture(scope="module")
def echo(host_build: Path) -> Callable[..., list[str]]:
    """echo(bytes) -> the lines that C prints: fields, bytes encoded again, faults, counts."""

    def run(data: bytes, *arguments: str) -> list[str]:
        done = subprocess.run(
            [host_build / "link_echo", *arguments], input=data, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("ascii").splitlines()

    return run


def test_there_is_a_vector_for_every_type(vectors: list[tuple[str, bytes]]) -> None:
    named = {said.split()[0] for said, _ in vectors}
    assert named == {type_.name for type_ in FrameType}


def test_python_says_what_the_specification_says(vectors: list[tuple[str, bytes]]) -> None:
    for said, wire in vectors:
        assert wire[0] == wire[-1] == 0
        read = decode_frame(wire[1:-1])
        assert isinstance(read, Frame), said
        decoded = decode_message(read)
        assert decoded is not None
        assert describe(decoded, read.seq) == said
        assert encode_message(decoded, read.seq) == wire


def test_c_says_what_the_specification_says(
    vectors: list[tuple[str, bytes]], echo: Callable[..., list[str]]
) -> None:
    expected: list[str] = []
    for said, wire in vectors:
        expected += [said, wire.hex(" ")]
    assert echo(b"".join(wire for _, wire in vectors))[:-1] == expected


def test_the_tables_of_types_are_the_specifications(repository: Path) -> None:
    text = (repository / "docs/protocol.md").read_text()
    listed = {name: int(code, 16) for code, name in re.findall(r"^\| `(\w\w)` (\w+) ", text, re.M)}
    assert listed == {type_.name: type_.value for type_ in FrameType}


def test_constants_are_the_same(echo: Callable[..., list[str]]) -> None:
    in_c = {name: int(value) for name, value in (line.split() for line in echo(b"", "constants"))}
    in_python = {
        "WK_LINK_MAJOR": frame.MAJOR,
        "WK_LINK_MINOR_MIN": frame.MINOR_MIN,
        "WK_LINK_MINOR_MAX": frame.MINOR_MAX,
        "WK_FRAME_MIN": frame.MIN_FRAME_BYTES,
        "WK_FRAME_MAX": frame.MAX_FRAME_BYTES,
        "WK_FRAME_PAYLOAD_MAX": frame.MAX_PAYLOAD_BYTES,
        "WK_FRAME_ENCODED_MAX": frame.MAX_ENCODED_BYTES,
        "WK_FRAME_WIRE_MAX": frame.MAX_FRAME_BYTES + 3,
        "WK_HELLO_PERIOD_MS": 1000 * message.HELLO_PERIOD_S,
        "WK_STATS_PERIOD_MS": 1000 * message.STATS_PERIOD_S,
        "WK_UID_BYTES": ID_BYTES,
        "WK_MODEL_ID_BYTES": ID_BYTES,
        "WK_HEADS_MAX": frame.MAX_HEADS,
        "WK_SAMPLES_MAX": frame.MAX_SAMPLES,
        "WK_ERROR_TEXT_MAX": frame.MAX_ERROR_TEXT,
        "WK_AXIS_MINUS": AXIS_MINUS,
        **{f"WK_TYPE_{type_.name}": type_.value for type_ in FrameType},
        **{f"WK_FEATURE_{flag.name}": flag.value for flag in Feature},
        **{f"WK_SAMPLES_{flag.name}": flag.value for flag in SampleFlag},
        **{f"WK_ERROR_{code.name}": code.value for code in message.ErrorCode},
        **{f"WK_ACK_{status.name}": status.value for status in AckStatus},
    }
    assert in_c == in_python


def test_the_header_has_no_constant_that_is_not_compared(
    repository: Path, echo: Callable[..., list[str]]
) -> None:
    folder = repository / "firmware/include/wk"
    text = "".join((folder / f"wk_{name}.h").read_text() for name in ("frame", "message"))
    defined = set(re.findall(r"^#define (WK_\w+) ", text, re.M))
    assert defined == {line.split()[0] for line in echo(b"", "constants")}


def _expected_of(data: bytes) -> list[str]:
    """What link_echo prints, by the Python decoder."""
    decoder = FrameDecoder()
    lines: list[str] = []
    sizes = {"frames": 0, "unknown": 0, "rejected": 0}
    for segment in decoder.feed(data):
        content = segment.content
        if isinstance(content, DeviceText):  # to C, one more thing that is no frame
            fault = decode_frame(content.text.encode())
            assert isinstance(fault, FrameFault)
            content = fault
        if isinstance(content, FrameFault):
            sizes["rejected"] += segment.size_bytes
            lines.append(str(content))
            continue
        try:
            said = decode_message(content)
        except ValueError:
            sizes["frames"] += segment.size_bytes
            lines.append("value")
            continue
        sizes["frames" if said else "unknown"] += segment.size_bytes
        if said is None:
            lines.append("unknown")
        else:
            wire = encode_message(said, content.seq)
            lines += [describe(said, content.seq), wire.hex(" ")]
    numbers = f"frames={sizes['frames']} unknown={sizes['unknown']}"
    numbers += f" delimiters={decoder.delimiter_bytes} rejected={sizes['rejected']}"
    return [*lines, f"bytes received={len(data)} {numbers} pending={decoder.tail_bytes}"]


def test_both_decoders_agree_on_any_bytes(
    vectors: list[tuple[str, bytes]], echo: Callable[..., list[str]]
) -> None:
    source = random.Random(8)
    wires = [wire for _, wire in vectors]
    for _ in range(40):
        parts: list[bytes] = []
        for _ in range(60):
            wire = bytearray(source.choice(wires))
            for _ in range(source.choice((0, 0, 0, 1, 1, 3))):
                wire[source.randrange(len(wire))] = source.randrange(256)
            parts.append(bytes(wire))
            parts.append(source.choice((b"", b"", source.randbytes(20), b"\1" * 300)))
            parts.append(_with_own_crc(source))
        data = b"".join(parts)
        assert echo(data) == _expected_of(data)


def test_both_agree_on_every_byte_at_its_edges(
    vectors: list[tuple[str, bytes]], echo: Callable[..., list[str]]
) -> None:
    parts: list[bytes] = []
    for _, wire in vectors:
        read = decode_frame(wire[1:-1])
        assert isinstance(read, Frame)
        for at in range(len(read.payload)):
            for byte in (0, 1, 2, 3, 0x1F, 0x7E, 0x7F, 0x80, 0x82, 0xFF):
                payload = bytearray(read.payload)
                payload[at] = byte
                parts.append(frame.encode_frame(read.type, read.seq, bytes(payload)))
    data = b"".join(parts)
    assert echo(data) == _expected_of(data)


def test_both_agree_on_every_count_at_its_edges(echo: Callable[..., list[str]]) -> None:
    hello = Hello(boot_id=1).to_payload()
    prediction = bytes(21) + bytes((1, 0, 0, 0x80, 0x3F, 0, 7)) * 9
    counted = (
        (FrameType.HELLO, hello + b"\2" * 9, 7, 55, 1, 8),
        (FrameType.SAMPLES, bytes(10 + 6 * 33), 8, 10, 6, 32),
        (FrameType.REPLAY, bytes(5 + 6 * 33), 4, 5, 6, 32),
        (FrameType.ERROR, bytes(3) + b"a" * 65, 2, 3, 1, 64),
        (FrameType.PREDICTION, prediction, 20, 21, 7, 8),
    )
    parts: list[bytes] = []
    for type_, whole, at, fixed, each, most in counted:
        for count in (0, 1, most, most + 1):
            for length in (fixed + each * count, fixed + each * count - 1, at, at + 1):
                payload = bytearray(whole[:length])
                payload[at : at + 1] = bytes((count,))[: max(length - at, 0)]
                parts.append(frame.encode_frame(type_, 7, bytes(payload[:length])))
    for major in (0, 2, 255):
        body = bytes((major, FrameType.PING, 1, 0, 1, 2, 3, 4))
        parts.append(b"\0" + cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0")
    data = b"".join(parts)
    assert echo(data) == _expected_of(data)


def _with_own_crc(source: random.Random) -> bytes:
    """Whole frames whose type, length and values are chosen without a thought."""
    type_ = source.choice([*FrameType, 0x30])
    payload = bytearray(source.randbytes(source.choice((0, 2, 3, 4, 11, 16, 22, 33, 55, 57))))
    for at in range(len(payload)):
        if source.random() < 0.7:
            payload[at] = source.choice((0, 1, 2))
    return frame.encode_frame(type_, source.randrange(65536), bytes(payload))


def test_the_crc_of_a_window_is_that_of_its_bytes() -> None:
    counts = np.array([[1, -2, 256], [-512, 511, 0]], dtype=np.int16)
    by_hand = bytes((1, 0, 0xFE, 0xFF, 0, 1, 0, 0xFE, 0xFF, 1, 0, 0))
    assert window_crc(counts) == window_crc(counts.astype(np.int64))
    assert window_crc(counts) == zlib.crc32(by_hand)
