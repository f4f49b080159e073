"""What a text link decides from comments and values, whatever chunks they come in."""

import pytest

from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

HEADER = "#wearkit text/1 units=counts rate=50 fields=index,x,y,z"


def rows(*indices: int) -> list[str]:
    return [f"{index},{index},0,256" for index in indices]


def played(lines: list[str], chunk: int) -> list[PlacedSample]:
    stream = TextStream(StreamOptions(rate_hz=50.0))
    data = "".join(f"{line}\n" for line in lines).encode()
    steps = [s for at in range(0, len(data), chunk) for s in stream.feed(data[at : at + chunk])]
    return steps + stream.finish()


@pytest.mark.parametrize("chunk", [1, 13, 10_000])
@pytest.mark.parametrize("before", [1, 2, 3, 30])
def test_a_restart_that_the_device_announces_begins_a_new_run(before: int, chunk: int) -> None:
    again = ["#restart the sensor stopped", HEADER, *rows(0, 1, 2, 3)]
    steps = played([HEADER, *rows(*range(before)), *again], chunk)
    indices = [(step.sample.index, step.missing, step.restarted) for step in steps]
    first = [(index, 0, False) for index in range(before)]
    assert indices == [*first, (0, 0, True), (1, 0, False), (2, 0, False), (3, 0, False)]


def test_a_restart_is_not_lost_with_the_line_that_follows_it() -> None:
    broken = ["#restart the sensor stopped", "0,1,2", "0,0.5,0,256", *rows(1, 2)]
    steps = played([HEADER, *rows(0), *broken], 10_000)
    indices = [(step.sample.index, step.restarted) for step in steps]
    assert indices == [(0, False), (1, True), (2, False)]


def test_another_comment_is_no_restart() -> None:
    steps = played([HEADER, *rows(0, 1), "#restarted? no", *rows(2, 3)], 10_000)
    assert [(step.missing, step.restarted) for step in steps] == [(0, False)] * 4


def at_rest(length: float) -> bytes:
    line = f"{0.6 * length:.2f},{-0.48 * length:.2f},{0.64 * length:.2f}\n"
    return (line * 110).encode()


@pytest.mark.parametrize("length", [981.0, 999.0])
def test_mg_or_cm_s2_is_asked_unless_it_was_said(length: float) -> None:
    with pytest.raises(DataError, match=r"mg or cm/s2 .* say --units mg") as caught:
        TextStream(StreamOptions(rate_hz=50.0)).feed(at_rest(length))
    assert caught.value.fault is Fault.UNITS
    said = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.MG))
    assert len(said.feed(at_rest(length))) == 110
    assert len(TextStream(StreamOptions(rate_hz=50.0)).feed(at_rest(1020.0))) == 110
