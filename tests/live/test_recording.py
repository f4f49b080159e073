"""A recording read again gives what live saw: the same samples, times, losses and options."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.capture.csv_writer import Recorder
from wearkit.capture.decode import Capture, options_of, read_recording, session_record
from wearkit.capture.file import CaptureWriter, Kind
from wearkit.errors import DataError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.options import StreamOptions
from wearkit.link.text.header import parse_axes
from wearkit.live.session import LiveSession
from wearkit.units import Unit

Pieces = list[tuple[float, bytes, bool]]  # arrival, bytes, after a reopening


def lines(first: int, count: int, *, stamp: str = "") -> bytes:
    return b"".join(
        f"{k},{stamp and f'{k * 20_000},'}{k % 90},{-k % 50},256\n".encode()
        for k in range(first, first + count)
    )


@pytest.mark.parametrize(
    "options",
    [
        StreamOptions(50.0),
        StreamOptions(25.0, Unit.M_S2, ("t_us", "-", "x", "y", "z")),
        StreamOptions(50.0, axes=parse_axes("-y+x+z", ""), skip_head=True, settle_s=3.0),
        StreamOptions(50.0, Unit.COUNTS, axes=parse_axes("+z-x-y", "")),
    ],
)
def test_what_the_user_said_survives_the_file(options: StreamOptions) -> None:
    assert options_of(session_record(options, "p", "m")) == options


@pytest.mark.parametrize(
    "change", [{"rate_hz": 0}, {"rate_hz": 1e5}, {"rate_hz": None}, {"settle_s": []}, {"units": 1}]
)
def test_a_record_that_cannot_be_ours_is_refused(change: dict[str, object]) -> None:
    record = session_record(StreamOptions(50.0), "p", "m") | change
    with pytest.raises(DataError, match="first record is damaged"):
        options_of(record)


@pytest.mark.parametrize("hop", [0, -60, 10**6, True, 60.0, "60", None, [60]])
def test_a_hop_that_cannot_be_ours_is_refused(tmp_path: Path, hop: object) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(StreamOptions(50.0), "p", "m") | {"hop": hop})
    log.chunk(b"0,0,0,256\n", 1.0)
    log.close()
    with pytest.raises(DataError, match="first record is damaged"):
        read_recording(path)


@pytest.fixture
def both(tiny_graph: QuantizedGraph, tmp_path: Path) -> Callable[..., Capture]:
    """both(options, pieces): as recorded; asserts that live wrote the same samples and times."""

    def run(options: StreamOptions, pieces: Pieces) -> Capture:
        recorder = Recorder(tmp_path / "live.csv", force=True)
        log = CaptureWriter(tmp_path / "live.wkrec", force=True)
        log.note(Kind.SESSION, session_record(options, "p", "m", hop=60))
        session = LiveSession(tiny_graph, Reference(tiny_graph), options, recorder=recorder)
        for arrival_s, data, resumed in pieces:
            log.chunk(data, arrival_s, resumed=resumed)
            if resumed:
                session.resume()
            session.feed(data, arrival_s)
        session.finish()
        recorder.close()
        log.close()
        again = read_recording(tmp_path / "live.wkrec")
        rows = [row.split(",") for row in (tmp_path / "live.csv").read_text().splitlines()[2:]]
        assert [[int(value) for value in row[1:]] for row in rows] == again.counts.tolist()
        assert [row[0] for row in rows] == [f"{time_s:.6f}" for time_s in again.time_s]
        report = session.report()
        assert (again.missing, again.restarts) == (report.missing_samples, report.restarts)
        assert again.rejected == sum(report.rejected.values())
        return again

    return run


@pytest.mark.parametrize("stamp", ["", "t_us,"])
def test_gaps_restarts_and_reopenings_are_where_live_saw_them(
    both: Callable[..., Capture], stamp: str
) -> None:
    header = f"#wearkit text/1 units=counts fields=index,{stamp}x,y,z\n".encode()
    pieces: Pieces = [
        (1.0, header + lines(0, 100, stamp=stamp), False),
        (3.5, lines(120, 80, stamp=stamp) + b"junk\njunk\n" + b"200,4", False),
        (9.0, header + lines(0, 90, stamp=stamp), True),
        (11.0, lines(98, 1, stamp=stamp), False),  # believed only because nothing came after it
    ]
    again = both(StreamOptions(50.0), pieces)
    assert (len(again.counts), again.missing, again.restarts, again.rejected) == (271, 28, 1, 2)
    assert again.time_s[100] - again.time_s[99] == pytest.approx(0.42)
    assert again.time_s[180] - again.time_s[179] > 0.03


def test_noise_and_a_torn_first_line_are_left_out_as_live_did(
    both: Callable[..., Capture],
) -> None:
    header = b"#wearkit text/1 units=counts fields=index,x,y,z\n"
    pieces: Pieces = [
        (100.0, b"9,9,9\n" + header + b"boot: 1\n" + lines(0, 50), False),
        (104.0, b"boot: 2\n" + lines(50, 10), False),
    ]
    again = both(StreamOptions(50.0).joining(True), pieces)
    assert (len(again.counts), again.rejected) == (60, 1)


def test_a_file_whose_session_is_damaged_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    log.chunk(b"1,2,3\n", 1.0)
    log.close()
    with pytest.raises(DataError, match="holds no session"):
        read_recording(path)


def test_damage_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.wkrec"
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(StreamOptions(50.0, Unit.COUNTS), "p", "m"))
    for k in range(3):
        log.chunk(lines(100 * k, 100), 1.0)
    log.note(Kind.END, {})
    log.close()
    data = bytearray(path.read_bytes())
    data[data.index(b"150,")] ^= 1
    path.write_bytes(data)
    again = read_recording(path)
    assert (again.missing, again.torn_bytes, again.ended) == (100, 0, True)
    assert again.damaged_bytes == len(lines(100, 100)) + 21
