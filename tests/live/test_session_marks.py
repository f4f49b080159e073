"""What LiveSession marks, forgets and reports at the moments that are easy to get wrong."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from wearkit.capture.csv_writer import Recorder
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature, Hello, SampleFlag, Samples
from wearkit.link.options import StreamOptions
from wearkit.live.session import LiveSession

HEADER = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
SIMULATED = HEADER.replace(b"fields", b"sensor=simulated fields")
Rows = list[tuple[int, int, int, int, int]]
Make = Callable[..., LiveSession]


@pytest.fixture
def make(tiny_graph: QuantizedGraph) -> Make:
    def session(recorder: Recorder | None = None) -> LiveSession:
        reference = Reference(tiny_graph)
        return LiveSession(tiny_graph, reference, StreamOptions(50.0), recorder=recorder)

    return session


def walk(samples: int, step_us: int = 20_000) -> Rows:
    random = np.random.default_rng(3)
    counts = np.rint(np.array([90.0, -60.0, 220.0]) + 40 * random.normal(size=(samples, 3)))
    whole = np.clip(counts, -500, 500).astype(int).tolist()
    return [(k, k * step_us, x, y, z) for k, (x, y, z) in enumerate(whole)]


def lines(rows: Rows) -> bytes:
    return b"".join(b"%d,%d,%d,%d,%d\n" % row for row in rows)


def test_a_rate_that_is_right_again_is_marked_no_longer_and_may_go_wrong_again(make: Make) -> None:
    session = make()
    t_us, rows = 0, []
    for k, (_, _, *xyz) in enumerate(walk(4500)):
        t_us += 18_000 if 0 <= k % 3000 < 1500 else 20_000
        rows.append((k, t_us, *xyz))
    windows = session.feed(HEADER + lines(rows), 0.0)  # type: ignore[arg-type]
    marked = ["rate" in window.reasons for window in windows]
    assert (marked[0], marked[40], marked[70]) == (True, False, True)
    assert sum(a != b for a, b in pairwise(marked)) == 2
    assert session.report().faults == {"RATE_FAULT": 2}


def test_two_reasons_both_stand(make: Make) -> None:
    rows = [(k, t, k % 2, k // 2 % 2, 160) for k, t, *_ in walk(250)]
    rows += [(k, 20_000 * k, 0, 0, 160) for k in range(250, 500)]
    windows = make().feed(HEADER + lines(rows), 0.0)
    assert windows[-1].reasons == ("scale", "stuck")


def test_equal_samples_before_and_after_a_restart_are_not_stuck(make: Make) -> None:
    session = make()
    held = [(k, 20_000 * k, 3, 4, 256) for k in range(60)]
    session.feed(HEADER + lines(held) + b"#restart why\n" + lines(held), 0.0)
    session.finish()
    assert session.report().faults == {"RESTART": 1}


def test_an_event_has_the_time_of_its_sample(make: Make) -> None:
    session = make()
    rows = walk(400)
    session.feed(HEADER + lines(rows[:250] + rows[255:]), 0.0)
    (event,) = session.report().events
    assert (str(event.fault), event.detail) == ("GAP", "5 samples missing before sample 255")
    assert event.t_s == pytest.approx(5.1)
    assert event.to_json() == {"fault": "GAP", "t_s": 5.1, "detail": event.detail}


def test_lines_whose_unit_was_never_found_are_not_damage(make: Make) -> None:
    session = make()
    session.feed(b"1,2,256\n" * 30, 0.0)
    session.finish()
    assert (session.report().faults, session.report().rejected) == ({}, {"undecided": 30})


def test_a_bus_fault_is_counted_whoever_saw_it(make: Make) -> None:
    session = make()
    data = encode_message(Hello(boot_id=1, features=Feature.SAMPLES), 0)
    for k, (_, _, *xyz) in enumerate(walk(30)):
        row = (0, 0, 0) if k in (20, 21) else (xyz[0], xyz[1], xyz[2])
        flags = SampleFlag.BUS_ERROR if k in (5, 6) else 0
        data += encode_message(Samples(3 * k, (3 * k + 2) * 20_000, (row,) * 3, flags), k + 1)
    session.feed(data, 0.0)
    assert session.report().faults == {"BUS_FAULT": 3}


def test_bytes_of_half_a_line_are_pending_and_gravity_is_shown(make: Make) -> None:
    session = make()
    still = [(k, 20_000 * k, k % 2, k // 2 % 2, 256) for k in range(110)]
    session.feed(HEADER + lines(still) + b"110,22", 0.0)
    report = session.report()
    assert report.bytes_pending == 6
    assert report.to_json()["gravity_g"] == pytest.approx([0.5 / 256, 0.5 / 256, 1.0], abs=1e-3)


def test_a_gap_while_the_host_is_behind_is_a_gap(make: Make) -> None:
    session = make()
    rows = walk(400)
    windows = session.feed(HEADER + lines(rows[:150] + rows[155:]), 0.0, judge=False)
    assert [window.reasons[0] for window in windows[:3]] == ["backpressure", "gap", "gap"]
    report = session.report()
    assert report.invalid == {"backpressure": 4, "gap": 2}
    assert report.faults == {"BACKPRESSURE": 4, "GAP": 1}


def test_a_recording_says_that_it_was_simulated_and_when(make: Make, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.csv")
    session = make(recorder)
    session.feed(SIMULATED + lines(walk(5, 12_345)), 0.0)
    recorder.close()
    written = (tmp_path / "a.csv").read_text().splitlines()
    assert written[0] == "# units=counts sensor=simulated"
    assert [line.split(",")[0] for line in written[2:4]] == ["0.000000", "0.012345"]


def test_a_probability_is_the_softmax_of_scaled_logits(make: Make) -> None:
    (window,) = make().feed(HEADER + lines(walk(100)), 0.0)
    for said in window.verdicts.values():
        weights = np.exp(np.array(said.logits) * 0.0625)
        assert said.prob == pytest.approx(float(weights.max() / weights.sum()), abs=1e-4)


def test_the_summary_says_all_of_it(make: Make) -> None:
    session = make()
    rows = [(k, t, 511, y, z) if k < 30 else (k, t, x, y, z) for k, t, x, y, z in walk(300)]
    session.feed(SIMULATED + lines(rows) + b"a\nb\n", 0.0)
    session.finish()
    report = session.report("lost", ValueError("gone"))  # type: ignore[arg-type]
    said = report.to_json()
    assert (said["ended"], said["error"], said["simulated"]) == ("lost", "gone", True)
    assert said["clipped_share"] == pytest.approx(0.1)
    assert report.messages_rejected == 2
    assert [event["fault"] for event in said["events"]] == ["CLIPPED"]
    assert said["unit_evidence"] == "said by the device's header"
    assert said["rate_error_hz"] == pytest.approx(50 * 0.001 / 5.98, rel=1e-3)
    assert make().report().clipped_share == 0.0
