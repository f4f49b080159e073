"""Lines as other people's sketches print them: units behind the numbers, words in front, JSON."""

import pytest

from wearkit.link.sample import Reason
from wearkit.link.text.layout import RawSample, find_layout
from wearkit.link.text.line import Row, parse_line
from wearkit.units import Unit

XYZ = (9.71, -0.39, 0.2)
NAMES = ("x", "y", "z")


@pytest.mark.parametrize(
    "line",
    [
        b"X: 9.71  Y: -0.39  Z: 0.20  m/s^2 ",  # Adafruit_ADXL345, sensortest
        b"X: 9.71 m/s^2 Y: -0.39 m/s^2 Z: 0.20 m/s^2",
        b"Accel X: 9.71 m/s^2 \tY: -0.39 m/s^2 \tZ: 0.20 m/s^2 ",  # Adafruit_LSM9DS1
        b"Acceleration X: 9.71, Y: -0.39, Z: 0.20 m/s^2",  # Adafruit's MPU6050 example
        b"ax=9.71 m/s2; ay=-0.39 m/s2; az=0.20 m/s2;",
        b"x [m/s2]: 9.71, y [m/s2]: -0.39, z [m/s2]: 0.20 (m/s2)",
    ],
)
def test_units_behind_named_numbers(line: bytes) -> None:
    assert parse_line(line) == Row(XYZ, NAMES, unit=Unit.M_S2)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"     adxl345@53 [m/s^2]:    (    9.71,    -0.39,     0.20)", "adxl345@53"),  # Zephyr
        (b"acc: 9.71, -0.39, 0.20 m/s^2", "acc"),
        (b"ACC,9.71,-0.39,0.20,m/s2", "ACC"),
        (b"Accel (m/s^2): 9.71 -0.39 0.20", "Accel"),
    ],
)
def test_units_beside_a_word_in_front(line: bytes, kind: str) -> None:
    assert parse_line(line) == Row(XYZ, kind=kind, unit=Unit.M_S2)


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        (b"9.71 -0.39 0.20 m/s^2", Unit.M_S2),
        (b"9.71,-0.39,0.20 [m/s2]", Unit.M_S2),
        (b"9.71,-0.39,0.20 g", Unit.G),
        (b"9.71, -0.39, 0.20, mg", Unit.MG),
        (b"(9.71, -0.39, 0.20) G", Unit.G),
    ],
)
def test_units_behind_plain_numbers(line: bytes, unit: Unit) -> None:
    assert parse_line(line) == Row(XYZ, unit=unit)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"X1 = 9.71 Y1 = -0.39 Z1 = 0.20", Row(XYZ, NAMES)),
        (b"time = 0.02, x = 9.71, y = -0.39, z = 0.20", Row((0.02, *XYZ), ("t", *NAMES))),
        (b"x=9.71 | y=-0.39 | z=0.20", Row(XYZ, NAMES)),
        (b"9.71,-0.39,0.20,", Row(XYZ)),
        (b"9.71, -0.39, 0.20, ", Row(XYZ)),
        (b"3126 9.71,-0.39,0.20,", Row((3126, *XYZ))),
        (b"3126\t9.71, -0.39, 0.20", Row((3126, *XYZ))),
        (b"3126; 9.71; -0.39; 0.20;", Row((3126, *XYZ))),
        (b"acc:9.71,-0.39,0.20", Row(XYZ, kind="acc")),
        (b"gyr 9.71 -0.39 0.20", Row(XYZ, kind="gyr")),
        (b"$ACC,9.71,-0.39,0.20", Row(XYZ, kind="ACC")),
        (b">acc:9.71,-0.39,0.20", Row(XYZ, kind="acc")),
        (b"I (1234) main: x=9.71 y=-0.39 z=0.20", Row(XYZ, NAMES, kind="main")),
        (b"\x1b[0;32mI (1234) main: 9.71,-0.39,0.20\x1b[0m", Row(XYZ, kind="main")),
        (b"[00:00:01.234,000] <inf> main: 9.71, -0.39, 0.20", Row(XYZ, kind="main")),
    ],
)
def test_separators_and_words_in_front(line: bytes, row: Row) -> None:
    assert parse_line(line) == row


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"type":"acc","x":9.71,"y":-0.39,"z":0.2}', "acc"),
        (b'{"sensor":"acc","values":[9.71,-0.39,0.2]}', "acc"),
        (b'{"acc":[9.71,-0.39,0.2],"gyr":[1,2,3]}', None),
        (b'{"gyr":{"x":1,"y":2,"z":3},"acc":{"x":9.71,"y":-0.39,"z":0.2}}', None),
    ],
)
def test_json_within_json_and_its_kind(line: bytes, kind: str | None) -> None:
    assert parse_line(line) == Row(XYZ, NAMES, kind=kind)


def test_a_time_within_json_is_kept_once() -> None:
    line = b'{"ts":17,"accelerometer":{"timestamp":17,"value":[9.71,-0.39,0.2]}}'
    assert parse_line(line) == Row((17, *XYZ), ("t", *NAMES))


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("time = {i}, x = 1, y = 2, z = 3", ("-", "x", "y", "z")),
        ("t:{ms}, x:1, y:2, z:3", ("t_ms", "x", "y", "z")),
        ('{{"x":1,"y":2,"z":3,"timestamp":{ns}}}', ("x", "y", "z", "t_ns")),
        ('{{"x":1,"y":2,"z":3,"ts":{s}}}', ("x", "y", "z", "t_s")),
        ("ms:{ms}, time:{s}, x:1, y:2, z:3", ("t_ms", "-", "x", "y", "z")),
        ("time:7, x:1, y:2, z:3", ("-", "x", "y", "z")),
    ],
)
def test_what_a_time_counts_is_told_by_its_steps(form: str, fields: tuple[str, ...]) -> None:
    lines = [
        form.format(i=i, ms=20 * i, s=f"{1_717_000_000 + 0.02 * i:.3f}", ns=20_000_000 * i)
        for i in range(20)
    ]
    rows = [row for row in (parse_line(line.encode()) for line in lines) if isinstance(row, Row)]
    layout = find_layout(rows)
    assert layout is not None
    assert layout.fields == fields
    assert isinstance(layout.read(rows[-1]), RawSample)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"X: 0.01 rad/s Y: 0.02 rad/s Z: 0.03 rad/s", Reason.NOT_NUMBERS),
        (b"x: 1 g, y: 2 mg, z: 3 g", Reason.NOT_NUMBERS),
        (b"x: 0.99", Reason.COLUMNS),
        (b"x: 1, 2, 3", Reason.NOT_NUMBERS),
        (b"0,99;-0,04;0,02", Reason.NOT_NUMBERS),
        (b"1,,2,3", Reason.NOT_NUMBERS),
        (b"1,2,3,,", Reason.NOT_NUMBERS),
        (b'{"gyr":[1,2,3]}', Reason.NOT_NUMBERS),
        (b'{"acc":[1,2]}', Reason.NOT_NUMBERS),
        (b'{"acc":[1,null,3]}', Reason.COLUMNS),
        (b"I (1234) wifi: connected", Reason.NOT_NUMBERS),
        (b"0100,FFF6,0005", Reason.NOT_NUMBERS),
    ],
)
def test_what_is_none_of_these(line: bytes, reason: Reason) -> None:
    assert parse_line(line) == reason
