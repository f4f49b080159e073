"""Several kinds of lines in one stream are told apart, or refused with the way to choose."""

import json

import pytest

from wearkit.capture.decode import options_of, session_record
from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

TWO_KINDS = [
    (b'{"type":"acc","x":0.99,"y":-0.04,"z":0.02}', b'{"type":"gyr","x":0.01,"y":0.02,"z":0.01}'),
    (b"acc: 0.99,-0.04,0.02", b"gyr: 0.01,0.02,0.01"),
    (b"ACC,0.99,-0.04,0.02", b"GYR,0.01,0.02,0.01"),
    (b"acc 0.99 -0.04 0.02", b"gyr 0.01 0.02 0.01"),
]


def stream(only: str | None = None, **said: object) -> TextStream:
    fields = ("x", "y", "z") if said.get("fields") else None
    return TextStream(StreamOptions(rate_hz=50.0, unit=Unit.G, only=only, fields=fields))


@pytest.mark.parametrize(("acc", "gyr"), TWO_KINDS)
def test_two_kinds_are_refused_and_named(acc: bytes, gyr: bytes) -> None:
    with pytest.raises(
        DataError, match=r"2 kinds of lines.*--only '(acc|ACC)' or --only"
    ) as caught:
        stream().feed((acc + b"\n" + gyr + b"\n") * 30)
    assert caught.value.fault is Fault.FORMAT


@pytest.mark.parametrize(("acc", "gyr"), TWO_KINDS)
def test_one_kind_can_be_chosen(acc: bytes, gyr: bytes) -> None:
    chosen = stream(only="Acc")
    steps = chosen.feed((acc + b"\n" + gyr + b"\n") * 30)
    assert len(steps) == 30
    assert {step.sample.counts for step in steps} == {(253, -10, 5)}
    assert not any(step.missing for step in steps)
    assert not chosen.ledger.rejected
    assert chosen.ledger.messages_ignored == 30


def test_where_columns_are_said_the_first_line_says_the_kind() -> None:
    said = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.G, fields=("x", "y", "z")))
    steps = said.feed(b"acc: 0.99,-0.04,0.02\ngyr: 0.01,0.02,0.01\n" * 30)
    assert {step.sample.counts for step in steps} == {(253, -10, 5)}
    assert len(steps) == 30
    assert not any(step.missing for step in steps)


def test_a_kind_that_never_comes_is_named() -> None:
    chosen = stream(only="accel")
    assert chosen.feed(b"acc: 0.99,-0.04,0.02\ngyr: 0.01,0.02,0.01\n" * 30) == []
    assert chosen.sample_messages == 0
    assert "--only leaves out lines of kind acc, gyr" in chosen.refused


def test_words_among_lines_without_are_log_text() -> None:
    data = b"".join(
        b"0.99,-0.04,0.02\n" + (b"bat: 3.7,2,1\n" if i % 5 == 3 else b"") for i in range(60)
    )
    steps = stream().feed(data)
    assert len(steps) == 60
    assert not any(step.missing for step in steps)


def test_two_axes_behind_a_counter_are_no_three() -> None:
    with pytest.raises(DataError, match="Column 1 of three counts up"):
        stream().feed(b"".join(b"%d,250,-10\n" % i for i in range(30)))
    with pytest.raises(DataError, match="Column 3 of three counts up"):
        stream().feed(b"".join(b"250,-10,%d\n" % (20 * i) for i in range(30)))
    with pytest.raises(DataError, match="Column 1 of three counts up"):
        stream().feed(b"".join(b"%.2f,0.99,-0.04\n" % (0.02 * i) for i in range(30)))


@pytest.mark.parametrize("unit", [None, Unit.COUNTS])
def test_negative_counts_printed_unsigned_are_named(unit: Unit | None) -> None:
    data = b"".join(b"%d,%d,5\n" % (250 + i % 5, (i % 7 - 10) % 65536) for i in range(90))
    with pytest.raises(DataError, match=r"as unsigned ones \(655\d\d stands for -\d"):
        TextStream(StreamOptions(rate_hz=50.0, unit=unit)).feed(data)


@pytest.mark.parametrize("only", [None, "acc"])
def test_the_choice_is_recorded(only: str | None) -> None:
    options = StreamOptions(rate_hz=50.0, only=only)
    record = json.loads(json.dumps(session_record(options, "/dev/ttyUSB0", "0" * 64)))
    assert options_of(record) == options
    del record["only"]  # as recordings of before hold none
    assert options_of(record).only is None


def test_a_unit_printed_beside_the_numbers_is_the_unit() -> None:
    found = TextStream(StreamOptions(rate_hz=50.0))
    steps = found.feed(b"X: 9.71  Y: -0.39  Z: 0.20  m/s^2\n" * 30)
    assert len(steps) == 30
    assert found.choice is not None
    assert (found.choice.unit, found.choice.evidence) == (Unit.M_S2, "printed beside the numbers")


def test_a_unit_printed_against_the_one_that_was_said_is_refused() -> None:
    with pytest.raises(DataError, match=r"prints m/s2 behind its numbers, which contradicts g"):
        stream().feed(b"X: 9.71  Y: -0.39  Z: 0.20  m/s^2\n" * 30)


def test_a_printed_unit_that_gravity_contradicts_is_refused() -> None:
    with pytest.raises(DataError, match=r"look like m/s2 .* but g was printed beside"):
        TextStream(StreamOptions(rate_hz=50.0)).feed(b"X: 9.71  Y: -0.39  Z: 0.20  g\n" * 130)
