"""Both sides of every sum in a report are counted by themselves: what is booked wrong shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import DataError, VerificationError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.axes import AxisMap
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples
from wearkit.link.ledger import Ledger
from wearkit.link.options import StreamOptions
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession

HEADER = b"#wearkit text/1 units=counts fields=index,x,y,z\n"
HELLO = Hello(boot_id=1, features=Feature.SAMPLES)
TEXT, FRAMES = "text", "frames"


def lines(first: int, end: int) -> bytes:
    return b"".join(b"%d,%d,%d,256\n" % (k, k % 500, -(k % 300)) for k in range(first, end))


def frames(first: int, end: int) -> list[Message]:
    return [
        Samples(
            at, (at + 9) * 20_000, tuple((k % 500, -(k % 300), 256) for k in range(at, at + 10))
        )
        for at in range(first, end, 10)
    ]


def encoded(*messages: Message) -> bytes:
    return b"".join(encode_message(message, seq) for seq, message in enumerate(messages))


def stream_bytes(kind: str) -> bytes:
    """Three windows' worth, a gap that breaks the second, and something damaged."""
    if kind == TEXT:
        return HEADER + lines(0, 130) + b"junk\n\n" + lines(140, 300) + b"12,"
    damaged = bytearray(encoded(*frames(130, 140)))
    damaged[5] ^= 0x40
    before, after = encoded(HELLO, *frames(0, 130)), encoded(*frames(140, 300))
    return before + bytes(damaged) + after + after[:9]


def session(graph: QuantizedGraph, **options: object) -> LiveSession:
    stream = StreamOptions(rate_hz=50.0, **options)  # type: ignore[arg-type]
    return LiveSession(graph, Reference(graph), stream)


def assert_adds_up(report: LiveReport) -> None:
    booked = report.bytes_ok + report.bytes_rejected + report.bytes_ignored
    assert booked + report.bytes_pending == report.bytes_received
    decided = report.messages_ok + report.messages_ignored + report.messages_rejected
    assert decided + report.messages_pending == report.messages
    assert report.windows_valid + report.windows_invalid == report.windows
    assert report.bytes_pending >= report.messages_pending >= 0


@pytest.fixture(params=[TEXT, FRAMES])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["in the middle", "at the end"])
def played(
    request: pytest.FixtureRequest, kind: str, tiny_graph: QuantizedGraph
) -> Iterator[Callable[[], LiveReport]]:
    """Plays the stream to the middle or the end, and gives the report: a sound one, by itself."""

    def play() -> LiveReport:
        live = session(tiny_graph)
        live.feed(stream_bytes(kind), 0.0)
        if request.param == "at the end":
            live.finish()
        return live.report()

    assert_adds_up(play())
    yield play


def test_bytes_booked_wrong_are_refused(
    played: Callable[[], LiveReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Ledger.ignore

    def wrong(ledger: Ledger, size_bytes: int, *, is_whole: bool = True) -> None:
        right(ledger, size_bytes + (12_345 if ledger.bytes_ignored == 0 else 0),
              is_whole=is_whole)  # fmt: skip

    monkeypatch.setattr(Ledger, "ignore", wrong)
    with pytest.raises(VerificationError, match="counts of bytes do not add up"):
        played()


def test_lines_booked_wrong_are_refused(
    played: Callable[[], LiveReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Ledger.accept

    def wrong(ledger: Ledger, size_bytes: int) -> None:
        ledger.messages_ok += 7 if ledger.messages_ok == 0 else 0
        right(ledger, size_bytes)

    monkeypatch.setattr(Ledger, "accept", wrong)
    with pytest.raises(VerificationError, match="counts of lines do not add up"):
        played()


@pytest.mark.parametrize("place", ["_placed", "_count_missing"])
def test_a_window_booked_wrong_is_refused(
    played: Callable[[], LiveReport], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(LiveSession, place)

    def wrong(live: LiveSession, *arguments: object) -> object:
        live._windows_valid += live._windows == 0 or place == "_count_missing"
        return right(live, *arguments)

    monkeypatch.setattr(LiveSession, place, wrong)
    with pytest.raises(VerificationError, match="counts of windows do not add up"):
        played()


@pytest.mark.parametrize("what", ["bytes", "lines"])
def test_a_negative_remainder_is_refused(played: Callable[[], LiveReport], what: str) -> None:
    counter = {"bytes": "bytes", "lines": "messages"}[what]
    report = played()
    ok, pending = f"{counter}_ok", f"{counter}_pending"
    booked = {ok: getattr(report, ok) + 12_345, pending: getattr(report, pending) - 12_345}
    with pytest.raises(VerificationError, match=f"counts of {what} do not add up"):
        replace(report, **booked)


def test_what_was_lost_between_decoder_and_ledger_is_missed(
    kind: str, tiny_graph: QuantizedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ledger, "reject", lambda ledger, reason, size_bytes: None)
    live = session(tiny_graph)
    live.feed(stream_bytes(kind), 0.0)
    with pytest.raises(VerificationError, match="counts of bytes do not add up"):
        live.report()


@pytest.mark.parametrize("seed", range(4))
def test_after_every_piece_everything_adds_up(
    kind: str, tiny_graph: QuantizedGraph, seed: int
) -> None:
    dice, live = random.Random(seed), session(tiny_graph)
    data = stream_bytes(kind)
    at = 0
    while at < len(data):
        piece = data[at : at + dice.choice((1, 2, 7, 40, 300))]
        at += len(piece)
        live.feed(piece, 0.0)
        assert_adds_up(live.report())
        assert live.report().bytes_received == at
    live.resume()
    assert_adds_up(live.report())
    live.finish()
    assert_adds_up(live.report())
    assert (live.report().bytes_pending, live.report().messages_pending) == (0, 0)
    assert live.report().windows_invalid > 0 < live.report().windows_valid


def test_lines_that_wait_for_columns_or_a_unit_are_pending(
    tiny_graph: QuantizedGraph, moving_counts: Callable[..., NDArray[np.int16]]
) -> None:
    live = session(tiny_graph)
    for k, (x, y, z) in enumerate(moving_counts(60).tolist()):
        live.feed(b"%d,%d,%d\n" % (x, y, z), 0.0)
        assert_adds_up(live.report())
        assert live.report().messages_pending == live.report().messages == k + 1
    live.finish()
    assert live.report().rejected == {"undecided": 60}
    assert_adds_up(live.report())


def test_a_line_that_waits_for_another_to_confirm_its_index_is_pending(
    tiny_graph: QuantizedGraph,
) -> None:
    live = session(tiny_graph)
    live.feed(HEADER + lines(0, 10) + b"5,7,7,7\n6,7,7,7\n", 0.0)
    assert (live.report().messages_pending, live.report().bytes_pending) == (2, 16)
    live.finish()
    assert (live.report().messages_pending, live.report().rejected) == (0, {"conflict": 2})


def test_frames_that_wait_for_a_hello_are_pending(tiny_graph: QuantizedGraph) -> None:
    live = session(tiny_graph)
    data = encoded(*frames(0, 50))
    live.feed(data, 0.0)
    assert (live.report().messages_pending, live.report().bytes_pending) == (5, len(data) - 10)
    live.feed(encode_message(HELLO, 5), 0.0)
    assert (live.report().messages_pending, live.report().bytes_pending) == (0, 0)
    assert_adds_up(live.report())


def test_a_stream_that_is_refused_in_mid_chunk_adds_up(
    kind: str, tiny_graph: QuantizedGraph
) -> None:
    live = session(tiny_graph)
    live.feed(stream_bytes(kind)[:1500], 0.0)
    if kind == TEXT:
        other = HEADER.replace(b"counts", b"g")
        tail = b"\n" + other + lines(140, 150) + other + lines(150, 160) + b"16"
    else:
        turned = Hello(boot_id=1, features=Feature.SAMPLES, axes=AxisMap((1, 0, 2), (1, -1, 1)))
        tail = encoded(*frames(140, 150), turned, *frames(150, 170))[:-3]
    with pytest.raises(DataError):
        live.feed(b"\0" * (kind == FRAMES) + tail, 0.0)
    assert_adds_up(live.report())
    assert live.report().rejected["undecided"] >= 1
    live.finish()
    assert_adds_up(live.report())


def test_windows_that_are_shed_add_up(tiny_graph: QuantizedGraph) -> None:
    live = session(tiny_graph)
    data = HEADER + lines(0, 100) + lines(150, 400)
    live.feed(data, 0.0, judge=False)
    report = live.report()
    assert (report.windows_valid, report.windows_invalid) == (0, report.windows)
    assert report.windows > report.invalid["backpressure"] > 0


def test_every_sample_of_a_frame_is_used_repeated_or_before_the_first_window(
    tiny_graph: QuantizedGraph,
) -> None:
    live = session(tiny_graph)
    (overlap,) = frames(155, 165)
    live.feed(encoded(HELLO, *frames(90, 160), *frames(140, 160), overlap, *frames(200, 210)), 0.0)
    tally, used = live.report().frames, live.report().samples
    assert tally is not None
    assert (tally.unaligned_samples, tally.duplicate_samples) == (30, 25)
    assert tally.samples == used + tally.unaligned_samples + tally.duplicate_samples
