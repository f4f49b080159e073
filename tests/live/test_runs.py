"""Samples in a row are looked at together; nothing may come of it but speed."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wearkit.capture.csv_writer import Recorder
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.axes import AxisMap
from wearkit.link.clock import SessionClock
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature, Hello, SampleBlock, Samples
from wearkit.link.frames.stream import FrameStream
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample, Sample, SampleRun, Stretch, runs_of
from wearkit.link.stream import AutoStream
from wearkit.live.quality import SignalQuality
from wearkit.live.report import LiveReport
from wearkit.live.sensor_watch import SensorWatch
from wearkit.live.session import LiveSession, LiveWindow

Rows = list[tuple[int, int, int]]
HEADER = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"


def rows_of(samples: int, seed: int) -> Rows:
    """Rest, movement, rails, dead and stuck stretches, as a seed has it."""
    random = np.random.default_rng(seed)
    rows: Rows = []
    while len(rows) < samples:
        length = int(random.integers(1, 260))
        kind = random.integers(0, 6)
        if kind == 0:
            part = [(0, 0, 0)] * int(random.integers(1, 9))
        elif kind == 1:
            part = [(13, -7, 255)] * length
        else:
            vigour = (0.7, 40.0, 300.0, 2.0)[kind - 2]
            counts = np.rint([120, -80, 210] + vigour * random.normal(size=(length, 3)))
            part = [(x, y, z) for x, y, z in counts.clip(-512, 511).astype(int).tolist()]
        rows += part
    return rows[:samples]


def frames(rows: Rows, axes: AxisMap) -> bytes:
    data = encode_message(Hello(boot_id=1, features=Feature.SAMPLES, axes=axes), 0)
    for k in range(0, len(rows), 10):
        if k // 10 % 37 == 20:
            continue  # lost
        late_us = 400_000 if k // 10 % 23 == 5 else 0
        stamp_us = ((k + 9) * 20_000 + late_us) % (1 << 32)
        data += encode_message(Samples(k, stamp_us, tuple(rows[k : k + 10])), k // 10 + 1)
    return data


def lines(rows: Rows) -> bytes:
    body = [b"%d,%d,%d,%d,%d\n" % (k, k * 20_000, *row) for k, row in enumerate(rows)]
    return HEADER + b"".join(line for k, line in enumerate(body) if k % 331 != 200)


def bare_lines(rows: Rows) -> bytes:
    return HEADER.replace(b"index,t_us,", b"") + b"".join(b"%d,%d,%d\n" % row for row in rows)


def play(
    graph: QuantizedGraph, data: bytes, path: Path, axes: AxisMap | None = None
) -> tuple[list[LiveWindow], LiveReport, bytes]:
    recorder = Recorder(path, force=True)
    session = LiveSession(
        graph, Reference(graph), StreamOptions(50.0, axes=axes), recorder=recorder
    )
    windows: list[LiveWindow] = []
    for number, at in enumerate(range(0, len(data), 400)):
        windows += session.feed(data[at : at + 400], 0.1 * number)
    windows += session.finish()
    recorder.close()
    return windows, session.report(), path.read_bytes()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [frames, lines, bare_lines])
def test_a_session_says_the_same_of_runs_and_of_samples_one_by_one(
    tiny_graph: QuantizedGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., bytes],
    seed: int,
) -> None:
    axes = AxisMap((1, 0, 2), (-1, 1, 1)) if seed % 2 else AxisMap()
    data = make(rows_of(1500, seed), axes) if make is frames else make(rows_of(1500, seed))
    together = play(tiny_graph, data, tmp_path / "a.csv")

    def one_by_one(stream: AutoStream, chunk: bytes, arrival_s: float = 0.0) -> list[Stretch]:
        return list(stream.feed(chunk, arrival_s))

    monkeypatch.setattr(AutoStream, "feed_runs", one_by_one)
    assert play(tiny_graph, data, tmp_path / "b.csv") == together
    assert together[0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([(0, 0, 0), (-1, -1, -1), (1, 2, 256), (1, 3, 256), (80, 2, 200)]),
            st.integers(1, 130),
        ),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.integers(1, 90), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None)
def test_a_watch_sees_the_same_in_blocks_of_any_size(
    stretches: list[tuple[tuple[int, int, int], int]], sizes: list[int]
) -> None:
    rows = [row for row, length in stretches for _ in range(length)]
    single, block = SensorWatch(50.0), SensorWatch(50.0)
    expected = [(at, *fault) for at, row in enumerate(rows) for fault in single.push(row)]
    seen, at, turn = [], 0, 0
    while at < len(rows):
        part = np.array(rows[at : at + sizes[turn % len(sizes)]], dtype=np.int16)
        seen += [(at + place, fault, detail) for place, fault, detail in block.extend(part)]
        at, turn = at + len(part), turn + 1
        assert len(rows) > at or block.held_within(100) == single.held_within(100)
    assert seen == expected
    assert pickle.dumps(block.still) == pickle.dumps(single.still)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_clock_gives_the_same_times_to_a_run(stamped: bool) -> None:
    random = np.random.default_rng(3)
    one, many = SessionClock(50.0), SessionClock(50.0)
    index, t_us = 0, 5_000_000
    for _ in range(120):
        number = int(random.integers(1, 33))
        stamps_us = []
        for _ in range(number):
            odd = random.random()
            t_us += 20_000 if odd < 0.97 else int(random.integers(-3_000_000, 9_000_000))
            stamps_us.append(t_us)
        given_us = stamps_us if stamped else None
        singles = [
            one.advance(index + at, 1, stamps_us[at] if stamped else None, restarted=False)
            for at in range(number)
        ]
        assert many.advance_run(index, number, given_us) == singles
        index += number
    assert (one.jumps, one.device.measure()) == (many.jumps, many.device.measure())


def test_a_clock_that_was_set_within_a_run_is_dated_by_its_sample() -> None:
    rows = [(k % 9, 2, 250) for k in range(40)]
    stamps_us = [20_000 * k + (90_000_000 if k >= 17 else 0) for k in range(40)]
    logs = FaultLog(), FaultLog()
    single, block = (SignalQuality(50.0, faults) for faults in logs)
    for k, (row, t_us) in enumerate(zip(rows, stamps_us, strict=True)):
        single.sample(k, 1, PlacedSample(Sample(None, t_us, row)))
    block.sample(0, 1, PlacedSample(Sample(None, stamps_us[0], rows[0])))
    block.run(1, SampleRun(np.array(rows[1:], dtype=np.int16), None, stamps_us[1:], 0.0, (0, 250)))
    assert [event.fault for event in logs[0].events] == [Fault.CLOCK_JUMP]
    assert logs[1].events == logs[0].events


def apart(stretches: list[Stretch]) -> list[PlacedSample]:
    steps: list[PlacedSample] = []
    for part in stretches:
        steps += part.steps() if isinstance(part, SampleRun) else [part]
    return steps


def test_runs_hold_what_stood_in_a_row() -> None:
    def step(index: int, missing: int = 0, arrival_s: float = 0.0) -> PlacedSample:
        return PlacedSample(Sample(index, 20 * index, (index, 0, 1), 0, arrival_s), missing)

    steps = [step(3), step(4), step(7, 2), step(8), step(9), step(10, arrival_s=1.0)]
    together = runs_of(steps)
    assert [isinstance(part, SampleRun) for part in together] == [True, False, True, False]
    apart = [
        s for part in together for s in (part.steps() if isinstance(part, SampleRun) else [part])
    ]
    assert apart == steps
    restarted = PlacedSample(Sample(0, None, (1, 2, 3)), restarted=True)
    assert runs_of([restarted, restarted]) == [restarted, restarted]


def test_a_frame_gives_one_run_and_the_same_samples() -> None:
    hello = Hello(boot_id=1, features=Feature.SAMPLES)
    messages = [Samples(10 * k, 200_000 * (k + 1), tuple(rows_of(10, k))) for k in range(9)]
    wires = [encode_message(hello, 0)] + [encode_message(m, k + 1) for k, m in enumerate(messages)]
    single, together = FrameStream(StreamOptions(50.0)), FrameStream(StreamOptions(50.0))
    steps = [step for wire in wires for step in single.feed(wire)]
    stretches = [part for wire in wires for part in together.feed_runs(wire)]
    assert sum(isinstance(part, SampleRun) for part in stretches) == 8
    assert [step.sample.counts for step in steps] == [xyz for m in messages for xyz in m.counts]
    assert steps == apart(stretches)


def test_a_block_is_the_message_it_was_made_of() -> None:
    message = Samples(7, 8, ((-512, 3, 511), (4, 5, 6)), 4)
    block = SampleBlock.of(message)
    counts: NDArray[np.int16] = block.counts()
    assert block.message() == message
    assert counts.tolist() == [[-512, 3, 511], [4, 5, 6]]
    assert (block.samples, block.lowest, block.highest, block.flags) == (2, -512, 511, 4)
    with pytest.raises(ValueError, match="number of samples"):
        SampleBlock(bytes(10))
