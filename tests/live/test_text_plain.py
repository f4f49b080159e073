"""Lines that look alike are read many at once; nothing may come of it but speed."""

import random
import sys
from pathlib import Path

import pytest

from wearkit.capture.csv_writer import Recorder
from wearkit.errors import WearkitError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample, Sample, SampleRun, Stretch, runs_of
from wearkit.link.stream import AutoStream
from wearkit.link.text.layout import Layout
from wearkit.link.text.plain import plain_lines
from wearkit.link.text.stream import TextStream
from wearkit.live.open import stream_options
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.units import Unit

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from board_list import BOARDS, G_M_S2, Board, counts_line, fixed, g_line, shown, stamped

_LINES = 300
Chunks = list[tuple[bytes, float]]
_COUNTS = ("--units", "counts")


def _index_and_clock(i: int, counts: tuple[int, int, int]) -> bytes:
    return b"%d,%d," % (i, 20_000 * i) + counts_line(i, counts)


def _always_moving(i: int, _: tuple[int, int, int]) -> bytes:
    return b"%d,%d,%d\n" % (i * 37 % 400 - 200, i * 17 % 300, -i % 250)


def _jittery(i: int) -> int:
    return 20_000 * i + 7919 * i % 9000


MORE_BOARDS = [
    Board("index and clock", _index_and_clock, options=_COUNTS),
    Board("index and clock, unit found", _index_and_clock),
    Board("clock of uneven steps", stamped(_jittery), options=_COUNTS),
    Board("clock that stands still", stamped(lambda i: 20_000 * (i // 3)), options=_COUNTS),
    Board("clock of 8 bits", stamped(lambda i: 20 * i % 256), options=("--fields", "t_ms,x,y,z")),
    Board("turned", _index_and_clock, options=(*_COUNTS, "--axes", "-y+x+z")),
    Board("turned, in g", g_line, options=("--axes", "-y+x+z")),
    Board("left out", stamped(lambda i: 20 * i, "{},7.25,-3,"),
          options=("--fields", "t_ms,-,-,x,y,z", *_COUNTS)),
    Board("left out between", shown("{0:.3f};{i};{1:.3f};{2:.3f};\r\n"),
          options=("--fields", "x,-,y,z")),
    Board("aligned", shown("{0:9.4f} {1:9.4f}\t{2:9.4f}  \n", G_M_S2)),
    Board("brackets", shown("[{i}, {0:.0f}, {1:.0f}, {2:.0f}]\n", 256.0)),
    Board("always moving", _always_moving, options=_COUNTS),
    Board("at the rails and past them", lambda i, _: b"%d,%d,%d\n" % (i % 1400 - 700, 511, -512),
          options=_COUNTS),
    Board("counts that are fractions at times", lambda i, c: g_line(i, c) if i % 50 == 9
          else counts_line(i, c), options=_COUNTS),
    Board("stuck", fixed(b"1,2,256\n"), options=_COUNTS),
]  # fmt: skip
LAYOUTS = [board for board in BOARDS if not board.needs_port] + MORE_BOARDS


# The last is stuck and at a wrong rate from the same sample on: which is reported first?
_CASES = [(board, seed) for board in LAYOUTS for seed in (1, 5)] + [(MORE_BOARDS[-1], 248119)]


def _damaged(lines: list[bytes], source: random.Random, share: float) -> list[bytes]:
    """What happens to lines: damage of many kinds, what is no sample, a new start."""
    came: list[bytes] = []
    for line in lines:
        if source.random() >= share or not line:
            came.append(line)
            continue
        at = source.randrange(len(line))
        came.append(
            source.choice(
                (
                    b"",
                    line + line,
                    line[:at] + line[at + 1 :],
                    line[:at] + bytes([line[at] ^ 1 << source.randrange(8)]) + line[at + 1 :],
                    line[:at] + b"E (990) i2c: busy\r\n" + line[at:],
                    b"I (12) wifi: rssi -53, channel 6\n" + line,
                    line + b"\n",
                    line.replace(b"\n", b" \r\r\n"),
                    line.replace(b",", b", "),
                    b"#wearkit text/1 sensor=simulated\n" + line,
                    b"#restart 1\n" + line,
                    b"#error no sensor\n" + line,
                    b"ets Jun  8 2016 00:22:57\r\n" + line,
                    b"1.5," + line,
                    b"-" + line,
                    b"0" + line,
                    line[:-1] + b"00000000000000000000\n",
                    bytes(source.randrange(256) for _ in range(source.randrange(400))) + line,
                )
            )
        )
        if source.random() < 0.05:
            came += lines[: source.randrange(60)]  # it begins again
    return came


def _chunks(board: Board, seed: int) -> Chunks:
    """A board's lines with their arrival times, cut anywhere, few bytes or many at a time."""
    source = random.Random(f"{board.name} {seed}")
    lines = [board.line(i, counts) for i, counts in enumerate(board.counts()[:_LINES])]
    share = (0.0, 0.01, 0.1)[seed % 3]
    head = len(lines) // 3 if seed % 2 else 0  # so that units and columns are found
    stream = b"".join([board.greeting, *lines[:head], *_damaged(lines[head:], source, share)])
    chunks: Chunks = []
    usual = source.choice((1, 12, 90, 200, 4000))
    per_s = len(stream) / (len(lines) / board.hz)
    at = 0
    while at < len(stream):
        size = source.randint(1, 2 * usual)
        at += size
        chunks.append((stream[at - size : at], round(at / per_s, 2)))
    return chunks


def _played(
    board: Board, chunks: Chunks, graph: QuantizedGraph, path: Path
) -> tuple[list[LiveWindow], list[LiveReport], str, bytes]:
    """Windows, reports on the way and at the end, the refusal and the recording."""
    chosen = dict(zip(board.options[::2], board.options[1::2], strict=True))
    options = stream_options(
        50.0, *(chosen.get(f"--{name}") for name in ("units", "fields", "axes", "only"))
    )
    recorder = Recorder(path, force=True)
    session = LiveSession(graph, Reference(graph), options, recorder=recorder)
    windows: list[LiveWindow] = []
    reports: list[LiveReport] = []
    refusal = ""
    try:
        for number, (chunk, arrival_s) in enumerate(chunks, 1):
            if number % 97 == 0:
                session.resume()
            windows += session.feed(chunk, arrival_s)
            if number % 5 == 0:
                reports.append(session.report())
    except WearkitError as error:
        refusal = str(error)
    windows += session.finish()
    recorder.close()
    recording = path.read_bytes() if path.exists() else b""
    return windows, [*reports, session.report()], refusal, recording


def _line_by_line(stream: AutoStream, chunk: bytes, arrival_s: float = 0.0) -> list[Stretch]:
    return runs_of(stream.feed(chunk, arrival_s))


@pytest.mark.parametrize(("board", "seed"), _CASES, ids=lambda value: getattr(value, "name", value))
def test_a_session_says_the_same_of_lines_together_and_one_by_one(
    board: Board,
    seed: int,
    tiny_graph: QuantizedGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks = _chunks(board, seed)
    together = _played(board, chunks, tiny_graph, tmp_path / "a.csv")
    monkeypatch.setattr(AutoStream, "feed_runs", _line_by_line)
    assert _played(board, chunks, tiny_graph, tmp_path / "b.csv") == together


_GOOD = [
    (b"1,2,256", ("x", "y", "z"), Unit.COUNTS, b"-511,+3,5", b"-511,3,5"),
    (b"1,2,256", ("x", "y", "z"), Unit.COUNTS, b"1,2,256.0", b"9,99,999999"),
    (b"1,2,256", ("x", "y", "z"), Unit.COUNTS, b"1,2,2560000", b"\r1,2,3\r"),
    (b"1,2,256", ("x", "y", "z"), Unit.COUNTS, b"1, 2,256", b"-0,00,1"),
    (b"0.1,2,-1.0", ("x", "y", "z"), Unit.G, b"0.1,2,1e0", b"1,-2.5,0"),
    (b"0.1,2,-1.0", ("x", "y", "z"), Unit.G, b"0.1,2,.5", b"0.123456789,0,0"),
    (b"0.1,2,-1.0", ("x", "y", "z"), Unit.G, b"0.1,2,nan", b"0.1,2,1"),
    (b"( 1, 2,\t3 )", ("x", "y", "z"), Unit.COUNTS, b"1, 2, 3", b"(1,2,3)"),
    (b"1 2 3", ("x", "y", "z"), Unit.COUNTS, b"1,2,3", b"1  -2\t3"),
    (b"5,7,1,2,3", ("index", "t_us", "x", "y", "z"), Unit.COUNTS, b"5.0,7,1,2,3", b"6,8,1,2,3"),
    (b"5,1,2,3", ("t_s", "x", "y", "z"), Unit.COUNTS, b"5e1,1,2,3", b"0.25,1,2,3"),
    (b"5,1,2,3", ("-", "x", "y", "z"), Unit.COUNTS, b"x,1,2,3", b"0.25,1,2,3"),
]


@pytest.mark.parametrize(("good", "fields", "unit", "other", "same"), _GOOD)
def test_only_lines_that_differ_in_their_numbers_are_read_together(
    good: bytes, fields: tuple[str, ...], unit: Unit, other: bytes, same: bytes
) -> None:
    plain = plain_lines(good, Layout(fields), unit)
    assert plain is not None
    together = b"\n".join((good, same, good, b""))
    for rest in (b"", other + b"\n" + good + b"\n", good, b"#wearkit\n"):
        match = plain.pattern.match(together + rest)
        assert match is not None
        assert match.group() == together
    assert len(plain.read(together).xyz) == 3


@pytest.mark.parametrize(
    "good",
    [
        b"1,2,3*0A1B2C3D",
        b"x:1,y:2,z:3",
        b"acc: 1,2,3",
        b"1,2,3 g",
        b"1,2",
        b"1-2,3,4",
        b"",
        b"\xff",
    ],
)
def test_lines_with_more_to_them_than_numbers_are_read_one_by_one(good: bytes) -> None:
    assert plain_lines(good, Layout(("x", "y", "z")), Unit.COUNTS) is None


def test_no_line_is_read_together_that_would_be_too_long() -> None:
    fields = ("index", "t_us", "x", "y", "z", *["-"] * 8)
    assert plain_lines(b",".join([b"1"] * 13), Layout(fields), Unit.COUNTS) is None


def test_a_chunk_of_lines_is_one_run() -> None:
    stream = TextStream(StreamOptions(50.0, unit=Unit.COUNTS, fields=("index", "x", "y", "z")))
    lines = [b"%d,%d,2,256\n" % (i, i % 7) for i in range(60)]
    stream.feed(b"".join(lines[:3]))
    (run,) = stream.feed_runs(b"".join(lines[3:40]) + lines[40][:4], 1.0)
    assert isinstance(run, SampleRun)
    assert (len(run.counts), run.first_index, run.arrival_s, run.within) == (37, 3, 1.0, (0, 256))
    gap = stream.feed_runs(lines[40][4:] + b"".join(lines[42:50]) + b"log\n" + lines[50], 2.0)
    steps = [s for part in gap for s in (part.steps() if isinstance(part, SampleRun) else [part])]
    assert [step.sample.index for step in steps] == [40, *range(42, 51)]
    assert [step.missing for step in steps] == [0, 1] + [0] * 8


def test_a_counter_that_comes_round_begins_a_run() -> None:
    steps = [PlacedSample(Sample(index, None, (1, 2, 3))) for index in (254, 255, 0, 1)]
    first, second = runs_of(steps)
    assert isinstance(first, SampleRun) and isinstance(second, SampleRun)
    assert (first.first_index, second.first_index) == (254, 0)
