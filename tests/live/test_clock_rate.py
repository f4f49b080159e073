import numpy as np
import pytest

from wearkit.link.clock import SessionClock
from wearkit.link.rate import MeasuredRate, RateMeter, TimeSource


def advance(
    clock: SessionClock, stamps_us: list[int | None], restarts: frozenset[int] = frozenset()
) -> list[float]:
    return [
        clock.advance(index, 1, t_us, restarted=index in restarts)
        for index, t_us in enumerate(stamps_us)
    ]


@pytest.mark.parametrize("rate_hz", [47.5, 49.26, 50.0, 52.5])
def test_the_rate_from_device_stamps_is_exact_to_a_thousandth(rate_hz: float) -> None:
    # Stamped in whole milliseconds, as many sketches do.
    clock = SessionClock(50.0)
    times = advance(clock, [round(i * 1000 / rate_hz) * 1000 for i in range(500)])
    measured = clock.device.measure()
    assert measured is not None
    assert measured.rate_hz == pytest.approx(rate_hz, rel=1e-3)
    assert times[-1] == pytest.approx(499 / rate_hz, abs=2e-3)
    assert not measured.is_off(50.0)


@pytest.mark.parametrize(
    ("rate_hz", "off"), [(46.9, True), (47.1, False), (52.9, False), (53.1, True)]
)
def test_six_percent_is_the_limit(rate_hz: float, off: bool) -> None:
    meter = RateMeter("device")
    for index in range(200):
        meter.add(index, index / rate_hz)
    measured = meter.measure()
    assert measured is not None
    assert measured.is_off(50.0) == off


def test_the_rate_from_arrivals_in_16_ms_batches_is_good_after_ten_seconds() -> None:
    random = np.random.default_rng(3)
    meter = RateMeter("arrival")
    for index in range(500):
        sent_s = index / 49.26
        meter.add(index, np.ceil(sent_s / 0.016) * 0.016 + random.uniform(0, 0.002))
    measured = meter.measure()
    assert measured is not None
    assert measured.rate_hz == pytest.approx(49.26, rel=1e-3)


def test_no_rate_of_four_points_nor_without_progress() -> None:
    meter = RateMeter("device")
    for index in range(4):
        meter.add(index, index / 50)
    assert meter.measure() is None
    assert meter.since(0) is None
    meter.add(4, 4 / 50)
    assert meter.since(0) is not None
    assert meter.since(1) is None
    assert meter.measure() is None  # a frame's own stamps are no measurement
    meter.add(50, 1.0)
    assert meter.measure() is not None
    meter.restart()
    assert meter.measure() is None
    for _ in range(5):
        meter.add(7, 0.0)
    meter.add(7, 9.0)
    assert meter.measure() is None
    assert meter.since(0) is None


@pytest.mark.parametrize(("source", "resolution_s"), [("device", 0.001), ("arrival", 0.016)])
def test_no_clock_is_believed_beyond_its_resolution(
    source: TimeSource, resolution_s: float
) -> None:
    for points, measure in ((100, RateMeter.measure), (100, lambda meter: meter.since(0))):
        meter = RateMeter(source)
        for index in range(points):
            meter.add(index, index / 50)
        measured = measure(meter)
        assert measured is not None
        assert measured.rate_hz == pytest.approx(50.0)
        assert measured.error_hz == pytest.approx(50.0 * resolution_s / measured.span_s, rel=1e-3)


def test_a_rate_is_right_off_or_neither() -> None:
    for rate_hz, error_hz, right, off in (
        (50.0, 3.0, True, False),
        (50.0, 3.1, False, False),
        (52.0, 1.0, True, False),
        (52.0, 2.0, False, False),
        (54.0, 0.9, False, True),
        (54.0, 1.1, False, False),
        (46.0, 0.9, False, True),
    ):
        measured = MeasuredRate(rate_hz, 2.0, "arrival", error_hz)
        assert (measured.is_right(50.0), measured.is_off(50.0)) == (right, off)


def test_the_interval_of_a_window_holds_the_true_rate_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(6)
    held = 0
    for _ in range(300):
        meter = RateMeter("device")
        for index in range(100):
            meter.add(index, index / 50 + random.normal(0.0, 0.0009))
        measured = meter.since(0)
        assert measured is not None
        held += abs(measured.rate_hz - 50.0) <= measured.error_hz
    assert held >= 285


def test_one_garbled_stamp_moves_neither_time_nor_rate() -> None:
    clock = SessionClock(50.0)
    stamps: list[int | None] = [i * 20_000 for i in range(300)]
    stamps[150] = 4_000_000_000
    times = advance(clock, stamps)
    assert times == pytest.approx([i / 50 for i in range(300)])
    measured = clock.device.measure()
    assert measured is not None
    assert measured.rate_hz == pytest.approx(50.0, rel=1e-6)
    assert measured.span_s == pytest.approx(299 / 50)


def test_a_clock_that_wraps_or_was_set_is_followed_again() -> None:
    for jump_us in (-(2**32), 7_000_000_000, -100_000_000):
        clock = SessionClock(50.0)
        start_us = 2**32 - 2_000_000
        stamps: list[int | None] = [start_us + i * 20_000 for i in range(100)]
        stamps += [start_us + jump_us + i * 20_000 for i in range(100, 300)]
        times = advance(clock, stamps)
        assert times == pytest.approx([i / 50 for i in range(300)], abs=1e-6)
        measured = clock.device.measure()
        assert measured is not None
        assert measured.rate_hz == pytest.approx(50.0, rel=1e-6)


def test_time_always_increases_whatever_the_stamps_say() -> None:
    random = np.random.default_rng(4)
    stamps = [int(t) if random.random() < 0.8 else None for t in random.integers(0, 2**33, 500)]
    times = advance(SessionClock(50.0), stamps, frozenset({100, 101, 300}))
    assert times[0] == 0.0
    assert (np.diff(times) > 0).all()
    bursts = advance(SessionClock(50.0), [200_000 * (i // 10) for i in range(500)])
    assert (np.diff(bursts) > 0).all()
    assert bursts[-1] == pytest.approx(9.8, abs=0.2)


def test_without_stamps_samples_are_nominal_steps_apart() -> None:
    clock = SessionClock(50.0)
    assert advance(clock, [None] * 4) == pytest.approx([0.0, 0.02, 0.04, 0.06])
    assert clock.advance(10, 7, None, restarted=False) == pytest.approx(0.2)
    assert clock.device.measure() is None


def test_the_rate_is_that_of_the_last_thousand_points() -> None:
    meter = RateMeter("device")
    time_s = 0.0
    for index in range(3000):
        time_s += 1 / 50 if index < 2000 else 1 / 45
        meter.add(index, time_s)
    measured = meter.measure()
    assert measured is not None
    assert measured.rate_hz == pytest.approx(45.0, rel=1e-6)
    assert measured.span_s == pytest.approx(999 / 45)


def test_points_that_come_all_at_once_have_no_rate() -> None:
    meter = RateMeter("arrival")
    for index in range(400):
        meter.add(index, 0.0)
    meter.add(400, 9.0)
    assert meter.measure() is None


def test_a_quarter_of_points_that_are_seconds_late_does_not_move_the_rate() -> None:
    meter = RateMeter("arrival")
    for index in range(1000):
        meter.add(index, index / 50 + (4.0 if index % 100 >= 80 else 0.0))
    measured = meter.measure()
    assert measured is not None
    assert measured.rate_hz == pytest.approx(50.0, rel=0.01)
    assert measured.error_hz < 1.0
