"""LiveSession against windows cut by hand and run in one batch."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wearkit.errors import DataError, VerificationError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.options import StreamOptions
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.simulation.sensor import LineFormat
from wearkit.spec import WindowSpec
from wearkit.units import Unit

Counts = NDArray[np.int16]
Make = Callable[..., Counts]
Expect = Callable[[QuantizedGraph, Counts], dict[str, NDArray[np.int8]]]


def session(graph: QuantizedGraph, **options: object) -> LiveSession:
    limit = options.pop("max_windows", None)
    assert limit is None or isinstance(limit, int)
    return LiveSession(
        graph,
        Reference(graph),
        StreamOptions(rate_hz=50.0, **options),  # type: ignore[arg-type]
        max_windows=limit,
    )


def play(live: LiveSession, data: bytes, chunk: int = 1000) -> list[LiveWindow]:
    pieces = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    found = [window for piece in pieces for window in live.feed(piece, 0.0)]
    return [*found, *live.finish()]


def text(counts: Counts, unit: Unit = Unit.COUNTS, *, header: bool = True) -> bytes:
    style = LineFormat(WindowSpec(), unit, header)
    lines = [style.sample_line(index, row) for index, row in enumerate(counts.tolist())]
    return ((style.header_line() if header else "") + "".join(lines)).encode()


def assert_equal(windows: list[LiveWindow], logits: dict[str, NDArray[np.int8]]) -> None:
    for task, expected in logits.items():
        assert [list(w.verdicts[task].logits) for w in windows] == expected.tolist()
        for window, row in zip(windows, expected, strict=True):
            assert window.to_json()["tasks"][task]["logits"] == row.tolist()


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("header", [True, False])
def test_every_verdict_is_the_batch_result_of_the_same_counts(
    tiny_graph: QuantizedGraph,
    moving_counts: Make,
    expected_logits: Expect,
    unit: Unit,
    header: bool,
) -> None:
    counts = moving_counts(700)
    # This sensor rests at 994 mg, which cm/s2 would look like: that unit has to be said.
    said = unit if unit is Unit.MG and not header else None
    live = session(tiny_graph, unit=said)
    windows = play(live, text(counts, unit, header=header))
    assert [w.first_index for w in windows] == list(range(0, 601, 60))
    assert all(w.valid for w in windows)
    at_rail = np.any((counts <= -512) | (counts >= 511), axis=1)
    for k, window in enumerate(windows):
        share = np.mean(at_rail[60 * k : 60 * k + 100])
        assert window.clipped_share == share
        assert window.reasons == (("clipped",) if share else ())
    assert_equal(windows, expected_logits(tiny_graph, counts))
    report = live.report()
    assert report.faults == {"CLIPPED": sum(w.clipped_share > 0 for w in windows)}
    assert report.unit is not None
    assert report.unit.unit is unit
    assert report.messages_ok == 700
    assert report.bytes_pending == 0
    assert report.clipped_samples == int(((counts <= -512) | (counts >= 511)).any(axis=1).sum())


@settings(max_examples=25, deadline=None)
@given(chunks=st.lists(st.integers(1, 700), min_size=1, max_size=30), header=st.booleans())
def test_chunks_do_not_matter(
    tiny_graph: QuantizedGraph, moving_counts: Make, chunks: list[int], header: bool
) -> None:
    data = text(moving_counts(300), header=header).replace(b"\n", b"\nnoise\n", 5)
    whole = session(tiny_graph)
    expected = play(whole, data, len(data))
    live = session(tiny_graph)
    found, position, turn = [], 0, 0
    while position < len(data):
        size = chunks[turn % len(chunks)]
        found += live.feed(data[position : position + size], 0.0)
        position, turn = position + size, turn + 1
    found += live.finish()
    assert found == expected
    assert len(found) == 4
    assert live.report() == whole.report()


def test_junk_between_lines_costs_nothing_but_itself(
    tiny_graph: QuantizedGraph, moving_counts: Make, expected_logits: Expect
) -> None:
    counts = moving_counts(400)
    lines = text(counts).splitlines(keepends=True)
    junk = [b"\xff\x00\n", b"boot: ready\n", b"1_0,2,3\n", b"\r\n", b"# hi\n", b"7" * 300 + b"\n"]
    data = b"".join(line + junk[i % len(junk)] for i, line in enumerate(lines))
    live = session(tiny_graph)
    assert_equal(play(live, data), expected_logits(tiny_graph, counts))
    report = live.report()
    assert report.messages_ok == 400
    assert report.missing_samples == 0
    assert sum(report.rejected.values()) + report.messages_ignored == 402
    assert set(report.rejected) == {"not_ascii", "not_numbers", "too_long"}


def test_a_gap_in_the_index_takes_exactly_the_windows_that_touch_it(
    tiny_graph: QuantizedGraph, moving_counts: Make, expected_logits: Expect
) -> None:
    counts = moving_counts(1000)
    lines = text(counts, header=False).splitlines(keepends=True)
    lost = {*range(333, 340), 700}
    live = session(tiny_graph, unit=Unit.COUNTS)
    windows = play(live, b"".join(line for i, line in enumerate(lines) if i not in lost))
    touched = {k for k in range(16) for i in lost if 60 * k <= i < 60 * k + 100}
    assert [w.window for w in windows] == list(range(16))
    assert {w.window for w in windows if not w.valid} == touched
    assert all(w.reasons == ("gap",) and w.to_json()["tasks"] == {} for w in windows if not w.valid)
    whole = expected_logits(tiny_graph, counts)
    kept = [w.window for w in windows if w.valid]
    assert_equal([w for w in windows if w.valid], {t: rows[kept] for t, rows in whole.items()})
    report = live.report()
    assert report.missing_samples == len(lost)
    assert (report.windows_valid, report.windows_invalid) == (len(kept), len(touched))
    assert report.invalid == {"gap": len(touched)}


def test_a_restart_begins_on_the_grid_with_the_windows_of_a_fresh_session(
    tiny_graph: QuantizedGraph, moving_counts: Make, expected_logits: Expect
) -> None:
    first, second = moving_counts(230, seed=1), moving_counts(300, seed=2)
    live = session(tiny_graph)
    windows = play(live, text(first) + b"#restart why\n" + text(second))
    valid = [w for w in windows if w.valid]
    a, b = expected_logits(tiny_graph, first), expected_logits(tiny_graph, second)
    assert_equal(valid, {task: np.concatenate([a[task], b[task]]) for task in a})
    assert {w.reasons for w in windows if not w.valid} == {("restart",)}
    assert live.report().restarts == 1
    assert [w.t_s for w in windows] == sorted(w.t_s for w in windows)


def test_lines_read_while_deciding_are_replayed(
    tiny_graph: QuantizedGraph, moving_counts: Make, expected_logits: Expect
) -> None:
    # Unit and columns are only known after 100 lines; still window 0 starts at line 0.
    counts = moving_counts(160)
    live = session(tiny_graph)
    data = b"".join(b"%d\t%d\t%d\r\n" % tuple(row) for row in counts.tolist())
    half = data.splitlines(keepends=True)
    assert live.feed(b"".join(half[:99]), 0.0) == []
    windows = [*live.feed(b"".join(half[99:]), 0.0), *live.finish()]
    assert [w.first_index for w in windows] == [0, 60]
    assert_equal(windows, expected_logits(tiny_graph, counts))


@pytest.mark.parametrize("shift", [0.0, 0.08])
def test_a_rate_that_is_off_by_the_devices_clock_marks_the_verdicts(
    tiny_graph: QuantizedGraph, moving_counts: Make, shift: float
) -> None:
    step_us = round(20_000 * (1 + shift))
    lines = [
        b"%d,%d,%d,%d,%d\n" % (i, i * step_us, *row)
        for i, row in enumerate(moving_counts(400).tolist())
    ]
    live = session(tiny_graph)
    windows = play(live, b"".join(lines))
    assert all(w.valid and w.verdicts for w in windows)
    assert all(("rate" in w.reasons) == bool(shift) for w in windows)
    assert live.report().faults.get("RATE_FAULT", 0) == bool(shift)
    rate = live.report().rate
    assert rate is not None
    assert rate.source == "device"
    assert rate.rate_hz == pytest.approx(50 / (1 + shift))


def test_a_header_that_claims_another_rate_marks_verdicts_before_it_is_measured(
    tiny_graph: QuantizedGraph, moving_counts: Make
) -> None:
    header = b"#wearkit text/1 units=counts rate=25 fields=x,y,z\n"
    body = b"".join(b"%d,%d,%d\n" % tuple(row) for row in moving_counts(100).tolist())
    (window,) = play(session(tiny_graph), header + body)
    assert window.reasons == ("rate",)


def test_it_stops_after_the_windows_that_were_asked_for(
    tiny_graph: QuantizedGraph, moving_counts: Make
) -> None:
    live = session(tiny_graph, max_windows=3)
    data = text(moving_counts(1000))
    assert [w.window for w in live.feed(data, 0.0)] == [0, 1, 2]
    assert live.is_full
    assert live.report().windows == 3
    assert live.finish() == []


def test_counts_past_the_rails_clip_and_fractions_are_no_counts(tiny_graph: QuantizedGraph) -> None:
    live = session(tiny_graph, unit=Unit.COUNTS)
    play(live, b"600,-700,0\n1.5,2,3\n" + b"0,0,256\n" * 30)
    report = live.report()
    assert report.clipped_samples == 1
    assert report.rejected == {"not_integer": 1}


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (
            b"#wearkit text/1 units=g\n" + b"#wearkit text/1 units=mg\n" * 2,
            {},
            "changed its header",
        ),
        (b"#wearkit text/1 units=g\n", {"unit": Unit.MG}, "contradicts mg"),
        (b"#wearkit text/1 fields=index,x,y,z\n", {"fields": ("x", "y", "z")}, "contradicts"),
        (b"0.1,0.2,9.8\n" * 120, {"unit": Unit.G}, "look like m/s2"),
        (b"#wearkit text/1 units=counts\n" + b"1,2,1000\n" * 120, {}, "look like mg"),
        (b"1,2,3\n1,2,3,4\n" * 101, {}, "different numbers of columns"),
        (b"0.3,0.3,0.3\n" * 1501, {}, "--units"),
        (b"#wearkit text/9\n", {}, "text/1"),
    ],
)
def test_what_cannot_be_believed_is_refused_in_one_sentence(
    tiny_graph: QuantizedGraph, data: bytes, options: dict[str, object], says: str
) -> None:
    live = session(tiny_graph, **options)
    with pytest.raises(DataError, match=says) as caught:
        play(live, data)
    assert "\n" not in str(caught.value)
    live.finish()
    assert live.report().bytes_pending == 0


def test_lines_without_the_crc_the_header_promises_are_refused(tiny_graph: QuantizedGraph) -> None:
    live = session(tiny_graph)
    play(live, b"#wearkit text/1 units=counts fields=index,t_us,x,y,z crc=crc32\n"
         b"1200,24000000,-3,12,257*727F348E\n1201,24020000,-3,12,257\n")  # fmt: skip
    report = live.report()
    assert (report.messages_ok, report.rejected) == (1, {"crc_missing": 1})


def test_a_garbled_repetition_of_the_header_is_one_rejected_line(
    tiny_graph: QuantizedGraph,
) -> None:
    live = session(tiny_graph)
    play(live, b"".join(b"#wearkit text/1 units=%s\n" % unit for unit in (b"g", b"q", b"g", b"mg")))
    report = live.report()
    assert report.rejected == {"header": 2}
    assert report.messages_ignored == 2
    assert report.unit is not None
    assert report.unit.unit is Unit.G


PIECES = st.sampled_from(
    [
        b"#wearkit text/1 units=g\n",
        b"#wearkit text/1 units=counts fields=index,t_us,x,y,z crc=none\n",
        b"#wearkit text/1 fields=t_ms,-,x,y,z\n",
        b"#wearkit text/1 range=4\n",
        b"0,0,1\n" * 110,
        b"0.1,0.2,9.8\n" * 30,
        b"5,100000,0,0,256\n",
        b"".join(b"%d,%d,0,1,256\n" % (i, i * 20_000) for i in range(120)),
        b"x:1,y:2,z:3\n" * 25,
        b'{"x":1,"y":2,"z":3}\n',
        b"1,2,3,4\n" * 20,
        b"4294967295,0,0,0,256\n",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=30), max_size=12).map(b"".join))
def test_any_bytes_are_used_or_refused_and_all_are_accounted_for(
    tiny_graph: QuantizedGraph, data: bytes
) -> None:
    live = session(tiny_graph)
    windows: list[LiveWindow] = []
    with suppress(DataError):
        windows += live.feed(data, 0.0)
    windows += live.finish()
    report = live.report()
    assert report.bytes_received == len(data)
    assert report.bytes_pending == 0
    assert report.windows == len(windows)
    assert all(w.valid == bool(w.verdicts) for w in windows)


def test_random_damage_never_raises_and_the_counters_add_up(
    tiny_graph: QuantizedGraph, moving_counts: Make
) -> None:
    random = np.random.default_rng(9)
    clean = np.frombuffer(text(moving_counts(600)), dtype=np.uint8)
    for share in (0.001, 0.01, 0.2):
        data = clean.copy()
        hit = random.random(len(data)) < share
        # Keep the header: a damaged one may be believed to announce something else.
        hit[:120] = False
        data[hit] = random.integers(0, 256, int(hit.sum()))
        live = session(tiny_graph)
        play(live, data.tobytes())
        assert live.report().bytes_received == len(data)
        assert live.report().bytes_pending == 0


@pytest.mark.parametrize(
    "counter",
    [
        pytest.param("messages_ok", id="lines_ok"),
        "bytes_ok",
        "windows_valid",
        "bytes_received",
    ],
)
def test_a_report_whose_counters_do_not_add_up_cannot_be_made(
    tiny_graph: QuantizedGraph, moving_counts: Make, counter: str
) -> None:
    live = session(tiny_graph)
    play(live, text(moving_counts(200)))
    report = live.report()
    assert replace(report) == report
    with pytest.raises(VerificationError):
        replace(report, **{counter: getattr(report, counter) + 1})
