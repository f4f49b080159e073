import binascii
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearkit.link.sample import Reason
from wearkit.link.text.line import MAX_LINE_BYTES, Row, parse_line, parse_number


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        (b"1,2,3", (1, 2, 3)),
        (b"+1,-2,.5", (1, -2, 0.5)),
        (b"0.1\t-2.\t3e2", (0.1, -2.0, 300.0)),
        (b" 1   2 3 ", (1, 2, 3)),
        (b"1;2;3;", (1, 2, 3)),
        (b"1, 2, 3;", (1, 2, 3)),
        (b"(0.1, 0.2, 9.8)", (0.1, 0.2, 9.8)),
        (b"[1,2,3]", (1, 2, 3)),
        (b"7,140000,1,2,3", (7, 140000, 1, 2, 3)),
        (b"1E-3,2,3", (0.001, 2, 3)),
        (b"00012,-0,3", (12, 0, 3)),
    ],
)
def test_lines_without_names(line: bytes, numbers: tuple[float, ...]) -> None:
    assert parse_line(line) == Row(numbers)


@pytest.mark.parametrize(
    ("line", "names", "numbers"),
    [
        (b"x:1,y:2,z:3", ("x", "y", "z"), (1, 2, 3)),
        (b"ax: 0.5\tay: -1 az:2", ("x", "y", "z"), (0.5, -1, 2)),
        (b"z:3,y:2,x:1", ("z", "y", "x"), (3, 2, 1)),
        (b"millis:20,accX:1,accY:2,accZ:3,temp:21.5", ("t_ms", "x", "y", "z"), (20, 1, 2, 3)),
        (b"acc x:1,acc y:2,acc z:3;", ("x", "y", "z"), (1, 2, 3)),
        (b'{"x":1,"y":2.5,"z":-3}', ("x", "y", "z"), (1, 2.5, -3)),
        (
            b'{"seq":4,"t_us":9,"ax":1,"ay":2,"az":3,"g":[1]}',
            ("index", "t_us", "x", "y", "z"),
            (4, 9, 1, 2, 3),
        ),
        (b'{"x":1,"y":2,"z":3,"in":{"x":9,"y":9,"z":9}}', ("x", "y", "z"), (1, 2, 3)),
    ],
)
def test_lines_that_name_their_numbers(
    line: bytes, names: tuple[str, ...], numbers: tuple[float, ...]
) -> None:
    assert parse_line(line) == Row(numbers, names)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1_0,2,3", Reason.NOT_NUMBERS),
        (b"nan,2,3", Reason.NOT_NUMBERS),
        (b"inf,2,3", Reason.NOT_NUMBERS),
        (b"0x1,2,3", Reason.NOT_NUMBERS),
        (b"1e400,2,3", Reason.OUT_OF_RANGE),
        (b"1e4000,2,3", Reason.NOT_NUMBERS),
        (b"9" * 200 + b",2,3", Reason.OUT_OF_RANGE),
        ("\uff11,2,3".encode(), Reason.NOT_ASCII),
        ("\u0661,2,3".encode(), Reason.NOT_ASCII),
        (b"1,2", Reason.COLUMNS),
        (b"1,2,", Reason.COLUMNS),
        (b",1,2,3", Reason.NOT_NUMBERS),
        (b"1,2,3]", Reason.NOT_NUMBERS),
        (b"0,1;0,2;0,3", Reason.NOT_NUMBERS),
        (b",".join([b"1"] * 17), Reason.COLUMNS),
        (b"x:1,y:2", Reason.COLUMNS),
        (b"x:1,y:2,x:3,z:1", Reason.COLUMNS),
        (b"x:1,y:two,z:3", Reason.NOT_NUMBERS),
        (b"x:1 2 y:2 z:3", Reason.NOT_NUMBERS),
        (b'{"x":1,"y":2}', Reason.COLUMNS),
        (b'{"x":"1","y":2,"z":3}', Reason.COLUMNS),
        (b'{"x":"\\u00001","y":2,"z":3}', Reason.COLUMNS),
        (b'{"x":NaN,"y":2,"z":3}', Reason.NOT_NUMBERS),
        (b'{"x":1,"y":2,"z":3', Reason.NOT_NUMBERS),
        (b'{"x":1,"y":2,"z":3}}', Reason.NOT_NUMBERS),
        (b'{"x":1,"x":1,"y":2,"z":3}', Reason.COLUMNS),
        (b'{"a":' * 40 + b"1" + b"}" * 40, Reason.NOT_NUMBERS),
        (b'{"a":' + b"[" * 240, Reason.NOT_NUMBERS),
        (b"ets Jun  8 2016 00:22:57", Reason.NOT_NUMBERS),
        (b"1,2,3*00000000", Reason.CRC),
        (b"1,2,3*0000000", Reason.NOT_NUMBERS),
        (b" " * MAX_LINE_BYTES + b"1", Reason.TOO_LONG),
    ],
)
def test_lines_that_are_refused(line: bytes, reason: Reason) -> None:
    assert parse_line(line) == reason


def test_crc_of_the_firmwares_own_golden_lines(repository: Path) -> None:
    # The C side generates these; its text and our reading must be one format.
    header = (repository / "firmware/include/wk/wk_golden_counts.h").read_text()
    lines = re.findall(r'^    "(\d[^"]*)\\n",', header, re.MULTILINE)
    assert len(lines) == 9
    for line in lines:
        row = parse_line(line.encode())
        assert isinstance(row, Row), line
        assert row.has_crc == ("*" in line)
        assert row.numbers == tuple(int(text) for text in line.partition("*")[0].split(","))


def test_every_single_bit_flip_before_a_crc_is_refused() -> None:
    line = b"1200,24000000,-3,12,257*727F348E"
    assert isinstance(parse_line(line), Row)
    body = line.index(b"*")
    for position in range(body):
        for bit in range(8):
            damaged = bytearray(line)
            damaged[position] ^= 1 << bit
            assert isinstance(parse_line(bytes(damaged)), Reason), damaged


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_number_survives_its_own_text(value: float) -> None:
    assert parse_number(repr(value)) == value


@given(st.tuples(*[st.integers(-(10**6), 10**6)] * 5), st.booleans(), st.sampled_from(",;\t "))
def test_rows_survive_every_separator(row: tuple[int, ...], crc: bool, separator: str) -> None:
    body = separator.join(map(str, row)).encode()
    line = body + b"*%08x" % binascii.crc32(body) if crc else body
    assert parse_line(line) == Row(row, None, crc)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_row_or_a_reason(line: bytes) -> None:
    result = parse_line(line)
    assert isinstance(result, Row | Reason)
    if isinstance(result, Row):
        assert 3 <= len(result.numbers) <= 16


@given(st.text(alphabet='0123456789.,;:+-eE{}[]()"xyz \t*_', max_size=60))
def test_near_misses_never_raise(text: str) -> None:
    assert isinstance(parse_line(text.encode()), Row | Reason)
