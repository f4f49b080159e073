"""Each fault put into a clean stream is reported under its own code, as often as it was put in,
and under no other."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import MAX_EVENTS_PER_FAULT, Fault, FaultLog
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import DeviceError, Feature, Hello, SampleFlag, Samples, Stats
from wearkit.link.options import StreamOptions
from wearkit.live.sensor_watch import SensorWatch
from wearkit.live.session import LiveSession, LiveWindow

Rows = list[tuple[int, int, int, int, int]]  # index, t_us, x, y, z
HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z\n"
SAMPLES = 1500


@pytest.fixture
def rows() -> Rows:
    """30 s of a sensor at rest and in motion by turns, with an ADXL345's noise, off the rails."""
    random = np.random.default_rng(21)
    vigour = np.where(np.arange(SAMPLES) // 250 % 2, 60.0, 1.0)[:, None]
    counts = np.array([120.0, -80.0, 210.0]) + vigour * random.normal(size=(SAMPLES, 3))
    whole = np.clip(np.rint(counts), -500, 500).astype(int).tolist()
    return [(i, i * 20_000, x, y, z) for i, (x, y, z) in enumerate(whole)]


@pytest.fixture
def play(tiny_graph: QuantizedGraph) -> Callable[..., tuple[dict[str, int], list[LiveWindow]]]:
    """play(rows) -> faults by code and all windows."""

    def run(
        rows: Rows, *, header: bytes = HEADER, junk: dict[int, bytes] | None = None
    ) -> tuple[dict[str, int], list[LiveWindow]]:
        session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
        windows = session.feed(header, 0.0)
        for position, row in enumerate(rows):
            line = b"%d,%d,%d,%d,%d\n" % row
            windows += session.feed((junk or {}).get(position, b"") + line, position / 50)
        windows += session.finish()
        return dict(session.report().faults), windows

    return run


Play = Callable[..., tuple[dict[str, int], list[LiveWindow]]]


def counts_from(rows: Rows, first: int, last: int, change: Callable[..., tuple[int, ...]]) -> Rows:
    return [
        (i, t, *change(x, y, z)) if first <= i < last else (i, t, x, y, z)  # type: ignore[misc]
        for i, t, x, y, z in rows
    ]


def test_a_clean_stream_has_no_fault_and_every_window_a_verdict(play: Play, rows: Rows) -> None:
    faults, windows = play(rows)
    assert faults == {}
    assert len(windows) == 24
    assert all(window.valid and window.reasons == () for window in windows)


def test_a_gap_is_one_fault_and_takes_its_windows(play: Play, rows: Rows) -> None:
    lost = {*range(400, 407), 900}
    faults, windows = play([row for row in rows if row[0] not in lost])
    assert faults == {"GAP": 2}
    touched = {k for k in range(24) if any(60 * k <= i < 60 * k + 100 for i in lost)}
    assert {window.window for window in windows if not window.valid} == touched


def test_duplicates_and_conflicts_cost_nothing(play: Play, rows: Rows) -> None:
    again = [*rows[:300], rows[250], *rows[300:]]
    faults, windows = play(again)
    assert faults == {"DUPLICATE": 1}
    other = [*rows[:300], (250, rows[250][1], 9, 9, 9), *rows[300:]]
    faults, same = play(other)
    assert faults == {"CONFLICT": 1}
    assert windows == same
    assert all(window.valid for window in windows)


def test_damaged_lines_are_corrupt_one_by_one(play: Play, rows: Rows) -> None:
    junk = {200: b"1,2,nan,4,5\n", 300: b"\xff\xfe\n", 400: b"1_0,2,3,4,5\n", 500: b"1,2,\n"}
    faults, windows = play(rows, junk=junk)
    assert faults == {"CORRUPT": 4}
    assert all(window.valid for window in windows)


def test_a_restart_is_told_from_a_leap(play: Play, rows: Rows) -> None:
    back = [*rows[:700], *[(i - 700, t - 14_000_000, *xyz) for i, t, *xyz in rows[700:]]]
    assert play(back)[0] == {"RESTART": 1}
    ahead = [*rows[:700], *[(i + 200_000, t, *xyz) for i, t, *xyz in rows[700:]]]
    assert play(ahead)[0] == {"DISCONTINUITY": 1}


def test_wraps_of_index_and_clock_are_no_fault(play: Play, rows: Rows) -> None:
    wrap = 1 << 32
    begin_us = wrap - 10_000_000
    wrapped = [((i + wrap - 600) % wrap, (begin_us + t) % wrap, x, y, z) for i, t, x, y, z in rows]
    faults, windows = play(wrapped)
    assert faults == {}
    assert all(window.valid for window in windows)
    steps = [later.t_s - earlier.t_s for earlier, later in pairwise(windows)]
    assert steps == pytest.approx([1.2] * 23)


def test_a_clock_that_is_set_is_one_jump(play: Play, rows: Rows) -> None:
    jumped = [(i, t + 3_600_000_000 * (i >= 800), x, y, z) for i, t, x, y, z in rows]
    faults, windows = play(jumped)
    assert faults == {"CLOCK_JUMP": 1}
    assert all(window.valid for window in windows)


@pytest.mark.parametrize(("step_us", "off"), [(18_900, False), (18_600, True), (21_500, True)])
def test_the_rate_past_six_percent_is_one_fault(
    play: Play, rows: Rows, step_us: int, off: bool
) -> None:
    faults, windows = play([(i, i * step_us, x, y, z) for i, _, x, y, z in rows])
    assert faults == ({"RATE_FAULT": 1} if off else {})
    assert all(("rate" in window.reasons) == off for window in windows)


def test_late_stamps_do_not_move_the_rate(play: Play, rows: Rows) -> None:
    # Every fifth stamp up to 0.6 s late, as a FIFO that is emptied late gives.
    random = np.random.default_rng(5)
    late = [
        (i, t + (int(random.integers(100_000, 600_000)) if i % 5 == 4 else 0), x, y, z)
        for i, t, x, y, z in rows
    ]
    assert play(late)[0] == {}


def overlapping(windows: list[LiveWindow], first: int, last: int) -> set[int]:
    """Those that hold a sample from first to last."""
    return {w.window for w in windows if w.first_index <= last and first <= w.first_index + 99}


def marked(windows: list[LiveWindow], reason: str) -> set[int]:
    return {window.window for window in windows if reason in window.reasons}


@pytest.mark.parametrize("dead", [(0, 0, 0), (-1, -1, -1)])
def test_a_dead_bus_needs_five_samples(play: Play, rows: Rows, dead: tuple[int, ...]) -> None:
    assert play(counts_from(rows, 300, 304, lambda *_: dead))[0] == {"GLITCH": 1}
    faults, windows = play(counts_from(rows, 300, 700, lambda *_: dead))
    assert faults == {"BUS_FAULT": 1}
    assert marked(windows, "bus") == overlapping(windows, 304, 699)


def test_five_dead_samples_inside_a_window_mark_it(play: Play, rows: Rows) -> None:
    faults, windows = play(counts_from(rows, 345, 350, lambda *_: (0, 0, 0)))
    assert faults == {"BUS_FAULT": 1}
    assert marked(windows, "bus") == overlapping(windows, 349, 349)


def test_a_stuck_sensor_needs_a_hundred_equal_samples(play: Play, rows: Rows) -> None:
    held = rows[300][2:]
    assert play(counts_from(rows, 301, 399, lambda *_: held))[0] == {}  # 99 in all
    faults, windows = play(counts_from(rows, 301, 800, lambda *_: held))
    assert faults == {"STUCK": 1}
    assert marked(windows, "stuck") == overlapping(windows, 399, 799)


@pytest.mark.parametrize("glitch", [(0, 0, 0), (-1, -1, -1)])
def test_one_sample_of_nothing_marks_the_windows_it_is_in(
    play: Play, rows: Rows, glitch: tuple[int, int, int]
) -> None:
    for at in (0, 40, 99, 160, 610, 1399):
        faults, windows = play(counts_from(rows, at, at + 1, lambda *_: glitch))
        assert faults == {"GLITCH": 1}
        assert marked(windows, "glitch") == overlapping(windows, at, at)


def test_doubled_values_at_rest_are_glitches(play: Play, rows: Rows) -> None:
    still = counts_from(rows, 500, 750, lambda *_: (253, -10, 5))
    doubled = [(i, t, 506, -20, 10) if i in {560, 580} else (i, t, *xyz) for i, t, *xyz in still]
    faults, windows = play(doubled)
    assert faults["GLITCH"] == 1
    assert marked(windows, "glitch") == {9}  # 540 to 639: the one that holds both


def test_a_part_slower_than_its_lines_is_named_with_its_rate(
    tiny_graph: QuantizedGraph, rows: Rows
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    slow = [(i, t, *rows[i // 4 + 250][2:]) for i, t, *_ in rows[:800]]
    data = b"".join(b"%d,%d,%d,%d,%d\n" % row for row in slow)
    windows = session.feed(HEADER + data, 0.0)
    report = session.report()
    assert report.faults == {"REPEATED": 1}
    assert "about 12.5 Hz" in report.events[0].detail
    assert all(window.reasons == ("repeated",) for window in windows)


def test_one_axis_that_holds_while_others_move(play: Play, rows: Rows) -> None:
    assert play(counts_from(rows, 301, 799, lambda x, y, z: (x, 7, z)))[0] == {}
    faults, windows = play(counts_from(rows, 301, 1100, lambda x, y, z: (x, 7, z)))
    assert faults == {"AXIS_STUCK": 1}
    assert windows[-1].reasons == ()


def test_rails_mark_the_window_with_their_share(play: Play, rows: Rows) -> None:
    faults, windows = play(counts_from(rows, 305, 315, lambda x, y, z: (511, y, z)))
    hit = [window for window in windows if window.clipped_share]
    assert [window.first_index for window in hit] == [240, 300]
    assert [window.clipped_share for window in hit] == [0.1, 0.1]
    assert all(window.valid and window.reasons == ("clipped",) for window in hit)
    assert faults == {"CLIPPED": 2}


@pytest.mark.parametrize("rail", [511, -512])
def test_rails_are_those_of_the_sensor_however_it_is_mounted(
    play: Play, rows: Rows, rail: int
) -> None:
    header = HEADER.replace(b"fields=", b"axes=-x-y+z fields=")
    clipped = play(counts_from(rows, 305, 315, lambda x, y, z: (rail, y, z)), header=header)
    assert clipped[0] == {"CLIPPED": 2}
    beside = rail - 1 if rail > 0 else rail + 2
    whole = play(counts_from(rows, 305, 315, lambda x, y, z: (beside, y, z)), header=header)
    assert whole[0] == {}


@pytest.mark.parametrize("factor", [0.5, 0.25, 1.6])
def test_a_wrong_scale_shows_at_rest_only(play: Play, rows: Rows, factor: float) -> None:
    def scaled(x: int, y: int, z: int) -> tuple[int, int, int]:
        return round(x * factor), round(y * factor), round(z * factor)

    faults, windows = play(counts_from(rows, 600, SAMPLES, scaled))
    assert {code for code in faults if code != "CLIPPED"} == {"SCALE_FAULT"}
    # Still blocks are 500..749 and 1000..1249: the condition lasts from the first whole one on.
    assert faults["SCALE_FAULT"] == 1
    assert "scale" in windows[-1].reasons


def test_a_scale_that_is_a_known_range_is_refused_before_it_starts(
    tiny_graph: QuantizedGraph,
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    with pytest.raises(DataError, match="range") as caught:
        session.feed(b"1,2,64\n1,2,65\n" * 100, 0.0)
    assert caught.value.fault == Fault.SCALE_FAULT


def test_a_mirror_image_is_said_once(play: Play, rows: Rows) -> None:
    for axes, mirrored in (("+x+y+z", False), ("-y+x+z", False), ("+y+x+z", True)):
        header = HEADER.replace(b"fields", b"axes=%b fields" % axes.encode())
        assert play(rows, header=header)[0] == ({"MIRRORED": 1} if mirrored else {})


def test_a_device_that_reports_an_error_is_quoted(play: Play, rows: Rows) -> None:
    junk = {200: b"#error adxl345 overrun\n", 700: b"#error adxl345 overrun\n"}
    assert play(rows, junk=junk)[0] == {"DEVICE_ERROR": 2}


def test_noise_is_forgiven_for_three_seconds_after_opening(
    tiny_graph: QuantizedGraph, rows: Rows
) -> None:
    options = StreamOptions(50.0).joining(True)
    session = LiveSession(tiny_graph, Reference(tiny_graph), options)
    session.feed(b"tail\nets Jun  8 2016\n\xff\xfe\n", 100.0)
    session.feed(HEADER + b"boot: ready\n", 102.9)
    for row in rows[:200]:
        session.feed(b"%d,%d,%d,%d,%d\n" % row, 103.1)
    session.feed(b"not a sample\n", 103.2)
    session.finish()
    assert session.report().faults == {"CONNECT_NOISE": 3, "CORRUPT": 1}


def test_a_host_that_is_behind_gives_no_verdict_and_says_so(
    tiny_graph: QuantizedGraph, rows: Rows
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    data = [b"%d,%d,%d,%d,%d\n" % row for row in rows]
    windows = session.feed(HEADER + b"".join(data[:400]), 0.0)
    windows += session.feed(b"".join(data[400:800]), 0.0, judge=False)
    windows += session.feed(b"".join(data[800:]), 0.0)
    shed = [window.window for window in windows if not window.valid]
    assert shed == [6, 7, 8, 9, 10, 11]
    report = session.report()
    assert report.faults == {"BACKPRESSURE": 6}
    assert report.invalid == {"backpressure": 6}
    assert (report.messages_ok, report.missing_samples) == (SAMPLES, 0)


def test_events_are_bounded_and_counts_are_not() -> None:
    log = FaultLog()
    heard: list[str] = []
    log.listeners.append(lambda event: heard.append(event.detail))
    for number in range(MAX_EVENTS_PER_FAULT + 50):
        log.add(Fault.GAP, str(number))
    assert log.counts[Fault.GAP] == MAX_EVENTS_PER_FAULT + 50 == len(heard)
    assert len(log.events) == MAX_EVENTS_PER_FAULT


def test_the_page_explains_every_fault_once_and_no_other(repository: Path) -> None:
    page = (repository / "docs" / "faults.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("| ")][1:]
    codes = [line.split("|")[1].removesuffix(" (n) ").strip() for line in table]
    assert codes == [str(fault) for fault in Fault]
    for line in table:
        assert len(line.split("|")) == 7, line
        assert line.split("|")[5].strip() in {"-", "1", "3", "4", "5", "8"}


def test_a_still_sensor_shows_where_gravity_is() -> None:
    watch = SensorWatch(50.0)
    for index in range(100):
        watch.push((3, -4 + index % 2, 256))
    assert watch.still is not None
    assert watch.still.mean_g == pytest.approx((3 / 256, -3.5 / 256, 1.0))
    assert not watch.still.is_off_scale


def noise(samples: int) -> NDArray[np.int16]:
    """A sensor on a table with the noise of ADXL345 Table 1: 0.75 LSB rms in x and y, 1.1 in z."""
    random = np.random.default_rng(8)
    counts = np.array([12.4, -7.6, 255.2]) + random.normal(size=(samples, 3)) * [0.75, 0.75, 1.1]
    return np.rint(counts).astype(np.int16)


def test_an_hour_on_a_table_is_not_stuck() -> None:
    watch = SensorWatch(50.0)
    found = [watch.push((x, y, z)) for x, y, z in noise(180_000).tolist()]
    assert not any(found)


def frames_of(rows: Rows, flags: dict[int, int], drops: list[int]) -> bytes:
    """Ten samples a frame. flags: of frame k; drops: `tx_dropped` of STATS after each 300."""
    data, seq = b"", 0
    for k in range(len(rows) // 10):
        messages: list[Hello | Samples | Stats] = [
            Samples(
                rows[10 * k][0],
                rows[10 * k + 9][1],
                tuple((x, y, z) for _, _, x, y, z in rows[10 * k : 10 * k + 10]),
                flags.get(k, 0),
            )
        ]
        if k % 30 == 0:
            messages = [Hello(boot_id=1, features=Feature.SAMPLES), *messages]
            messages.append(Stats(k, 10 * k, tx_dropped=drops.pop(0) if drops else 0))
        for message in messages:
            data += encode_message(message, seq)
            seq += 1
    return data


def test_what_the_device_says_of_itself_is_counted(tiny_graph: QuantizedGraph, rows: Rows) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    flags = {20: SampleFlag.OVERRUN, 50: SampleFlag.BUS_ERROR, 51: SampleFlag.BUS_ERROR}
    # Four were dropped before we listened; then three, and two after another start.
    data = frames_of(rows, {k: int(flag) for k, flag in flags.items()}, [4, 4, 7, 0, 2])
    data += encode_message(DeviceError(3, "adxl345 silent"), 9999) + b"boot: brownout\n\0"
    for position in range(0, len(data), 500):
        session.feed(data[position : position + 500], position / 500)
    session.finish()
    assert session.report().faults == {
        "BUS_FAULT": 2,
        "DEVICE_OVERRUN": 1,
        "DEVICE_DROPPED": 2,
        "DEVICE_ERROR": 1,
        "DEVICE_TEXT": 1,
    }
