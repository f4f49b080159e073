"""SensorWatch at the very edge of each of its limits."""

from collections.abc import Iterable

import pytest

from wearkit.counts import COUNTS_PER_G
from wearkit.link.faults import Fault
from wearkit.link.sample import Counts
from wearkit.live.sensor_watch import SensorWatch, Still


def found(watch: SensorWatch, samples: Iterable[Counts]) -> list[tuple[int, Fault]]:
    """(position, fault) of all that these samples establish."""
    return [
        (position, fault)
        for position, counts in enumerate(samples)
        for fault, _ in watch.push(counts)
    ]


def moving(samples: int) -> list[Counts]:
    return [(90 * (k % 3), -70 * (k % 5), 200 + 50 * (k % 2)) for k in range(samples)]


@pytest.mark.parametrize(
    ("z", "is_off"), [(166, True), (167, False), (256, False), (358, False), (359, True)]
)
def test_at_rest_the_limits_are_0_65_and_1_40_g(z: int, is_off: bool) -> None:
    # Nobody is told before two whole seconds; the sensor's noise is one count.
    watch = SensorWatch(50.0)
    still: list[Counts] = [(k % 2, 0, z) for k in range(100)]
    assert found(watch, still) == ([(99, Fault.SCALE_FAULT)] if is_off else [])
    assert watch.active == ({Fault.SCALE_FAULT} if is_off else set())


@pytest.mark.parametrize("factor", [0.125, 0.25, 0.5, 2.0, 4.0, 8.0])
def test_a_wrong_scale_names_the_range_that_would_explain_it(factor: float) -> None:
    assert f"a factor {factor:g} would" in Still((0.0, 0.0, 1.1 * factor)).scale_sentence()


def test_a_scale_that_is_right_again_and_wrong_again_is_two_faults() -> None:
    watch = SensorWatch(50.0)
    for times in (1, 2):
        wrong = found(watch, [(k % 2, k // 2 % 2, 128) for k in range(400)])
        assert [fault for _, fault in wrong] == [Fault.SCALE_FAULT], times
        assert found(watch, [(k % 2, k // 2 % 2, 256) for k in range(200)]) == []
        assert watch.active == set()


def test_a_stretch_at_rest_is_seen_at_the_latest_after_three_seconds() -> None:
    watch = SensorWatch(50.0)
    still: list[Counts] = [(k % 2, 0, 128) for k in range(150)]
    assert found(watch, moving(1)) == []
    assert found(watch, still) == [(148, Fault.SCALE_FAULT)]


def test_a_repeated_sample_is_stuck_from_the_hundredth_on_and_no_longer_than_it_lasts() -> None:
    watch = SensorWatch(50.0)
    for _ in range(2):
        assert found(watch, moving(30)) == []
        held = [(1, 2, 256)] * 300
        assert found(watch, held) == [(99, Fault.STUCK)]
        assert watch.active == {Fault.STUCK}
        watch.push((1, 2, 257))
        assert watch.active == set()


@pytest.mark.parametrize("dead", [(0, 0, 0), (-1, -1, -1)])
def test_a_dead_bus_is_one_from_the_fifth_sample_on_and_is_not_stuck_too(dead: Counts) -> None:
    watch = SensorWatch(50.0)
    for _ in range(2):
        assert found(watch, [*moving(30), *[dead] * 300]) == [(34, Fault.BUS_FAULT)]
        assert watch.active == {Fault.BUS_FAULT}
        watch.push((1, 2, 256))
        assert watch.active == set()


def one_axis_holds(samples: int, *, other_from: int, every: int = 1) -> list[Counts]:
    """y holds all the time, x from a sample on; all three repeat but for every `every`th."""
    turns = [k // every for k in range(samples)]
    return [
        (9 if k >= other_from else 50 * (turn % 3), 7, 200 + 40 * (turn % 2))
        for k, turn in enumerate(turns)
    ]


@pytest.mark.parametrize("every", [1, 2, 30])
def test_an_axis_is_stuck_from_its_five_hundredth_equal_value_on(every: int) -> None:
    watch = SensorWatch(50.0)
    for _ in range(2):
        assert found(watch, moving(30)) == []
        held = one_axis_holds(800, other_from=9999, every=every)
        assert found(watch, held) == [(499, Fault.AXIS_STUCK)]
        assert watch.active == {Fault.AXIS_STUCK}
        watch.push((1, 8, 256))
        assert watch.active == set()


def test_an_axis_that_holds_at_rest_is_a_quiet_sensor_until_the_body_moves() -> None:
    """As the arms of two sleepers in DSADS: one count for ten seconds, the others to and fro."""
    watch = SensorWatch(50.0)
    rest: list[Counts] = [(k % 2, -5, 255 - k % 3) for k in range(2000)]
    assert found(watch, rest) == []
    held = one_axis_holds(300, other_from=9999)
    moved: list[Counts] = [(x, -5, z) for x, _, z in held]
    (stuck,) = found(watch, moved)
    assert stuck[1] == Fault.AXIS_STUCK


@pytest.mark.parametrize(("other_held", "is_stuck"), [(99, True), (100, False)])
def test_two_axes_that_hold_are_a_sensor_that_hardly_moves(other_held: int, is_stuck: bool) -> None:
    watch = SensorWatch(50.0)
    held = one_axis_holds(500, other_from=500 - other_held)
    assert bool(found(watch, held)) == is_stuck


def test_what_was_before_a_restart_does_not_count() -> None:
    half_g = round(COUNTS_PER_G / 2)
    runs: tuple[list[Counts], ...] = (
        [(1, 2, 256)] * 99,
        [(0, 0, 0)] * 4,
        [(k % 2, 0, half_g) for k in range(60)],
        one_axis_holds(499, other_from=9999),
    )
    for run in runs:
        watch = SensorWatch(50.0)
        for _ in range(2):
            assert found(watch, run) == []
            watch.restart()
    watch = SensorWatch(50.0)
    found(watch, [(0, 0, 0)] * 5)
    watch.restart()
    assert watch.active == set()
