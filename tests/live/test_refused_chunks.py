"""The same bytes give the same windows, however cut: also where they end in a refusal."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.capture.csv_writer import Recorder
from wearkit.counts import counts_to_int8
from wearkit.errors import WearkitError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import (
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    Samples,
    Stats,
)
from wearkit.link.options import StreamOptions
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.verification.verifier import Verifier

MODEL_ID = bytes(range(8))
HELLO = Hello(
    boot_id=1,
    features=Feature.SAMPLES | Feature.PREDICTIONS,
    model_id=MODEL_ID,
    classes=(4, 2),
)
Counts = NDArray[np.int16]
Make = Callable[..., Counts]


def play(
    graph: QuantizedGraph, data: bytes, size: int, *, verifying: bool = False, **session: object
) -> tuple[list[LiveWindow], LiveReport, str]:
    """Windows, report and refusal of one session fed in pieces of so many bytes."""
    faults = FaultLog()
    verifier = Verifier(graph, MODEL_ID.hex(), faults) if verifying else None
    live = LiveSession(
        graph,
        Reference(graph),
        StreamOptions(50.0),
        faults=faults,
        verifier=verifier,
        **session,  # type: ignore[arg-type]
    )
    windows: list[LiveWindow] = []
    refusal = ""
    try:
        for at in range(0, len(data), size):
            windows += live.feed(data[at : at + size], 0.0)
    except WearkitError as error:
        refusal = str(error)
    try:
        windows += live.finish()
    except WearkitError as error:
        refusal = refusal or str(error)
        windows += live.finish()
    return windows, live.report(), refusal


def frames(counts: Counts, last: Message) -> bytes:
    messages: list[Message] = [HELLO]
    rows = [(x, y, z) for x, y, z in counts.tolist()]
    for k in range(0, len(rows), 10):
        messages.append(Samples(k, (k + 9) * 20_000, tuple(rows[k : k + 10])))
    messages.append(last)
    return b"".join(encode_message(message, seq) for seq, message in enumerate(messages))


@pytest.mark.parametrize("verifying", [False, True])
def test_samples_before_a_hello_that_is_refused_are_kept(
    tiny_graph: QuantizedGraph, moving_counts: Make, verifying: bool
) -> None:
    data = frames(moving_counts(300), replace(HELLO, hop=50))
    at_once = play(tiny_graph, data, len(data), verifying=verifying)
    assert len(at_once[0]) == 4
    assert at_once[1].samples == 300
    assert "changed what it measures" in at_once[2]
    assert play(tiny_graph, data, 64, verifying=verifying) == at_once


def test_they_are_recorded_too(
    tiny_graph: QuantizedGraph, moving_counts: Make, tmp_path: Path
) -> None:
    data = frames(moving_counts(300), replace(HELLO, hop=50))
    written = []
    for size in (64, len(data)):
        recorder = Recorder(tmp_path / f"{size}.csv")
        play(tiny_graph, data, size, recorder=recorder)
        recorder.close()
        written.append((tmp_path / f"{size}.csv").read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") == 302


@pytest.mark.parametrize(
    "ends",
    [b"#wearkit text/1 units=mg\n" * 2, b"#wearkit text/9\n#wearkit text/9\n"],
)
def test_lines_before_a_refused_header_are_kept(
    tiny_graph: QuantizedGraph, moving_counts: Make, sensor_lines: Make, ends: bytes
) -> None:
    header = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
    data = header + b"".join(sensor_lines(moving_counts(300))) + ends + b"1,2,3\n"
    at_once = play(tiny_graph, data, len(data))
    assert (len(at_once[0]), at_once[1].samples) == (4, 300)
    assert play(tiny_graph, data, 50) == at_once


def test_values_that_contradict_what_was_said_take_no_line_with_them(
    tiny_graph: QuantizedGraph,
) -> None:
    data = b"#wearkit text/1 units=counts fields=x,y,z\n" + b"5,2,1001\n4,2,1000\n" * 60
    at_once = play(tiny_graph, data, len(data))
    assert "look like mg" in at_once[2]
    for size in (7, 64, 500):
        windows, report, refusal = play(tiny_graph, data, size)
        assert (windows, refusal) == (at_once[0], at_once[2])
        assert report.samples == at_once[1].samples == 100


class Noise:
    """A random stream of frames, text and damage of one seed."""

    def __init__(self, graph: QuantizedGraph, seed: int) -> None:
        self._graph, self._random = graph, random.Random(seed)
        self._index = self._t_us = 0
        self._rows: list[tuple[int, int, int]] = []

    def data(self) -> bytes:
        parts = [encode_message(HELLO, 0)]
        for seq in range(1, self._random.randint(20, 50)):
            parts.append(self._damaged(self._part(seq)))
        return b"".join(parts)

    def _part(self, seq: int) -> bytes:
        kind = self._random.random()
        if kind < 0.75:
            return self._samples(seq)
        if kind < 0.85 and len(self._rows) >= 100:
            return encode_message(self._prediction(), seq)
        messages: list[Message] = [
            HELLO,
            HELLO,
            replace(HELLO, boot_id=2),
            replace(HELLO, hop=self._random.choice((60, 60, 50))),
            Stats(5, 6, tx_dropped=self._random.randint(0, 9)),
            DeviceError(3, "adxl345 silent"),
        ]
        if self._random.random() < 0.2:
            return b"E (12) boot: \x1b[31mready\n\0"
        return encode_message(self._random.choice(messages), seq)

    def _samples(self, seq: int) -> bytes:
        number = self._random.choice((1, 10, 10, 10, 32))
        leap = self._random.choice((0,) * 30 + (1, 7, 200, 90_000, 150_000, -400, 1 << 31))
        self._index = (self._index + leap) % (1 << 32)
        self._t_us = (self._t_us + number * 20_000) % (1 << 32)
        rows = tuple((self._random.randint(-400, 400), -80, 210) for _ in range(number))
        self._rows = [*self._rows, *rows][-200:]
        message = Samples(self._index, self._t_us, rows)
        self._index = (self._index + number) % (1 << 32)
        return encode_message(message, seq)

    def _prediction(self) -> Prediction:
        begin = self._random.randrange(len(self._rows) - 99)
        counts = np.array(self._rows[begin : begin + 100], np.int16)
        logits = Reference(self._graph).run(counts_to_int8(counts[None]))
        heads = tuple(HeadLogits(0.0625, 3, tuple(row[0].tolist())) for row in logits.values())
        first = (self._index - len(self._rows) + begin) % (1 << 32)
        return Prediction(first, window_crc(counts), MODEL_ID, 900, heads)

    def _damaged(self, part: bytes) -> bytes:
        if self._random.random() > 0.03:
            return part
        at = self._random.randrange(len(part))
        return part[:at] + bytes([part[at] ^ self._random.randrange(1, 256)]) + part[at + 1 :]


@pytest.mark.parametrize("verifying", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_random_streams_do_not_hang_on_how_they_are_cut(
    tiny_graph: QuantizedGraph, seed: int, verifying: bool
) -> None:
    data = Noise(tiny_graph, seed).data()
    windows, report, refusal = play(tiny_graph, data, len(data), verifying=verifying)
    for size in (11 + seed, 611):
        other, said, why = play(tiny_graph, data, size, verifying=verifying)
        assert other == windows
        assert why == refusal
        assert (said.samples, said.faults, said.invalid) == (
            report.samples,
            report.faults,
            report.invalid,
        )
