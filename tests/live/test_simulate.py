import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import COUNTS_PER_G
from wearkit.errors import StorageError
from wearkit.link.frames.frame import Frame, FrameDecoder, FrameType
from wearkit.link.ports.pty import PseudoTerminal, ReaderLeftError
from wearkit.link.text.header import parse_header
from wearkit.link.text.line import Row, parse_line
from wearkit.link.text.unit_finder import to_counts
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.simulation.frame_format import FrameFormat
from wearkit.simulation.sensor import LineFormat, Played, samples, simulate
from wearkit.spec import WindowSpec
from wearkit.units import Unit
from wearkit.windows.cut import cut

SPEC = WindowSpec()
Counts = NDArray[np.int16]


def recording(counts: Counts, time_s: NDArray[np.float64] | None = None) -> Recording:
    times = np.arange(len(counts)) / 50 if time_s is None else time_s
    return Recording(
        acc_g=(counts / COUNTS_PER_G).astype(np.float32),
        time_s=times,
        rate_hz=float(1 / np.median(np.diff(times))),
        subject="s",
        placement="waist",
        source="test",
        labels=LabelTrack("activity", ("a", "b"), (np.arange(len(counts)) // 400 % 2).astype("i2")),
    )


def windows_of(played: list[tuple[int, tuple[int, int, int]]]) -> list[list[list[int]]]:
    """Windows by hand: hop 60 on the index, only where all 100 samples are there."""
    at = dict(played)
    starts = range(0, max(at) + 1, 60)
    spans = [range(start, start + 100) for start in starts]
    return [[list(at[i]) for i in span] for span in spans if all(i in at for i in span)]


@pytest.mark.parametrize("unit", list(Unit))
def test_every_count_comes_back_exactly_from_its_line(unit: Unit) -> None:
    every = np.arange(-512, 512)
    style = LineFormat(SPEC, unit)
    header = parse_header(style.header_line().strip())
    assert (header.unit, header.rate_hz, header.simulated) == (unit, 50.0, True)
    rows = [parse_line(style.sample_line(7, (c, -c, 511)).strip().encode()) for c in every.tolist()]
    triples = [row.numbers[2:] for row in rows if isinstance(row, Row)]
    assert to_counts(triples, unit)[:, 0].tolist() == every.tolist()  # type: ignore[arg-type]


def test_the_stamp_wraps_as_a_boards_does() -> None:
    style = LineFormat(SPEC)
    assert style.sample_line(214_748, (1, 2, 3)) == "214748,4294960000,1,2,3\n"
    assert style.sample_line(214_749, (1, 2, 3)) == "214749,12704,1,2,3\n"


def test_windows_of_what_is_played_are_the_windows_cut_would_make(
    moving_counts: Callable[..., Counts],
) -> None:
    # A gap, two recordings, and one at a rate of its own: cut() and play must agree on all.
    gapped = np.concatenate([np.arange(430), np.arange(500, 900)]) / 50
    slow = np.arange(700) / 49.3
    recordings = [
        recording(moving_counts(830, seed=1), gapped),
        recording(moving_counts(700, seed=2), slow),
        recording(moving_counts(400, seed=3)),
    ]
    played = list(samples(recordings, SPEC))
    assert windows_of(played) == cut(recordings, purity=0.01).counts.tolist()
    index = [i for i, _ in played]
    assert index == sorted(set(index))
    assert index[430] == 480
    assert max(np.diff(index)) <= 61


class SlowReader(threading.Thread):
    """Opens the port, waits, then reads to the hang-up."""

    def __init__(self, path: str, before_s: float = 0.0, stop_after: int | None = None) -> None:
        super().__init__()
        self._port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._before_s, self._stop_after = before_s, stop_after
        self.data = b""
        self.start()

    def run(self) -> None:
        time.sleep(self._before_s)
        while self._stop_after is None or len(self.data) < self._stop_after:
            try:
                data = os.read(self._port, 4096)
            except OSError:
                break
            if not data:
                break
            self.data += data
        os.close(self._port)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PseudoTerminal]:
    made = PseudoTerminal(tmp_path / "sensor")
    yield made
    with suppress(OSError):
        made.close()


def play(port: PseudoTerminal, counts: Counts, **options: object) -> Played:
    return simulate(port, lambda: [recording(counts)], LineFormat(SPEC), speed=1e6, **options)  # type: ignore[arg-type]


def test_a_slow_reader_holds_the_sender_back_and_gets_every_line(
    port: PseudoTerminal, moving_counts: Callable[..., Counts]
) -> None:
    counts = moving_counts(6000)
    reader = SlowReader(port.path, before_s=0.3)
    assert port.wait_for_reader(lambda: False)
    played = play(port, counts)
    assert (played.samples, played.drained, played.reader_left) == (6000, True, False)
    assert played.lag_s > 0
    port.close()
    reader.join()
    lines = [line for line in reader.data.splitlines() if not line.startswith(b"#")]
    assert [line.split(b",")[0] for line in lines] == [b"%d" % i for i in range(6000)]
    assert reader.data.count(b"#wearkit") == 12


def test_a_reader_that_leaves_ends_the_play(
    port: PseudoTerminal, moving_counts: Callable[..., Counts]
) -> None:
    reader = SlowReader(port.path, stop_after=1000)
    assert port.wait_for_reader(lambda: False)
    played = play(port, moving_counts(20_000))
    reader.join()
    assert played.reader_left
    assert not played.drained
    with pytest.raises(ReaderLeftError):
        port.write(b"nobody", lambda: False)


def test_the_next_reader_gets_nothing_of_what_the_last_one_left(
    port: PseudoTerminal, moving_counts: Callable[..., Counts]
) -> None:
    first = SlowReader(port.path, stop_after=10)
    assert port.wait_for_reader(lambda: False)
    play(port, moving_counts(5000))
    first.join()
    port.renew()
    second = SlowReader(port.path)
    assert port.wait_for_reader(lambda: False)
    play(port, moving_counts(50))
    port.close()
    second.join()
    assert second.data.startswith(b"#wearkit text/1")
    assert second.data.count(b"\n") == 51


def test_it_waits_for_a_reader_and_gives_up_when_told(port: PseudoTerminal) -> None:
    assert not port.wait_for_reader(lambda: False, timeout_s=0.05)
    assert not port.wait_for_reader(lambda: True)
    reader = SlowReader(port.path)
    assert port.wait_for_reader(lambda: False, timeout_s=0.0)
    port.close()
    reader.join()


def test_stop_ends_a_write_nobody_reads(
    port: PseudoTerminal, moving_counts: Callable[..., Counts]
) -> None:
    asleep = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    calls = iter([False] * 40)
    played = play(port, moving_counts(20_000), stop=lambda: next(calls, True))
    assert not played.drained
    os.close(asleep)


def test_the_link_lasts_as_long_as_the_port_and_no_file_is_lost(tmp_path: Path) -> None:
    link = tmp_path / "sensor"
    made = PseudoTerminal(link)
    assert str(link.readlink()) == made.path
    made.close()
    assert not link.is_symlink()
    link.write_text("precious")
    with pytest.raises(StorageError, match="--link"):
        PseudoTerminal(link)
    assert link.read_text() == "precious"


def test_lines_leave_when_they_are_due(
    moving_counts: Callable[..., Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    sent: list[tuple[float, int]] = []

    class Clock:
        def monotonic(self) -> float:
            return now_s

        def sleep(self, seconds: float) -> None:
            nonlocal now_s
            now_s += seconds

    class Port:
        def write(self, data: bytes, stop: object) -> None:
            nonlocal now_s
            sent.extend((now_s, int(line.split(b",")[0])) for line in data.splitlines())
            # One write that takes far too long must not shift the lines after it.
            now_s += 0.7 if len(sent) == 100 else 0.001

        def drain(self, stop: object) -> bool:
            return True

    monkeypatch.setattr("wearkit.simulation.sensor.time", Clock())
    style = LineFormat(SPEC, header=False)
    played = simulate(Port(), lambda: [recording(moving_counts(500))], style, speed=2.0)  # type: ignore[arg-type]
    assert played.samples == 500
    late = {index: when - index / 100 for when, index in sent}
    assert min(late.values()) >= 0
    assert max(late[i] for i in late if not 100 <= i <= 172) < 0.01


@pytest.fixture
def simulate_process(
    wearkit_process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> Callable[..., tuple[subprocess.Popen[str], str]]:
    """simulate_process(*options) -> (process, port); plays 3 s of a still sensor."""
    path = tmp_path / "still.csv"
    rows = "".join(f"{i / 50:.2f},0,0,{250 + i % 9}\n" for i in range(150))
    path.write_text("# units=counts\ntime,x,y,z\n" + rows)

    def start(*options: str) -> tuple[subprocess.Popen[str], str]:
        process = wearkit_process("simulate", "--data", str(path), *options)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    return start


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_removes_the_link(
    simulate_process: Callable[..., tuple[subprocess.Popen[str], str]],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    link = tmp_path / "ttyWK"
    process, path = simulate_process("--link", str(link))
    assert str(link.readlink()) == path
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert not link.is_symlink()
    assert "Simulated sensor" in err
    assert "Traceback" not in err


def test_loop_begins_again_at_the_end_and_for_the_next_reader(
    simulate_process: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, path = simulate_process("--loop", "--speed", "1000")
    assert process.stderr is not None
    for _ in range(2):
        # A reader that opens before the last one was seen to leave would join in mid-play.
        assert any(line.startswith("Waiting") for line in iter(process.stderr.readline, ""))
        reader = SlowReader(path, stop_after=8000)
        reader.join()
        indices = [
            int(line.split(b",")[0]) for line in reader.data.splitlines()[1:-1] if line[0] != 35
        ]
        assert indices[:150] == list(range(150))
        # 150 samples end at 149; the next start of a window past at least one missing is 180.
        assert indices[150:300] == list(range(180, 330))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--wait", "0.05"], 3, "Nobody opened"),
        (["--subject", "nobody"], 5, "no recording to play"),
        (["--recording", "7"], 5, "no recording to play"),
        (["--speed", "-1"], 2, "positive"),
        (["--speed", "nan"], 2, "positive"),
        (["--seconds", "-1"], 2, "positive"),
        (["--data", "/absent.csv"], 5, "/absent.csv"),
        (["--rate", "0"], 2, "positive"),
        (["--rate", "30", "--protocol", "binary"], 5, "30 Hz is none of its 6.25, 12.5, 25, 50"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(
    simulate_process: Callable[..., tuple[subprocess.Popen[str], str]],
    options: list[str],
    code: int,
    says: str,
) -> None:
    process, _ = simulate_process(*options)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert says in err
    assert "Traceback" not in err


def test_seconds_are_of_sensor_time(
    simulate_process: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, path = simulate_process("--speed", "1000", "--seconds", "1.5", "--no-header")
    reader = SlowReader(path)
    reader.join()
    assert reader.data.count(b"\n") == 75
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Sent 75 samples" in err


def test_a_sensor_has_the_rate_that_was_asked_for(
    simulate_process: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, path = simulate_process("--speed", "1000", "--seconds", "3", "--rate", "12.5")
    reader = SlowReader(path)
    reader.join()
    header, *lines = reader.data.decode().splitlines()
    assert parse_header(header).rate_hz == 12.5
    stamps = [int(line.split(",")[1]) for line in lines if line[0] != "#"]
    assert len(stamps) == 38 and set(np.diff(stamps)) == {80_000}
    process.communicate(timeout=60)


@pytest.mark.parametrize(("rate_hz", "code"), [(6.25, 0x06), (100.0, 0x0A), (800.0, 0x0D)])
def test_frames_name_the_rate(rate_hz: float, code: int) -> None:
    encoder = FrameFormat(WindowSpec(rate_hz=rate_hz)).encoder()
    parts = FrameDecoder().feed(encoder.encode(0, (1, 2, 3)) + encoder.flush())
    frames = [part.content for part in parts if isinstance(part.content, Frame)]
    assert frames[0].type == FrameType.HELLO and frames[0].payload[4] == code


def test_what_cannot_be_brought_to_the_rate_is_not_played() -> None:
    """A lone sample has no rate, and two a year apart would be 1.6 billion samples."""
    for times in (np.array([0.0, 3.2e7]), np.array([0.0, 0.02, 3.0])):
        lying = np.tile(np.array([[0, 0, 256]], np.int16), (len(times), 1))
        played = list(samples([recording(lying, times)], SPEC))
        assert len(played) == (2 if len(times) == 3 else 0)
