"""A port that carries no line of ours says why: one line quoted, and the place in it."""

import pytest

from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit


def refused(data: bytes) -> str:
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.G))
    assert stream.feed(data) == []
    return stream.refused


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"0.99,-0.04,abc", "'0.99,-0.04,abc' (column 3 is 'abc')"),
        (b"0.99,,0.02", "'0.99,,0.02' (column 2 is empty)"),
        (b"0,99;-0,04;0,02", "'0,99;-0,04;0,02' (6 columns, not_numbers)"),
        (b"9.71 N -0.39 0.20", "(column 2 is 'N')"),
        (b"0.99,-0.04", "(2 columns, columns)"),
        (b"0.99,-0.04,0.02 \xb5g", "'0.99,-0.04,0.02 \\xb5g' (character 17 is no ASCII)"),
        (b"1," * 200, "(more than 256 characters)"),
        (b"1,2,3*00000000", "(its CRC is wrong)"),
        (b"x" * 100 + b"1", "'" + "x" * 60 + "...' (column 1 is '" + "x" * 20 + "')"),
    ],
)
def test_one_line_is_quoted_and_its_column_marked(line: bytes, says: str) -> None:
    assert says in refused((line + b"\n") * 10)


def test_log_text_does_not_hide_the_line_that_matters() -> None:
    assert "column 3 is 'abc'" in refused(b"0.99,-0.04,abc\nready\n" * 10)


def test_one_axis_a_line_is_named() -> None:
    lines = b"x: 0.99\ny: -0.04\nz: 0.02\n" * 10
    assert "each holds one number, but the three axes belong into one line" in refused(lines)
    assert "each holds one number" in refused(b"0.99\n-0.04\n0.02\n" * 10)
    assert "each holds one number" not in refused(b"0.99,-0.04\n" * 10)


def test_nothing_is_said_where_nothing_was_refused() -> None:
    assert refused(b"# comment\n\n") == ""


@pytest.mark.parametrize(
    "form", ["{:04X},{:04X},{:04X}", "0x{:04x} 0x{:04x} 0x{:04x}", "{:02X}h;{:02X}h;{:02X}h"]
)
@pytest.mark.parametrize("unit", [None, Unit.COUNTS])
def test_hexadecimal_is_named_though_some_lines_hold_no_letter(
    form: str, unit: Unit | None
) -> None:
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=unit))
    lines = [form.format((250 + i) % 65536, (-10 + i) % 65536, i) for i in range(100)]
    with pytest.raises(DataError, match=r"look hexadecimal .*print them in decimal") as caught:
        stream.feed("\n".join(lines).encode())
    assert caught.value.fault is Fault.FORMAT


def test_a_few_damaged_lines_of_a_long_session_are_not_hexadecimal() -> None:
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS))
    for _ in range(60):
        stream.feed(b"250,-10,5\n" * 20 + b"2F0,10,5\n")
    assert stream.sample_messages == 1200
