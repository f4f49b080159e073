"""No window is clean before the rate is known, and any rate is told within the first window."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples
from wearkit.link.options import StreamOptions
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.units import Unit

RATES_HZ = [5.0, 10.0, 12.5, 20.0, 25.0, 32.0, 40.0, 46.0, 50.0, 54.0, 62.5, 100.0, 200.0, 400.0]
Bursts = Iterator[tuple[bytes, float]]
Play = Callable[..., list[LiveWindow]]


@pytest.fixture
def session(tiny_graph: QuantizedGraph) -> LiveSession:
    options = StreamOptions(50.0, unit=Unit.COUNTS)
    return LiveSession(tiny_graph, Reference(tiny_graph), options)


def values(samples: int) -> list[tuple[int, int, int]]:
    random = np.random.default_rng(2)
    counts = np.rint([250.0, -10.0, 5.0] + 30 * random.normal(size=(samples, 3))).astype(int)
    return [(x, y, z) for x, y, z in counts.tolist()]


def lines(rate_hz: float, samples: int, clock: str, batch_s: float = 0.0) -> Bursts:
    """batch_s: of an adapter, which hands over what came since it last did so."""
    for k, (x, y, z) in enumerate(values(samples)):
        t_s = k / rate_hz
        stamp = {"": b"", "t_ms": b"%d," % round(t_s * 1e3), "t_us": b"%d," % round(t_s * 1e6)}
        arrival_s = np.ceil(t_s / batch_s) * batch_s if batch_s else t_s
        yield stamp[clock] + b"%d,%d,%d\n" % (x, y, z), float(arrival_s)


def frames(rate_hz: float, samples: int) -> Bursts:
    yield encode_message(Hello(boot_id=1, features=Feature.SAMPLES), 0), 0.0
    rows = values(samples)
    for k in range(samples // 10):
        end_us = round((10 * k + 10) / rate_hz * 1e6)
        message = Samples(10 * k, end_us, tuple(rows[10 * k : 10 * k + 10]))
        yield encode_message(message, k + 1), end_us / 1e6


def play(live: LiveSession, bursts: Iterable[tuple[bytes, float]]) -> list[LiveWindow]:
    windows = [window for data, arrival_s in bursts for window in live.feed(data, arrival_s)]
    return windows + live.finish()


def header(clock: str) -> tuple[bytes, float]:
    fields = f"{clock},x,y,z" if clock else "x,y,z"
    return b"#wearkit text/1 units=counts fields=%b\n" % fields.encode(), 0.0


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("clock", ["", "t_ms", "t_us"])
def test_lines_of_any_rate_are_told_in_the_first_window(
    session: LiveSession, rate_hz: float, clock: str
) -> None:
    windows = play(session, [header(clock), *lines(rate_hz, 220, clock)])
    told = ("rate",) if rate_hz != 50.0 else ()
    assert [window.reasons for window in windows] == [told] * 3
    assert session.report().faults == ({"RATE_FAULT": 1} if told else {})


@pytest.mark.parametrize("rate_hz", [rate for rate in RATES_HZ if rate <= 100])
def test_batches_of_an_adapter_do_not_hide_a_rate(session: LiveSession, rate_hz: float) -> None:
    windows = play(session, [header(""), *lines(rate_hz, 220, "", batch_s=0.016)])
    assert [window.reasons for window in windows] == [("rate",) if rate_hz != 50.0 else ()] * 3


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_frames_of_any_rate_are_told_in_the_first_window(
    session: LiveSession, rate_hz: float
) -> None:
    windows = play(session, frames(rate_hz, 220))
    assert [window.reasons for window in windows] == [("rate",) if rate_hz != 50.0 else ()] * 3


@pytest.mark.parametrize("rate_hz", [47.3, 48.5, 51.5, 52.7])
def test_within_the_limit_is_clean_from_the_first_window_on(
    session: LiveSession, rate_hz: float
) -> None:
    assert all(not w.reasons for w in play(session, [header("t_us"), *lines(rate_hz, 400, "t_us")]))


def test_what_lies_on_the_limit_by_arrival_is_unknown_until_it_is_told(
    session: LiveSession,
) -> None:
    # 5.6 % off: 16 ms of an adapter are 0.8 % of one window and less of all there are.
    windows = play(session, [header(""), *lines(47.2, 2000, "", batch_s=0.016)])
    reasons = [window.reasons for window in windows]
    assert reasons[0] == ("rate_unknown",)
    assert reasons[-1] == ()
    assert session.report().faults == {}


def test_a_backlog_read_at_once_says_nothing_of_the_rate(session: LiveSession) -> None:
    waited = [(data, 7.0) for data, _ in lines(50.0, 260, "")]
    live = [(data, 7.0 + t_s) for data, t_s in lines(50.0, 200, "", batch_s=0.016)]
    windows = play(session, [header(""), *waited, *live])
    assert [w.reasons for w in windows[:3]] == [("rate_unknown",)] * 3
    assert [w.reasons for w in windows[-3:]] == [()] * 3


def test_three_reads_in_a_row_are_no_rate_of_thousands(session: LiveSession) -> None:
    bursts = [(data, 0.001 * (k // 50)) for k, (data, _) in enumerate(lines(50.0, 250, ""))]
    windows = play(session, [header(""), *bursts])
    assert {window.reasons for window in windows} == {("rate_unknown",)}
    assert session.report().rate is None


def test_lines_that_wait_for_their_unit_count_with_the_times_they_came(
    tiny_graph: QuantizedGraph,
) -> None:
    # Ten lines a second of a sensor at rest: the unit takes 100 of them.
    live = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    bursts = [(b"%d,%d,%d\n" % (253 + k % 2, -10, 5), k / 10) for k in range(170)]
    assert [window.reasons for window in play(live, bursts)] == [("rate",)] * 2


def test_the_end_of_a_session_judges_by_what_was_measured(session: LiveSession) -> None:
    windows = play(session, [header(""), *lines(62.5, 90, "")])
    assert windows == []
    report = session.report()
    assert report.faults == {"RATE_FAULT": 1}
    assert "62.5" in report.events[0].detail


def test_a_rate_that_changes_is_told_in_the_windows_it_touches(session: LiveSession) -> None:
    # The sensor slows down after 600 samples: long means would take 6 s to notice.
    t_s, bursts = 0.0, [header("t_us")]
    for k, (x, y, z) in enumerate(values(1000)):
        t_s += 1 / 50 if k < 600 else 1 / 40
        bursts.append((b"%d,%d,%d,%d\n" % (round(t_s * 1e6), x, y, z), t_s))
    windows = play(session, bursts)
    marked = [window.first_index for window in windows if "rate" in window.reasons]
    assert marked == list(range(540, 901, 60))


def test_a_pause_of_the_sender_is_no_even_window(session: LiveSession) -> None:
    bursts = [(data, t_s + 1.0 * (k >= 450)) for k, (data, t_s) in enumerate(lines(50, 900, ""))]
    windows = play(session, [header(""), *bursts])
    (across,) = [w for w in windows if w.first_index + 20 < 450 < w.first_index + 80]
    assert across.reasons == ("rate",)
    assert windows[0].reasons == windows[-1].reasons == ()


def test_a_host_that_was_held_up_is_no_rate(session: LiveSession) -> None:
    # Nothing is read for two seconds, then all that waited at once.
    def read_s(t_s: float) -> float:
        return 8.0 if 6.0 <= t_s < 8.0 else t_s

    windows = play(session, [header(""), *((data, read_s(t)) for data, t in lines(50, 900, ""))])
    assert {w.reasons for w in windows if w.first_index > 400 or w.first_index < 200} == {()}
    assert session.report().faults == {}


def test_after_a_restart_the_rate_is_unknown_again(session: LiveSession) -> None:
    first = [(data, t_s) for data, t_s in lines(50, 130, "")]
    second = [(data, 3.0) for data, _ in lines(50, 130, "")]
    windows = play(session, [header(""), *first, (b"#restart why\n", 2.9), *second])
    clean = [window.reasons for window in windows if window.valid]
    assert clean == [(), ("rate_unknown",)]


def test_a_claim_that_is_right_makes_no_rate_known(session: LiveSession) -> None:
    said = b"#wearkit text/1 units=counts rate=50 fields=x,y,z\n"
    windows = play(session, [(said, 0.0), *((data, 0.0) for data, _ in lines(50, 100, ""))])
    assert [window.reasons for window in windows] == [("rate_unknown",)]
