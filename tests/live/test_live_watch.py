"""What live does about a port that falls silent, a host that is behind and a recording that fails,
on a clock that the test turns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.capture.csv_writer import Recorder
from wearkit.capture.file import CaptureReader, CaptureWriter, Kind
from wearkit.errors import LinkLostError, PortError, StorageError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import Fault
from wearkit.link.ledger import Ended
from wearkit.link.options import StreamOptions
from wearkit.link.ports.reader import Chunk
from wearkit.live.loop import live
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow

HEADER = b"#wearkit text/1 units=counts fields=index,x,y,z\n"


def lines(first: int, count: int) -> bytes:
    return b"".join(
        b"%d,%d,%d,256\n" % (i, i * 7 % 90, i * 5 % 60) for i in range(first, first + count)
    )


class Timed:
    """Says its pieces at their times; waiting is what makes time go by."""

    def __init__(self, *pieces: tuple[float, bytes], can_reopen: bool = False) -> None:
        self.now_s = 1000.0
        self._due = [(self.now_s + at_s, data) for at_s, data in pieces]
        self._can_reopen = can_reopen
        self.reopened_s: list[float] = []
        self.away_s = (0.0, 0.0)

    @property
    def is_away(self) -> bool:
        return self.away_s[0] <= self.now_s - 1000.0 < self.away_s[1]

    def take(self, timeout_s: float) -> list[Chunk]:
        self.now_s += max(timeout_s, 0.01)
        ready = [data for at_s, data in self._due if at_s <= self.now_s]
        self._due = self._due[len(ready) :]
        return [Chunk(data, self.now_s) for data in ready]

    def reopen(self) -> bool:
        self.reopened_s.append(round(self.now_s - 1000.0, 1))
        return self._can_reopen


Play = Callable[..., tuple[LiveReport, list[LiveWindow]]]


@pytest.fixture
def play(tiny_graph: QuantizedGraph, monkeypatch: pytest.MonkeyPatch) -> Play:
    """play(source, until_s=100, log=None, recorder=None) -> report and windows."""

    def run(
        source: Timed,
        until_s: float = 100.0,
        log: CaptureWriter | None = None,
        recorder: Recorder | None = None,
    ) -> tuple[LiveReport, list[LiveWindow]]:
        monkeypatch.setattr("wearkit.live.loop.time.monotonic", lambda: source.now_s)
        session = LiveSession(
            tiny_graph, Reference(tiny_graph), StreamOptions(50.0), recorder=recorder
        )
        windows: list[LiveWindow] = []
        report = live(
            source,
            session,
            on_update=windows.extend,
            stop=lambda: source.now_s - 1000.0 > until_s,
            log=log,
        )
        return report, windows

    return run


def test_a_pause_of_less_than_two_seconds_is_no_stall(play: Play) -> None:
    source = Timed((0.1, HEADER + lines(0, 50)), (1.9, lines(50, 50)), (3.7, lines(100, 50)))
    report, _ = play(source, until_s=5.5)
    assert (report.faults, report.ended) == ({}, Ended.STOPPED)


def test_every_silence_of_two_seconds_is_one_stall(play: Play) -> None:
    source = Timed((0.1, HEADER + lines(0, 50)), (5.0, lines(50, 50)), (9.0, lines(100, 50)))
    report, _ = play(source, until_s=18.0)
    assert report.faults == {"STALL": 3}
    assert source.reopened_s == []


def test_after_ten_seconds_of_silence_the_port_is_opened_again_each_time(play: Play) -> None:
    source = Timed((0.1, HEADER + lines(0, 50)), can_reopen=True)
    report, _ = play(source, until_s=35.0)
    assert source.reopened_s == pytest.approx([10.2, 20.3, 30.4], abs=0.25)
    assert (report.faults, report.ended) == ({"STALL": 1}, Ended.STOPPED)


def test_a_port_that_cannot_be_opened_again_is_lost_after_ten_seconds(play: Play) -> None:
    source = Timed((0.1, HEADER + lines(0, 50)))
    report, _ = play(source)
    assert isinstance(report.error, LinkLostError)
    assert "for 10 s" in str(report.error)
    assert (report.faults, report.ended) == ({"STALL": 1}, Ended.LOST)
    assert source.now_s - 1000.0 < 11


def test_a_board_that_is_away_is_not_silent(play: Play) -> None:
    source = Timed((0.1, HEADER + lines(0, 50)), (50.0, lines(50, 50)))
    source.away_s = (1.0, 49.9)
    report, _ = play(source, until_s=51.0)
    assert (report.faults, source.reopened_s) == ({}, [])


def test_lines_that_cannot_be_read_do_not_break_a_silence(play: Play) -> None:
    junk = [(0.3 * k, b"what?\n") for k in range(1, 30)]
    report, _ = play(Timed((0.1, HEADER + lines(0, 50)), *junk), until_s=6.0)
    assert report.faults["STALL"] == 1


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"", {"NO_VALID_DATA": 1}),
        (b"hello\nworld\n" * 3, {"NO_VALID_DATA": 1, "CORRUPT": 6}),
        (b"\x93\xff\xfe\xa0" * 50, {"BAUD_MISMATCH_SUSPECTED": 1}),
        (b"\x93\xff\xfe\xa0" * 49, {"NO_VALID_DATA": 1}),
        (b"\x93\xff~~" * 50, {"NO_VALID_DATA": 1}),
        (b"#error DEVID is 0x00\n", {"DEVICE_ERROR": 1}),
    ],
)
def test_a_port_without_a_readable_line_is_one_fault_after_five_seconds(
    play: Play, data: bytes, faults: dict[str, int]
) -> None:
    source = Timed((0.1, data))
    report, _ = play(source)
    assert isinstance(report.error, PortError)
    assert (report.faults, report.ended) == (faults, Ended.REFUSED)
    assert 5.0 < source.now_s - 1000.0 < 6.0


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"1,2,3\n1,2,3,4\n" * 101, {"FORMAT": 1}),
        (b"#wearkit text/1 units=g fields=x,y\n", {"FORMAT": 1}),
        (b"0.3,0.3,0.3\n" * 1501, {"UNITS": 1}),
        (b"1,2,64\n1,2,65\n" * 100, {"SCALE_FAULT": 1}),
    ],
)
def test_what_cannot_be_understood_is_one_fault_and_the_end(
    play: Play, data: bytes, faults: dict[str, int]
) -> None:
    report, windows = play(Timed((0.1, data)))
    assert (report.faults, report.ended, windows) == (faults, Ended.REFUSED, [])


def test_a_unit_that_is_contradicted_ends_it_after_what_was_read_by_it(play: Play) -> None:
    # Its hundredth sample tells, which is the last of a window: that was read, and is shown.
    report, windows = play(Timed((0.1, b"#wearkit text/1 units=g\n" + b"1,2,256\n" * 100)))
    assert report.ended == Ended.REFUSED
    assert report.faults == {"UNITS": 1, "STUCK": 1, "CLIPPED": 1}
    assert len(windows) == 1


def test_a_device_that_changes_its_axes_is_a_fault_of_format(play: Play) -> None:
    other = HEADER.replace(b"fields", b"axes=+y+x+z fields")
    report, _ = play(Timed((0.1, HEADER + lines(0, 9) + other * 2)))
    assert report.faults == {"FORMAT": 1, "CORRUPT": 2}


@pytest.mark.parametrize(("late_s", "sheds"), [(59.0, False), (61.0, True)])
def test_a_host_is_behind_after_sixty_seconds(play: Play, late_s: float, sheds: bool) -> None:
    class Late(Timed):
        def take(self, timeout_s: float) -> list[Chunk]:
            return [Chunk(one.data, one.arrival_s - late_s) for one in super().take(timeout_s)]

    report, windows = play(Late((0.1, HEADER + lines(0, 160))), until_s=1.0)
    assert report.faults == ({"BACKPRESSURE": 2} if sheds else {})
    assert [window.valid for window in windows] == [not sheds] * 2


def test_the_recording_holds_every_byte_every_fault_and_the_end(play: Play, tmp_path: Path) -> None:
    first = HEADER + lines(0, 200)
    second = lines(210, 60) + b"junk\n" + lines(270, 30)[:-9]  # ten are missing, one is cut off
    log = CaptureWriter(tmp_path / "a.wkrec")
    report, _ = play(Timed((0.1, first), (3.0, second)), log=log)
    log.close()
    records = list(CaptureReader(tmp_path / "a.wkrec"))
    kept = b"".join(record.payload for record in records if record.kind == Kind.BYTES)
    assert kept == first + second
    events = [record.json() for record in records if record.kind == Kind.EVENT]
    assert events == [event.to_json() for event in report.events]
    assert [event["fault"] for event in events] == ["STALL", "GAP", "STALL"]
    assert (records[-1].kind, records[-1].json()) == (Kind.END, report.to_json())


def test_a_recording_that_fails_is_one_fault_and_live_goes_on(play: Play, tmp_path: Path) -> None:
    log = CaptureWriter(tmp_path / "a.wkrec")
    log.error = StorageError("No space left.", fault="DISK_FULL")
    pieces = [(0.2 * k, lines(10 * k, 10)) for k in range(1, 30)]
    report, windows = play(Timed((0.05, HEADER), *pieces), until_s=7.0, log=log)
    log.close()
    assert report.faults == {str(Fault.DISK_FULL): 1}
    assert len(windows) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
def test_so_is_a_csv_that_fails(play: Play) -> None:
    recorder = Recorder(Path("/dev/full"), force=True)
    recorder._flushed_s = 0.0
    pieces = [(0.2 * k, lines(10 * k, 10)) for k in range(1, 30)]
    report, windows = play(Timed((0.05, HEADER), *pieces), until_s=7.0, recorder=recorder)
    recorder.close()
    assert report.faults == {"DISK_FULL": 1}
    assert len(windows) == 4
