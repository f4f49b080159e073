"""The sketch as an Arduino Uno runs it: built with Debian's core, then run in a simulator whose
I2C pins meet an ADXL345 model, and read by the same code as `wearkit live`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.text.stream import TextStream

FLASH_BYTES, RAM_BYTES = 32256, 2048  # ATmega328P under Arduino's boot loader
PERIOD_US = 20_000


@dataclass(frozen=True, slots=True)
class Session:
    """text: what the UART sent; fed: the samples the sensor model was given, (T, 3)."""

    text: bytes
    fed: np.ndarray[tuple[int, ...], np.dtype[np.int16]]
    taken: int
    lost: int
    short_reads: int
    live_writes: int
    stack_bytes: int

    @property
    def comments(self) -> list[str]:
        return [line for line in self.text.decode().splitlines() if line.startswith("#")]

    def steps(self) -> list[PlacedSample]:
        stream = TextStream(StreamOptions(rate_hz=50.0))
        steps = stream.feed(self.text)
        return steps + stream.finish()


Board = Callable[..., Session]


@pytest.fixture(scope="session")
def sim_board(
    firmware_build: Callable[..., Path], needs_program: Callable[[str, str], str]
) -> Path:
    needs_program("simavr", "apt-get install simavr libsimavr-dev")
    needs_program("gcc", "apt-get install gcc")
    return firmware_build("sim") / "host" / "sim_board"


@pytest.fixture(scope="session")
def board(sim_board: Path, avr_build: Path) -> Board:
    """board(milliseconds, *faults) runs the sketch; faults as in sim_board.c."""

    def run(milliseconds: int, *faults: str) -> Session:
        random = np.random.default_rng(50)
        fed = random.integers(-512, 512, (milliseconds // 20 + 100, 3)).astype(np.int16)
        result = subprocess.run(
            [sim_board, avr_build / "adxl345_text.elf", str(milliseconds), *faults],
            input="".join(f"{x} {y} {z}\n" for x, y, z in fed).encode(),
            capture_output=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr.decode()
        return Session(result.stdout, fed, **json.loads(result.stderr))

    return run


@pytest.fixture(scope="session")
def eleven_seconds(board: Board) -> Session:
    """An undisturbed run, long enough for the header to come twice."""
    return board(11_000)


def _whole_lines(session: Session) -> list[str]:
    """Without the line that the end of the simulation may have cut."""
    return session.text.decode().split("\n")[:-1]


def test_sketch_fits_an_uno(avr_build: Path, eleven_seconds: Session, board: Board) -> None:
    result = subprocess.run(
        ["avr-size", "-A", avr_build / "adxl345_text.elf"],
        capture_output=True,
        text=True,
        check=True,
    )
    size = {
        name: int(value) for name, value in re.findall(r"^\.(\w+)\s+(\d+)", result.stdout, re.M)
    }
    stack = max(eleven_seconds.stack_bytes, board(1_500, "0:stuck=0x2C").stack_bytes)

    assert 0 < size["text"] + size["data"] < FLASH_BYTES
    assert 0 < size["data"] + size["bss"] + stack < RAM_BYTES // 2
    assert stack > 100  # it was watched


def test_our_code_brings_no_heap_float_or_printf(avr_build: Path) -> None:
    objects = sorted((avr_build / "ours").glob("*.o"))
    result = subprocess.run(
        ["avr-nm", "--undefined-only", *objects], capture_output=True, text=True, check=True
    )

    assert len(objects) >= 8
    assert "wk_crc32" in result.stdout
    assert not re.search(r"malloc|free|printf|__(add|sub|mul|div|float|fix)\w*sf", result.stdout)


def test_golden_vectors_hold_on_the_avr(sim_board: Path, avr_build: Path) -> None:
    result = subprocess.run(
        [sim_board, avr_build / "test_golden.elf", "5000"],
        input=b"",
        capture_output=True,
        check=True,
    )
    assert re.fullmatch(rb"golden: 1\d\d checked, 0 differ\n", result.stdout)


def test_live_reads_what_the_sensor_measured(eleven_seconds: Session) -> None:
    session = eleven_seconds
    steps = session.steps()
    expected = session.fed[1 : len(steps) + 1].tolist()  # the first one is the turn-on transient

    assert len(steps) >= 540
    assert [list(step.sample.counts) for step in steps] == expected
    assert [step.sample.index for step in steps] == list(range(len(steps)))
    assert not any(step.missing or step.restarted for step in steps)
    assert (session.lost, session.short_reads, session.live_writes) == (0, 0, 0)


def test_sample_times_are_those_of_the_sensor(eleven_seconds: Session) -> None:
    times = [step.sample.t_us for step in eleven_seconds.steps()]
    steps_us = np.diff(np.array(times, dtype=np.int64))

    # One turn of loop() is well below 1 ms, but a line takes 4 ms and a header 9 ms to print.
    assert np.abs(steps_us - PERIOD_US).max() < 10_000
    assert abs(steps_us.mean() - PERIOD_US) < 20


def test_header_comes_first_and_every_ten_seconds(eleven_seconds: Session) -> None:
    lines = _whole_lines(eleven_seconds)
    headers = [number for number, line in enumerate(lines) if line.startswith("#wearkit text/1 ")]

    assert len(headers) == 2 and headers[0] == 0
    assert int(lines[headers[1] + 1].split(",")[1]) == pytest.approx(10_000_000, abs=100_000)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("absent=1", "No answer: check power"),
        ("devid=0", "The device id reads 0x00 for every bit: check power"),
        ("devid=255", "The device id reads 0xFF for every bit: check power"),
        ("devid=0xF2", "The device id reads 0xF2, 0xE5 shifted by one bit"),
        ("shifted=1", "The device id reads 0x72, 0xE5 shifted by one bit"),
        ("devid=0x33", "The device id reads 0x33, an ADXL345 says 0xE5"),
        ("stuck=0x2C", "Register 0x2C was set to 0x09 but reads 0x0A"),
    ],
)
def test_a_sensor_that_cannot_start_is_explained_every_second(
    board: Board, fault: str, sentence: str
) -> None:
    session = board(3_500, f"0:{fault}")
    lines = _whole_lines(session)

    assert len(lines) == 4
    assert all(line.startswith(f"#error {sentence}") and line.endswith(".") for line in lines)
    stream = TextStream(StreamOptions(rate_hz=50.0))
    assert stream.feed(session.text) == []
    assert stream.device_error.startswith(sentence)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("burst=40", "The sensor's buffer was full"),
        ("brownout=1", "Register 0x38 was set to 0x8A but reads 0x00 while running"),
        ("noise=0x40", "The sensor sent a value it cannot have"),
    ],
)
def test_a_loss_is_said_and_the_index_starts_again(board: Board, fault: str, sentence: str) -> None:
    session = board(4_000, f"2000:{fault}")
    steps = session.steps()
    (comment,) = [line for line in session.comments if line.startswith("#restart")]
    start = next(number for number, step in enumerate(steps) if step.restarted)

    assert comment.startswith(f"#restart {sentence}")
    assert sum(line.startswith("#wearkit") for line in session.comments) == 2
    assert sum(step.restarted for step in steps) == 1
    assert [s.sample.index for s in steps] == [*range(start), *range(len(steps) - start)]
    fed = {tuple(row) for row in session.fed.tolist()}
    assert all(step.sample.counts in fed for step in steps)


def test_a_short_pause_of_the_board_loses_nothing(board: Board) -> None:
    session = board(4_000, "2000:burst=30")  # and the regular one at that instant
    steps = session.steps()

    assert session.lost == 0
    assert [list(step.sample.counts) for step in steps] == session.fed[1 : len(steps) + 1].tolist()
    assert [step.sample.index for step in steps] == list(range(len(steps)))


def test_an_unplugged_sensor_comes_back(board: Board) -> None:
    session = board(6_000, "2000:absent=1", "4300:absent=0", "4300:brownout=1")
    comments = [line.split(":")[0] for line in session.comments]

    assert comments[0].startswith("#wearkit")
    assert comments[1] == "#restart No answer"
    assert comments[2:-1] and set(comments[2:-1]) == {"#error No answer"}
    assert comments[-1].startswith("#wearkit")
    assert sum(step.restarted for step in session.steps()) == 1


def test_a_sensor_that_stops_answering_reads_is_said_to(board: Board) -> None:
    session = board(3_000, "2000:mute=1")

    assert session.comments[1].startswith("#restart No answer")
    assert all(line.startswith("#error No answer") for line in session.comments[2:])
