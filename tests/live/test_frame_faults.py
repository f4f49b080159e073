"""The fault matrix once more, for a device that sends frames: each fault put in is reported under
its own code as often as it was put in, and under no other."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.axes import AxisMap
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples, SensorRegisters, Stats
from wearkit.link.options import StreamOptions
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession

FRAMES = 150  # ten samples each: 30 s
HELLO = Hello(boot_id=1, features=Feature.SAMPLES)
Frames = list[Message]
Play = Callable[..., LiveReport]


@pytest.fixture
def frames() -> Frames:
    """HELLO every ten frames, STATS every 25; the sensor of the fault matrix in text."""
    random = np.random.default_rng(21)
    vigour = np.where(np.arange(10 * FRAMES) // 250 % 2, 60.0, 1.0)[:, None]
    counts = np.array([120.0, -80.0, 210.0]) + vigour * random.normal(size=(10 * FRAMES, 3))
    whole = np.clip(np.rint(counts), -500, 500).astype(int).tolist()
    rows = [(x, y, z) for x, y, z in whole]
    found: Frames = []
    for k in range(FRAMES):
        found += [HELLO] if k % 10 == 0 else []
        found.append(Samples(10 * k, (10 * k + 9) * 20_000, tuple(rows[10 * k : 10 * k + 10])))
        found += [Stats(200 * k, 10 * k)] if k % 25 == 24 else []
    return found


@pytest.fixture
def play(tiny_graph: QuantizedGraph) -> Play:
    """play(frames) -> report. wires: bytes in the place of a frame, by its position."""

    def run(frames: Frames, wires: dict[int, bytes] | None = None) -> LiveReport:
        session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
        arrival_s = 0.0
        for position, message in enumerate(frames):
            wire = (wires or {}).get(position, encode_message(message, position))
            session.feed(wire, arrival_s)
            arrival_s += 0.2 * isinstance(message, Samples)
        session.finish()
        return session.report()

    return run


def samples_at(frames: Frames, number: int) -> int:
    """Where the SAMPLES frame with this number stands."""
    found = [at for at, message in enumerate(frames) if isinstance(message, Samples)]
    return found[number]


def changed(frames: Frames, first: int, change: Callable[[Samples], Samples]) -> Frames:
    """All SAMPLES from number `first` on, changed."""
    begin = samples_at(frames, first)
    return [
        change(message) if at >= begin and isinstance(message, Samples) else message
        for at, message in enumerate(frames)
    ]


def test_clean_frames_have_no_fault(play: Play, frames: Frames) -> None:
    report = play(frames)
    assert report.faults == {}
    assert (report.windows, report.windows_valid, report.samples) == (24, 24, 10 * FRAMES)


def test_a_lost_frame_is_a_gap_of_its_samples(play: Play, frames: Frames) -> None:
    report = play(frames, {samples_at(frames, 60): b""})
    assert (report.faults, report.missing_samples) == ({"GAP": 1}, 10)
    assert report.frames is not None and report.frames.lost == 1


@pytest.mark.parametrize("at", [1, 5, 20, -2])
def test_a_damaged_frame_is_corrupt_and_a_gap(play: Play, frames: Frames, at: int) -> None:
    position = samples_at(frames, 60)
    wire = bytearray(encode_message(frames[position], position))
    wire[at] ^= 0x5A
    assert wire[at] != 0
    report = play(frames, {position: bytes(wire)})
    assert (report.faults, report.missing_samples) == ({"CORRUPT": 1, "GAP": 1}, 10)


def test_a_repeated_frame_is_a_duplicate(play: Play, frames: Frames) -> None:
    position = samples_at(frames, 60)
    wire = encode_message(frames[position], position)
    assert play(frames, {position: 2 * wire}).faults == {"DUPLICATE": 1}


def test_an_index_with_other_values_is_a_conflict_and_a_new_run(play: Play, frames: Frames) -> None:
    position = samples_at(frames, 60)
    said = frames[position]
    assert isinstance(said, Samples)
    other = encode_message(replace(said, counts=((7, 7, 256),) * 10), position)
    report = play(frames, {position: encode_message(said, position) + other})
    assert report.faults == {"CONFLICT": 1, "RESTART": 1}


def test_another_boot_id_is_one_restart(play: Play, frames: Frames) -> None:
    begin = samples_at(frames, 70)

    def again(message: Message) -> Message:
        if isinstance(message, Samples):
            first = message.first_index - 700
            return replace(message, first_index=first, t_us=(first + 9) * 20_000)
        return replace(message, boot_id=2) if isinstance(message, Hello) else message

    report = play([*frames[:begin], *map(again, [HELLO, *frames[begin:]])])
    assert (report.faults, report.restarts) == ({"RESTART": 1}, 1)


@pytest.mark.parametrize(("leap", "code"), [(99_960, "GAP"), (120_000, "DISCONTINUITY")])
def test_a_leap_of_the_index_is_a_gap_or_a_discontinuity(
    play: Play, frames: Frames, leap: int, code: str
) -> None:
    def later(message: Samples) -> Samples:
        t_us = (message.t_us + 20_000 * leap) % (1 << 32)
        return replace(message, first_index=message.first_index + leap, t_us=t_us)

    assert play(changed(frames, 70, later)).faults == {code: 1}


@pytest.mark.parametrize("leap_us", [1_300_000, 5_000_000, 1_000_000_000])
def test_a_clock_that_is_set_ahead_is_one_jump(play: Play, frames: Frames, leap_us: int) -> None:
    report = play(changed(frames, 70, lambda s: replace(s, t_us=s.t_us + leap_us)))
    assert report.faults == {"CLOCK_JUMP": 1}
    assert report.windows_valid == 24


def test_a_clock_that_is_set_back_is_a_restart(play: Play, frames: Frames) -> None:
    report = play(changed(frames, 70, lambda s: replace(s, t_us=s.t_us - 10_000_000)))
    assert report.faults == {"RESTART": 1}


def test_wraps_of_index_clock_and_sequence_are_no_fault(play: Play, frames: Frames) -> None:
    def late(message: Samples) -> Samples:
        index = (message.first_index + (1 << 32) - 616) % (1 << 32)  # a multiple of the hop
        return replace(message, first_index=index, t_us=(message.t_us - 5_000_000) % (1 << 32))

    report = play(changed(frames, 0, late))
    assert report.faults == {}
    assert report.samples + 59 >= 10 * FRAMES


def test_a_rate_that_is_off_is_one_fault(play: Play, frames: Frames) -> None:
    report = play(changed(frames, 0, lambda s: replace(s, t_us=s.t_us * 93 // 100)))
    assert report.faults == {"RATE_FAULT": 1}


def test_a_sensor_set_to_another_rate_is_one_fault_and_a_mirror_image_too(
    play: Play, frames: Frames
) -> None:
    hundred = SensorRegisters(bw_rate=0x0A)
    mirror = AxisMap((1, 0, 2), (1, 1, 1))
    for hello, expected in (
        (replace(HELLO, registers=hundred), {"RATE_FAULT": 1}),
        (replace(HELLO, axes=mirror), {"MIRRORED": 1}),
    ):
        said: Frames = [hello if isinstance(m, Hello) else m for m in frames]
        assert play(said).faults == expected


def test_the_devices_own_words_are_text_line_by_line(play: Play, frames: Frames) -> None:
    position = samples_at(frames, 60)
    wire = b"sensor: warm\nsensor: hot\n" + encode_message(frames[position], position)
    assert play(frames, {position: wire}).faults == {"DEVICE_TEXT": 2}


def test_frames_that_leap_again_and_again_are_no_gaps(play: Play, frames: Frames) -> None:
    rows = ((1, 2, 256),)
    hostile = [Samples(100_000 * k, 20_000 * k, rows) for k in range(1, 21)]
    report = play([HELLO, Samples(0, 0, rows), *hostile])
    # A run begins with a window of the device: those that hold none give no sample.
    assert report.faults == {"GAP": 1, "DISCONTINUITY": 6}
    again = [Samples(60_000 * k, 20_000 * k, rows) for k in range(1, 21)]
    assert play([HELLO, Samples(0, 0, rows), *again]).faults == {"GAP": 1, "DISCONTINUITY": 19}


def test_two_leaps_with_a_window_between_them_are_gaps(play: Play, frames: Frames) -> None:
    def later(message: Samples) -> Samples:
        return replace(
            message, first_index=message.first_index + 6000, t_us=message.t_us + 120_000_000
        )

    once = changed(frames, 40, later)
    assert play(changed(once, 50, later)).faults == {"GAP": 2}
    assert play(changed(once, 49, later)).faults == {"GAP": 1, "DISCONTINUITY": 1}


def test_a_gap_costs_no_more_output_than_it_has_bytes(
    tiny_graph: QuantizedGraph, frames: Frames
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    begun = [message for message in frames if isinstance(message, Samples)][:20]
    far = [
        replace(message, first_index=message.first_index + 99_000, t_us=message.t_us + 5_000_000)
        for message in begun[10:]
    ]
    messages: Frames = [HELLO, *begun[:10], *far]
    data = b"".join(encode_message(message, k) for k, message in enumerate(messages))
    windows = session.feed(data, 0.0)
    assert [window.windows for window in windows] == [1, 1, 1649, 1]
    report = session.report()
    assert (report.windows, report.invalid) == (1652, {"gap": 1651})
