import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.link.axes import AxisMap
from wearkit.link.sample import Reason
from wearkit.link.text.header import (
    CLOCK_TICKS_US,
    TextHeader,
    is_header,
    parse_fields,
    parse_header,
)
from wearkit.link.text.layout import Layout, RawSample, find_layout, mixed_shapes
from wearkit.link.text.line import Row, parse_line
from wearkit.units import Unit


def rows(*lines: str) -> list[Row]:
    found = [parse_line(line.encode()) for line in lines]
    assert all(isinstance(row, Row) for row in found)
    return [row for row in found if isinstance(row, Row)]


def test_the_headers_of_our_own_sketch_and_simulator() -> None:
    text = "#wearkit text/1 units=counts rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z"
    fields = ("index", "t_us", "x", "y", "z")
    expected = TextHeader(Unit.COUNTS, 50.0, fields=fields, needs_crc=True)
    assert parse_header(text + " crc=crc32") == expected
    assert parse_header("#wearkit text/1") == TextHeader()
    assert parse_header("#wearkit text/1 sensor=simulated later=thing").simulated


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("text/2", "text/1"),
        ("text/1 units=furlong", "units=furlong"),
        ("text/1 units", "damaged"),
        ("text/1 units=g units=g", "damaged"),
        ("text/1 range=16", "+-2 g"),
        ("text/1 rate=0", "positive"),
        ("text/1 rate=nan", "positive"),
        ("text/1 crc=crc16", "crc16"),
        ("text/1 axes=+x+x+z", "axes"),
        ("text/1 axes=xyz", "axes"),
        ("text/1 fields=x,y", "x, y and z"),
        ("text/1 fields=x,y,z,z", "x, y and z"),
        ("text/1 fields=t_us,t_ms,x,y,z", "at most one index and one clock"),
        ("text/1 fields=x,y,z,gyro", "x, y and z"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(rest: str, says: str) -> None:
    assert is_header(f"#wearkit {rest}")
    with pytest.raises(DataError, match=says.replace("+", r"\+")) as caught:
        parse_header(f"#wearkit {rest}")
    assert "\n" not in str(caught.value)


def test_axes_say_which_printed_value_is_which_axis_of_the_model() -> None:
    # Printed first: -y; second: +x; third: +z.
    axes = parse_header("#wearkit text/1 axes=-y+x+z").axes
    assert axes == AxisMap((1, 0, 2), (1, -1, 1))
    (row,) = rows("10,20,30")
    assert Layout(("x", "y", "z"), axes=axes).read(row) == RawSample(None, None, (20, -10, 30))


def test_fields_leave_columns_out_and_scale_clocks() -> None:
    layout = Layout(parse_fields("t_ms,-,x,y,z,-"))
    (row,) = rows("21.5,9,1,2,3,9")
    assert layout.read(row) == RawSample(None, 21500, (1, 2, 3))
    assert layout.read(rows("1,2,3")[0]) == Reason.COLUMNS
    assert layout.read(rows("x:1,y:2,z:3")[0]) == Reason.COLUMNS
    assert layout.read(rows("-1,9,1,2,3,9")[0]) == RawSample(None, -1000, (1, 2, 3))
    assert layout.read(rows("1,9,1,2,1e7,9")[0]) == Reason.OUT_OF_RANGE
    assert Layout(("index", "x", "y", "z")).read(rows("1.5,1,2,3")[0]) == Reason.NOT_INTEGER


@pytest.mark.parametrize(
    ("leading", "fields"),
    [
        (lambda i: "", ("x", "y", "z")),
        (lambda i: f"{i + 7},", ("index", "x", "y", "z")),
        (lambda i: f"{i * 20},", ("t_ms", "x", "y", "z")),
        (lambda i: f"{i * 20000 + i % 3},", ("t_us", "x", "y", "z")),
        (lambda i: f"{i},{i * 20000},", ("index", "t_us", "x", "y", "z")),
        (lambda i: f"{i},{i * 20},", ("index", "t_ms", "x", "y", "z")),
        (lambda i: f"{1_717_000_000 * 10**9 + i * 20_000_000},", ("t_ns", "x", "y", "z")),
        (lambda i: f"{0.02 * i:.2f},", ("t_s", "x", "y", "z")),
        (lambda i: f"{19.5 * i:.1f},", ("t_ms", "x", "y", "z")),
        # A FIFO emptied ten samples at a time, each stamped as it is read.
        (lambda i: f"{200_000 * (i // 10) + 180 * (i % 10)},", ("t_us", "x", "y", "z")),
        (lambda i: f"{(2**32 - 200_000 + i * 20_000) % 2**32},", ("t_us", "x", "y", "z")),
        # One lost line and one garbled index do not hide a counter.
        (lambda i: f"{i + (i > 9) + 500 * (i == 4)},", ("index", "x", "y", "z")),
    ],
)
def test_leading_columns_are_found_by_how_they_step(leading, fields) -> None:  # type: ignore[no-untyped-def]
    layout = find_layout(rows(*(f"{leading(i)}{i % 3},-2,256" for i in range(20))))
    assert layout == Layout(fields)


def test_labelled_lines_need_no_guess() -> None:
    layout = find_layout(rows(*["z:1,x:2,y:3,temp:20"] * 20))
    assert layout == Layout(("z", "x", "y"), named=True)


@pytest.mark.parametrize("columns", [4, 5, 6])
def test_columns_that_are_neither_counter_nor_clock_are_refused(columns: int) -> None:
    random = np.random.default_rng(2)
    for _ in range(50):
        noisy = random.integers(-60, 60, (20, columns)).tolist()
        with pytest.raises(DataError, match="--fields"):
            find_layout(rows(*(",".join(map(str, row)) for row in noisy)))


def test_a_clock_that_stamps_a_fifo_as_it_is_emptied_is_not_a_counter() -> None:
    stamps = [200_000 * (i // 10) + i % 10 for i in range(20)]
    with pytest.raises(DataError, match="--fields"):
        find_layout(rows(*(f"{t_us},1,2,256" for t_us in stamps)))


def test_lines_of_two_shapes_are_not_guessed() -> None:
    mixed = rows(*(["1,2,3"] * 10 + ["1,2,3,4"] * 10))
    assert find_layout(mixed) is None
    assert "10 with 3, 10 with 4" in str(mixed_shapes(mixed))


def test_each_clock_is_told_in_microseconds() -> None:
    exact = {"t_s": 1_000_000, "t_ms": 1000, "t_us": 1}
    assert {name: CLOCK_TICKS_US[name] for name in exact} == exact


def test_of_two_clocks_the_first_is_read_in_its_own_unit() -> None:
    """Labelled lines may print both: the place of the one and the tick of the other do not mix."""
    lines = (f"micros: {20_000 * k} millis: {20 * k} x: 1 y: 2 z: 256" for k in range(8))
    layout = find_layout(rows(*lines))
    assert layout is not None and layout.tick_us == 1
    sample = layout.read(rows("micros: 160000 millis: 160 x: 1 y: 2 z: 256")[0])
    assert isinstance(sample, RawSample) and sample.t_us == 160_000
