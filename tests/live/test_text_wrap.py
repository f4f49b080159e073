"""Counters and clocks of 8 to 64 bits, signed or not, come round without a false restart."""

import pytest

from wearkit.link.options import StreamOptions
from wearkit.link.sample import PlacedSample, Reason
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

WIDTHS = [(bits, signed) for bits in (8, 16, 24, 32, 64) for signed in (False, True)]


def wrapped(value: int, bits: int, signed: bool) -> int:
    value %= 1 << bits
    return value - (1 << bits) if signed and value >= 1 << (bits - 1) else value


def played(leading: list[int], kind: str) -> tuple[list[PlacedSample], TextStream]:
    """A stream whose first column is of that kind."""
    fields = (kind, "x", "y", "z")
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=fields))
    lines = [b"%d,%d,0,256\n" % (value, i % 400) for i, value in enumerate(leading)]
    return stream.feed(b"".join(lines)) + stream.finish(), stream


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
def test_an_index_comes_round(bits: int, signed: bool) -> None:
    end = 1 << (bits - signed)
    sent = [wrapped(end - 50 + i, bits, signed) for i in range(100)]
    steps, stream = played(sent, "index")
    assert [step.sample.counts[0] for step in steps] == list(range(100))
    assert not any(step.missing or step.restarted for step in steps)
    assert not stream.ledger.rejected


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
def test_a_gap_at_the_end_of_an_index_is_exact(bits: int, signed: bool) -> None:
    end = 1 << (bits - signed)
    sent = [wrapped(end - 50 + i, bits, signed) for i in range(100) if not 48 <= i < 52]
    steps, _ = played(sent, "index")
    assert [(step.missing, step.restarted) for step in steps if step.missing or step.restarted] == [
        (4, False)
    ]


def test_what_comes_again_after_the_end_of_an_index_is_a_duplicate() -> None:
    sent = [(200 + i) % 256 for i in range(60)]
    lines = [b"%d,%d,0,256\n" % (value, value) for value in [*sent, 254, 255, 4, 5]]
    stream = TextStream(
        StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=("index", "x", "y", "z"))
    )
    steps = stream.feed(b"".join(lines)) + stream.finish()
    assert len(steps) == 62
    assert stream.ledger.rejected == {Reason.DUPLICATE: 2}


@pytest.mark.parametrize("last", [20, 100, 300, 40_000, 70_000, 20_000_000])
def test_an_index_that_begins_again_elsewhere_is_a_restart(last: int) -> None:
    steps, _ = played([*range(last - 20, last), *range(10)], "index")
    assert [at for at, step in enumerate(steps) if step.restarted] == [20]


TICKS = [("t_ms", 20), ("t_us", 20_000), ("t_us", 10_000), ("t_ms", 3), ("t_ns", 20_000_000)]


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
@pytest.mark.parametrize(("kind", "step"), TICKS)
def test_a_clock_comes_round(kind: str, step: int, bits: int, signed: bool) -> None:
    if step * 4 > 1 << bits:
        pytest.skip("comes round within four samples")
    end = 1 << (bits - signed)
    sent = [wrapped(end - 50 * step + i * step, bits, signed) for i in range(100)]
    steps, stream = played(sent, kind)
    assert len(steps) == 100
    assert not any(step.missing or step.restarted for step in steps)
    assert not stream.ledger.rejected
    stamps_us = [step.sample.t_us or 0 for step in steps]
    tick_us = {"t_ms": 1000.0, "t_us": 1.0, "t_ns": 0.001}[kind]
    assert stamps_us[-1] - stamps_us[0] == pytest.approx(99 * step * tick_us, abs=2)


@pytest.mark.parametrize("kind", ["t_ms", "t_us"])
def test_a_gap_where_a_clock_comes_round_is_exact(kind: str) -> None:
    step = 20 if kind == "t_ms" else 20_000
    sent = [(2**32 - 50 * step + i * step) % 2**32 for i in range(100) if not 47 <= i < 50]
    steps, _ = played(sent, kind)
    assert [step.missing for step in steps if step.missing] == [3]
    assert not any(step.restarted for step in steps)


@pytest.mark.parametrize("last_ms", [5_000, 60_000, 600_000, 2_000_000_000])
def test_a_clock_that_was_set_to_nothing_is_a_restart(last_ms: int) -> None:
    sent = [last_ms - 20 * i for i in range(30, 0, -1)] + [20 * i for i in range(5)]
    steps, _ = played(sent, "t_ms")
    assert [at for at, step in enumerate(steps) if step.restarted] == [30]


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (16, True), (32, True)])
@pytest.mark.parametrize("kind", ["index", "t_ms"])
def test_columns_are_found_where_the_first_one_comes_round(
    kind: str, bits: int, signed: bool
) -> None:
    step = 1 if kind == "index" else 20
    end = 1 << (bits - signed)
    sent = [wrapped(end + (i - 9) * step, bits, signed) for i in range(60)]
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS))
    lines = [b"%d,%d,0,256\n" % (value, i) for i, value in enumerate(sent)]
    steps = stream.feed(b"".join(lines)) + stream.finish()
    assert len(steps) == 60
    assert not any(step.missing or step.restarted for step in steps)


def test_a_refused_line_is_no_sign_of_life() -> None:
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS, fields=("x", "y", "z")))
    stream.feed(b"1,2,3\n" * 5)
    assert stream.sample_messages == 5
    stream.feed(b"1,2,3,4\n9999999,2,3\n" * 5)
    assert stream.sample_messages == 5
