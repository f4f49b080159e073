"""A sample whose line was damaged keeps its place; log text between samples takes none."""

from collections.abc import Callable

import pytest

from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

COUNTS = StreamOptions(rate_hz=50.0, unit=Unit.COUNTS)
G = StreamOptions(rate_hz=50.0, unit=Unit.G)


def commas(i: int) -> bytes:
    return b"%d,%d,%d\n" % (250 + i % 7, -10 - i % 5, i % 3)


def blanks(i: int) -> bytes:
    return commas(i).replace(b",", b" ")


def semicolons(i: int) -> bytes:
    return commas(i).replace(b",", b"; ").replace(b"\n", b";\r\n")


def labels(i: int) -> bytes:
    return b"ax:%d, ay:%d, az:%d\n" % (250 + i % 7, -10 - i % 5, i % 3)


def json(i: int) -> bytes:
    return b'{"x":%d,"y":%d,"z":%d}\n' % (250 + i % 7, -10 - i % 5, i % 3)


def played(data: bytes, options: StreamOptions = COUNTS, chunk: int = 10_000) -> list[PlacedSample]:
    stream = TextStream(options)
    steps = [s for at in range(0, len(data), chunk) for s in stream.feed(data[at : at + chunk])]
    steps += stream.finish()
    ledger = stream.ledger
    assert ledger.bytes_total == len(data)
    return steps


EVERY = [(250 + i % 7, -10 - i % 5, i % 3) for i in range(60)]


def with_line_30(line: Callable[[int], bytes], instead: bytes) -> bytes:
    return b"".join(instead if i == 30 else line(i) for i in range(60))


def missing(steps: list[PlacedSample]) -> list[tuple[int, int]]:
    """(position, missing) wherever something is missing."""
    return [(at, step.missing) for at, step in enumerate(steps) if step.missing]


DAMAGED = [
    (commas, b"253,,5\n"),
    (commas, b"253,5\n"),
    (commas, b",-10,5\n"),
    (commas, b"253,-10,\n"),
    (commas, b"253,-10\n"),
    (commas, b"-10,5\n"),
    (commas, b"5\n"),
    (commas, b"nan,nan,nan\n"),
    (commas, b"253,inf,5\n"),
    (commas, b"ERR,ERR,ERR\n"),
    (commas, b"253,-10,ovf\n"),
    (commas, b"2\xff3,-10,5\n"),
    (commas, b"253,-1\xff,5\n"),
    (commas, b"253,-10,\x805\n"),
    (commas, b"253,-1 x0,5\n"),
    (commas, b"253,-10,5,\x00\x00\n"),
    (commas, b"253,-10,2.5\n"),
    (commas, b"9999999,-10,2\n"),
    (commas, b"253,-10,5*00000000\n"),
    (commas, b"253,-10," + b"5" * 300 + b"\n"),
    (blanks, b"253 5\n"),
    (blanks, b"253 -10 \x80\n"),
    (blanks, b"nan nan nan\n"),
    (semicolons, b"253; ; 5;\r\n"),
    (semicolons, b"253; -1\x90; 5;\r\n"),
    (labels, b"ax:253, ay:nan, az:5\n"),
    (labels, b"ax:253, ay:, az:5\n"),
    (labels, b"ax:253, az:5\n"),
    (labels, b"ax:2\xf03, ay:4, az:5\n"),
    (json, b'{"x":253,"y":null,"z":5}\n'),
    (json, b'{"x":null,"y":null,"z":null}\n'),
    (json, b'{"x":253,"y":NaN,"z":5}\n'),
    (json, b'{"x":253,"y":-1\xff0,"z":5}\n'),
    (json, b'{"x":253,"y":-10,"z":\n'),
]


@pytest.mark.parametrize(("line", "damaged"), DAMAGED)
@pytest.mark.parametrize("chunk", [7, 10_000])
def test_a_damaged_sample_is_a_sample_that_is_missed(
    line: Callable[[int], bytes], damaged: bytes, chunk: int
) -> None:
    steps = played(with_line_30(line, damaged), chunk=chunk)
    assert len(steps) == 59
    assert missing(steps) == [(30, 1)]


@pytest.mark.parametrize("at", [3, 10])
def test_it_is_also_missed_while_the_columns_are_being_found(at: int) -> None:
    data = b"".join(b"253,,5\n" if i == at else commas(i) for i in range(60))
    assert missing(played(data)) == [(at, 1)]


LOG_TEXT = [
    b"I (1234) wifi: connected to ap, channel 6\n",
    b"E (990) i2c: busy\r\n",
    b"\x1b[0;32mI (1234) main: free heap 20000\x1b[0m\n",
    b"Battery: 3.71 V\n",
    b"BAT,3.71\n",
    b"T=23.5,H=40.1\n",
    b"x,y,z\n",
    b"12:34:56 measurement started\n",
    b"1 sensor found\n",
    b"0x3fff8000: dump follows\n",
    b"20ms elapsed\n",
    b"--- boot ---\n",
    b"\n",
    b"# a comment, 1,2,3\n",
    b"rssi -53, channel 6\n",
    b"loop\n",
    b'{"type":"log","msg":"sensor ok"}\n',
]


@pytest.mark.parametrize("text", LOG_TEXT)
@pytest.mark.parametrize("line", [commas, blanks, semicolons, labels, json])
def test_log_text_between_samples_costs_nothing(line: Callable[[int], bytes], text: bytes) -> None:
    steps = played(b"".join(line(i) + (text if i % 9 == 4 else b"") for i in range(60)))
    assert len(steps) == 60
    assert missing(steps) == []


@pytest.mark.parametrize("line", [commas, blanks, semicolons, labels, json])
@pytest.mark.parametrize("text", [b"E (990) i2c: busy\r\n", b"[W] retry\n"])
def test_a_sample_that_log_text_broke_in_two_is_missed_wherever_it_broke(
    line: Callable[[int], bytes], text: bytes
) -> None:
    whole = line(30)
    for place in range(1, len(whole.rstrip())):
        steps = played(with_line_30(line, whole[:place] + text + whole[place:]))
        counts = [step.sample.counts for step in steps]
        if counts == EVERY:  # only the label of the first number was cut, and it still names x
            continue
        assert counts == [*EVERY[:30], *EVERY[31:]], (place, whole)
        assert missing(steps) == [(30, 1)], (place, whole)


def test_a_sample_that_broke_into_log_text_is_missed() -> None:
    steps = played(with_line_30(commas, b"E (99253,-10,5\n0) i2c: busy\n"))
    assert missing(steps)[0][0] == 30
    assert len(steps) >= 58


def test_two_lines_whose_end_was_lost_between_them_are_two() -> None:
    data = b"".join(commas(i).rstrip() if i == 30 else commas(i) for i in range(60))
    assert missing(played(data)) == [(30, 2)]


def test_with_an_even_clock_the_clock_says_what_is_missing() -> None:
    def line(i: int) -> bytes:
        return b"%d," % (20 * i) + commas(i)

    options = StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=("t_ms", "x", "y", "z"))
    assert missing(played(with_line_30(line, b"600,253,,5\n"), options)) == [(30, 1)]
    extra = b"".join(line(i) + (b"600,1,,\n" if i == 30 else b"") for i in range(60))
    assert missing(played(extra, options)) == []


def test_with_a_clock_in_bursts_the_refused_lines_do() -> None:
    def line(i: int) -> bytes:
        return b"%d," % (200_000 * (i // 10) + 180 * (i % 10)) + commas(i)

    options = StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=("t_us", "x", "y", "z"))
    assert missing(played(with_line_30(line, b"600000,253,,5\n"), options)) == [(30, 1)]


def test_before_the_first_sample_nothing_is_missed() -> None:
    assert missing(played(b"253,,5\n,,\n" + b"".join(map(commas, range(40))))) == []


def test_a_fraction_among_counts_is_a_sample_missed_in_another_unit_it_is_a_sample() -> None:
    data = with_line_30(commas, b"253,-10,5.5\n")
    assert missing(played(data)) == [(30, 1)]
    assert missing(played(data, G)) == []
