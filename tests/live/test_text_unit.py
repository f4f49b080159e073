"""The unit is found, or refused with the cause, in seconds as they pass and not in samples."""

import math
import random
from collections.abc import Callable

import pytest

from wearkit.errors import DataError
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

Line = Callable[[int], bytes]


def play(line: Line, hz: float, seconds: float, unit: Unit | None = None) -> tuple[float, str]:
    """When something was found or refused, and what it was; bytes come ten times a second."""
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=unit))
    i = 0
    for tick in range(round(10 * seconds)):
        now_s = tick / 10
        lines = []
        while i / hz <= now_s:
            lines.append(line(i))
            i += 1
        try:
            stream.feed(b"".join(lines), now_s)
        except DataError as error:
            return now_s, f"{error.fault}: {error}"
        if unit is None and stream.choice is not None:
            return now_s, f"{stream.choice.unit}: {stream.choice.evidence}"
    return seconds, ""


def still(i: int) -> bytes:
    source = random.Random(i)
    return b"%.3f,%.3f,%.3f\n" % tuple(v + source.gauss(0, 0.003) for v in (0.99, -0.04, 0.02))


@pytest.mark.parametrize("hz", [5.0, 10.0, 12.5, 25.0, 50.0, 100.0, 400.0])
def test_two_still_seconds_are_seconds_at_any_rate(hz: float) -> None:
    at_s, what = play(still, hz, 10)
    assert what.startswith("g: |a| = 0.99")
    assert 1.9 <= at_s <= 4.5  # 20 lines say first what the columns are


def test_three_seconds_of_stillness_are_enough_at_25_hz() -> None:
    def line(i: int) -> bytes:
        return still(i) if i < 75 else b"%.2f,%.2f,0.0\n" % (i * 37 % 11 - 5, i * 53 % 13 - 6)

    assert play(line, 25.0, 40)[1].startswith("g:")


@pytest.mark.parametrize("hz", [12.5, 25.0, 200.0])
def test_thirty_seconds_of_movement_are_thirty_seconds(hz: float) -> None:
    source = random.Random(2)

    def line(_: int) -> bytes:
        return b"%.2f,%.2f,%.2f\n" % tuple(source.uniform(-2, 2) for _ in "xyz")

    at_s, what = play(line, hz, 60)
    assert 29.9 <= at_s <= 30.2
    assert what.startswith("UNITS: The unit could not be found in 30 s (the sensor never lay still")
    assert "mostly about" in what


@pytest.mark.parametrize("text", [b"0,0,0\n", b"0.000,0.000,0.000\n", b"-1,-1,-1\n", b"-0,0,0\n"])
def test_a_dead_bus_is_named_within_five_seconds(text: bytes) -> None:
    at_s, what = play(lambda _: text, 50.0, 10)
    assert at_s < 5
    assert what.startswith("BUS_FAULT: All axes have read")
    assert "wiring" in what
    assert play(lambda _: text, 50.0, 10, Unit.G) == (10, "")  # the session marks its windows


def test_a_sensor_that_wakes_late_is_found() -> None:
    assert play(lambda i: still(i) if i > 80 else b"0,0,0\n", 50.0, 10)[1].startswith("g:")


@pytest.mark.parametrize("every", [7, 20])
@pytest.mark.parametrize("glitch", [b"0.000,0.000,0.000\n", b"1.98,-0.08,0.04\n", b"-4,4,4\n"])
def test_glitches_do_not_hide_the_unit(glitch: bytes, every: int) -> None:
    at_s, what = play(lambda i: glitch if i % every == 3 else still(i), 50.0, 10)
    assert at_s < 3
    assert what.startswith("g: |a| = 0.99")
    assert "left out as glitches" in what


@pytest.mark.parametrize("kinds", [2, 3])
@pytest.mark.parametrize("unit", [None, Unit.G])
def test_lines_of_two_things_in_turn_are_named(kinds: int, unit: Unit | None) -> None:
    def line(i: int) -> bytes:
        return still(i) if i % kinds == 0 else b"%.3f,0.010,-0.020\n" % (0.001 * (i % 5))

    at_s, what = play(line, 50.0 * kinds, 10, unit)
    assert at_s < 5
    assert what.startswith(f"FORMAT: Lines of {kinds} different things take turns")
    assert "--only acc" in what


def test_things_in_turn_are_named_before_a_window_and_though_they_move() -> None:
    def line(i: int) -> bytes:
        x = 250 + round(80 * math.sin(0.113 * i))
        return b"%d,-10,%d\n" % (x, i % 7) if i % 2 else b"%d,4,3\n" % (i % 5)

    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS))
    with pytest.raises(DataError, match="take turns"):
        stream.feed(b"".join(map(line, range(99))))


@pytest.mark.parametrize("hz", [5.0, 10.0, 25.0, 50.0, 100.0])
@pytest.mark.parametrize("step_hz", [0.5, 1.0, 1.8, 2.5, 4.0, 5.0])
def test_movement_is_no_taking_of_turns(hz: float, step_hz: float) -> None:
    def line(i: int) -> bytes:
        swing = math.sin(2 * math.pi * step_hz * i / hz + 0.4)
        return b"%d,%d,0\n" % (250 + round(200 * swing), round(90 * swing))

    assert play(line, hz, 20, Unit.COUNTS) == (20, "")


def test_a_gyroscope_at_rest_is_told_by_its_size() -> None:
    source = random.Random(5)

    def line(_: int) -> bytes:
        return b"%.3f,%.3f,%.3f\n" % tuple(source.gauss(0.01, 0.01) for _ in "xyz")

    assert "mostly about 0.02" in play(line, 50.0, 40)[1]


def test_a_rest_that_is_no_unit_is_refused_in_seconds() -> None:
    at_s, what = play(lambda i: b"0.00%d,0.30,0.40\n" % (i % 3), 50.0, 40)
    assert at_s < 8
    assert "|a| = 0.5" in what


def test_the_lines_that_waited_keep_the_times_they_came() -> None:
    stream = TextStream(StreamOptions(rate_hz=50.0))
    steps: list[PlacedSample] = []
    for tick in range(50):
        steps += stream.feed(still(tick), tick / 10)
    assert [step.sample.arrival_s for step in steps] == [tick / 10 for tick in range(50)]
