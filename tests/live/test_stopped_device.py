"""A device that says HELLO and sends no samples is started, or named; another grid is refused."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wearkit.errors import DataError, PortError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.frames.codec import Message, decode_message, encode_message
from wearkit.link.frames.frame import Frame, FrameDecoder
from wearkit.link.frames.from_device import Feature, Hello, Samples, Stats
from wearkit.link.frames.from_host import Start
from wearkit.link.options import StreamOptions
from wearkit.link.ports.reader import Chunk
from wearkit.live.loop import LiveRun
from wearkit.live.session import LiveSession

HELLO = Hello(
    boot_id=1, features=Feature.SAMPLES | Feature.COMMANDS, model_id=bytes(range(8)), classes=(4, 2)
)


class Stopped:
    """A device that says HELLO and STATS, and, once it was told to START, samples."""

    is_away = False

    def __init__(self, hello: Hello, *, wakes: bool) -> None:
        self._waiting: list[Message] = [hello, Stats(1000, 0), hello]
        self._wakes, self._seq = wakes, 0
        self.written: list[Message | None] = []

    def write(self, data: bytes) -> None:
        for segment in FrameDecoder().feed(data):
            assert isinstance(segment.content, Frame)
            self.written.append(decode_message(segment.content))
        if self._wakes:
            random = np.random.default_rng(1)
            for k in range(11):
                rows = np.rint([250, 5, 5] + 9 * random.normal(size=(10, 3))).astype(int).tolist()
                counts = tuple((x, y, z) for x, y, z in rows)
                self._waiting.append(Samples(10 * k, (10 * k + 9) * 20_000, counts))

    def take(self, timeout_s: float) -> list[Chunk]:
        wires = [encode_message(m, self._seq + at) for at, m in enumerate(self._waiting)]
        self._seq += len(wires)
        self._waiting.clear()
        return [Chunk(b"".join(wires), time.monotonic())] if wires else []

    def reopen(self) -> bool:
        return False


@pytest.fixture
def run(tiny_graph: QuantizedGraph) -> Callable[..., LiveRun]:
    def make(device: Stopped, *, writes: bool = True) -> LiveRun:
        session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0), max_windows=1)
        write = device.write if writes else None
        live = LiveRun(device, session, write=write, first_line_s=0.05, silence_s=0.05)
        for _ in live.updates():
            pass
        return live

    return make


def test_a_stopped_device_is_started_once(run: Callable[..., LiveRun]) -> None:
    device = Stopped(HELLO, wakes=True)
    report = run(device).report
    assert report is not None
    assert device.written == [Start()]
    assert (report.windows_valid, report.error) == (1, None)
    assert report.faults == {"STALL": 1}
    assert "START was sent" in report.events[0].detail


@pytest.mark.parametrize(
    ("hello", "writes", "written"),
    [
        (HELLO, True, [Start()]),
        (HELLO, False, []),
        (replace(HELLO, features=Feature.SAMPLES), True, []),
    ],
)
def test_one_that_does_not_wake_is_named_and_no_baud_rate_is_blamed(
    run: Callable[..., LiveRun], hello: Hello, writes: bool, written: list[Message]
) -> None:
    device = Stopped(hello, wakes=False)
    report = run(device, writes=writes).report
    assert report is not None
    assert device.written == written
    assert isinstance(report.error, PortError)
    assert "3 good frames" in str(report.error)
    assert "left stopped" in str(report.error)
    assert "baud" not in str(report.error)


def test_one_that_sends_no_samples_by_design_is_left_alone(run: Callable[..., LiveRun]) -> None:
    device = Stopped(replace(HELLO, features=Feature.PREDICTIONS | Feature.COMMANDS), wakes=False)
    report = run(device).report
    assert report is not None
    assert device.written == []
    assert "its HELLO says that it sends none" in str(report.error)


@pytest.mark.parametrize(
    ("change", "says", "fault"),
    [
        ({"hop": 20}, "100 samples every 20", "FORMAT"),
        ({"window": 128}, "128 samples every 60", "FORMAT"),
        ({"window": 65535, "hop": 65535}, "65535", "FORMAT"),
        ({"input_scale_g": 9.0}, "9 g a step", "FORMAT"),
        ({"input_zero_point": 1}, "zero point 1", "FORMAT"),
        ({"lsb_per_g": (1, 1, 1)}, "1/1/1 counts", "SCALE_FAULT"),
        ({"lsb_per_g": (256, 256, 283)}, "256/256/283", "SCALE_FAULT"),
        ({"model_id": bytes(8), "classes": (), "window": 100, "hop": 50}, "every 50", "FORMAT"),
    ],
)
def test_a_device_with_another_grid_or_scale_is_refused_at_once(
    tiny_graph: QuantizedGraph, change: dict[str, object], says: str, fault: str
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    with pytest.raises(DataError, match=says) as caught:
        session.feed(encode_message(replace(HELLO, **change), 0), 0.0)  # type: ignore[arg-type]
    assert caught.value.fault == fault
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"lsb_per_g": (230, 265, 282)},
        {"model_id": bytes(8), "classes": (), "window": 1, "hop": 1},  # as firmware without one
        {"model_id": bytes(8), "classes": (), "window": 128, "hop": 20, "input_scale_g": 1.0},
    ],
)
def test_one_that_fits_is_taken(tiny_graph: QuantizedGraph, change: dict[str, object]) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    session.feed(encode_message(replace(HELLO, **change), 0), 0.0)  # type: ignore[arg-type]
    assert session.stream.hello is not None


def test_a_later_model_with_another_scale_ends_it_and_keeps_what_came(
    tiny_graph: QuantizedGraph,
) -> None:
    rows = tuple((k % 9, -80, 240) for k in range(20))
    for size in (10_000, 50):
        session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
        messages: list[Message] = [HELLO]
        messages += [Samples(20 * k, (20 * k + 19) * 20_000, rows) for k in range(8)]
        messages.append(replace(HELLO, boot_id=2, input_scale_g=0.5))
        data = b"".join(encode_message(message, seq) for seq, message in enumerate(messages))
        windows = []
        with pytest.raises(DataError, match="a step"):
            for at in range(0, len(data), size):
                windows += session.feed(data[at : at + size], 0.0)
        windows += session.finish()
        assert [window.window for window in windows] == [0, 1]
