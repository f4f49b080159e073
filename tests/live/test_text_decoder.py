import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearkit.link.sample import Reason
from wearkit.link.text.decoder import Line, TextDecoder
from wearkit.link.text.line import MAX_LINE_BYTES, Row

PIECES = st.sampled_from(
    [
        b"1,2,3\n",
        b"-0.5,0.25,1e0\r\n",
        b"\n",
        b"\r",
        b"\r\n",
        b"#wearkit text/1 units=g\n",
        b"# note\n",
        b"\xff\x00\x80",
        b"9" * 300,
        b"1,2",
        b"*",
        b"{}\n",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=40), max_size=30).map(b"".join)


def decode(chunks: list[bytes], *, skip_head: bool = False) -> tuple[TextDecoder, list[Line]]:
    decoder = TextDecoder(skip_head=skip_head)
    lines = [line for chunk in chunks for line in decoder.feed(chunk)]
    return decoder, [*lines, *decoder.finish()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=20), st.booleans())
def test_chunks_do_not_matter_and_every_byte_is_counted_once(
    data: bytes, places: list[int], skip_head: bool
) -> None:
    whole, lines = decode([data], skip_head=skip_head)
    pieces, same = decode(cut(data, places), skip_head=skip_head)
    assert lines == same
    assert sum(line.size_bytes for line in lines) == len(data) == whole.received_bytes
    assert pieces.printable_bytes == whole.printable_bytes
    assert pieces.tail_bytes == 0


def test_fuzz_random_and_mutated_streams_in_bounded_memory() -> None:
    source = random.Random(1)
    good = b"".join(b"%d,%d,%d,%d,%d\n" % (i, i * 20000, i % 9, -i % 7, 256) for i in range(200))
    decoder = TextDecoder()
    decoder.feed(good)
    tracemalloc.start()
    counted = 0
    for _ in range(300):
        data = bytearray(good if source.random() < 0.7 else source.randbytes(4000))
        for _ in range(source.randrange(60)):
            data[source.randrange(len(data))] = source.randrange(256)
        counted += sum(line.size_bytes for line in decoder.feed(bytes(data)))
        assert decoder.tail_bytes + counted + len(good) == decoder.received_bytes
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoder.received_bytes > 1_000_000
    assert peak_bytes < 1 << 20


def test_a_line_without_end_keeps_no_memory_and_is_one_rejected_line() -> None:
    decoder = TextDecoder()
    tracemalloc.start()
    for _ in range(200):
        assert decoder.feed(b"5" * 50_000) == []
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 500_000
    assert decoder.tail_bytes == 10_000_000
    assert decoder.feed(b"\n1,2,3\n") == [
        Line(10_000_001, Reason.TOO_LONG),
        Line(6, Row((1, 2, 3))),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_cap_is_on_the_line_not_on_its_end(end: bytes) -> None:
    full = b"1,2," + b"3" * (MAX_LINE_BYTES - 4)
    # Long numbers are out of range; what matters is that the line was read, not cut off.
    assert decode([full + end])[1] == [Line(len(full + end), Reason.OUT_OF_RANGE)]
    assert decode([full + b"3" + end])[1] == [Line(len(full + end) + 1, Reason.TOO_LONG)]


def test_the_head_is_kept_or_dropped_as_asked() -> None:
    data = b"1,2,3\n4,5,6\n"
    assert [line.content for line in decode([data])[1]] == [Row((1, 2, 3)), Row((4, 5, 6))]
    assert [line.content for line in decode([data], skip_head=True)[1]] == [None, Row((4, 5, 6))]


def test_an_unterminated_tail_is_never_parsed() -> None:
    assert decode([b"1,2,3\n4,5,6"])[1] == [Line(6, Row((1, 2, 3))), Line(5, None)]


def test_comments_are_text_and_damaged_headers_are_refused() -> None:
    lines = decode(
        [b"#wearkit text/1 units=g\n#error no sensor\n# \xff\n#wearkit text/1 units=g*00000000\n"]
    )[1]
    assert [line.content for line in lines] == [
        "#wearkit text/1 units=g",
        "#error no sensor",
        None,
        Reason.CRC,
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r", b"\r\r\n", b"\r"])
@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_every_usual_line_end_is_taken(end: bytes, places: list[int]) -> None:
    data = b"".join(b"%d,2,3%b" % (i, end) for i in range(8))
    decoder, lines = decode(cut(data, places))
    assert [line.content for line in lines if line.content] == [Row((i, 2, 3)) for i in range(8)]
    assert sum(line.size_bytes for line in lines) == len(data) == decoder.received_bytes


@given(st.lists(st.sampled_from([b"\r", b"\n", b"1,2,3", b"x" * 300, b" "]), max_size=30),
       st.lists(st.integers(0, 10_000), max_size=20))  # fmt: skip
def test_the_line_end_does_not_hang_on_chunks(pieces: list[bytes], places: list[int]) -> None:
    data = b"".join(pieces)
    _, lines = decode([data])
    _, same = decode(cut(data, places))
    assert lines == same
    assert sum(line.size_bytes for line in lines) == len(data)
