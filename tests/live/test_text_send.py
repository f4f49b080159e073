"""`--send`: a board that prints nothing until it is asked is asked, and again after a reset."""

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from wearkit.cli import run
from wearkit.errors import DataError
from wearkit.link.faults import FaultLog
from wearkit.link.ports.opening import open_at
from wearkit.link.ports.question import AGAIN_S, MAX_TIMES, Question, question_bytes
from wearkit.live.open import source_of


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("start", b"start"),
        (r"start\r\n", b"start\r\n"),
        (r"\x03\x04", b"\x03\x04"),
        (r"a\\n\0\t", b"a\\n\0\t"),
    ],
)
def test_what_cannot_be_typed_is_written_with_a_backslash(text: str, data: bytes) -> None:
    assert question_bytes(text) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\\",
        r"\q",
        r"\x1",
        "\N{GREEK SMALL LETTER PI}",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
        "a" * 257,
    ],
)
def test_what_stands_for_nothing_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="--send"):
        question_bytes(text)
    for command in ("live", "verify"):
        assert run([command, "--port", "/dev/null", "--send", text]) == 2
        assert "--send" in capsys.readouterr().err


def test_it_is_sent_at_once_and_again_while_nothing_comes() -> None:
    question = Question(b"?")
    due_s = [now / 10 for now in range(300) if question.is_due(now / 10)]
    assert due_s == [AGAIN_S * time for time in range(MAX_TIMES)]
    question.ask_anew()
    assert question.is_due(100.0)
    question.answered()
    assert not question.is_due(200.0)


def test_nothing_is_sent_where_nothing_was_asked_for() -> None:
    assert not Question(b"").is_due(0.0)


@pytest.fixture
def board() -> Iterator[Callable[[], tuple[str, int]]]:
    """board() -> a port that answers x,y,z to `go`, and the end it does so from."""
    masters: list[int] = []

    def start() -> tuple[str, int]:
        master, slave = pty.openpty()
        tty.setraw(slave)
        masters.extend((master, slave))

        def answer() -> None:
            heard = b""
            while b"go\n" not in heard:
                heard += os.read(master, 100)
            os.write(master, b"1,2,3\n")

        threading.Thread(target=answer, daemon=True).start()
        return os.ttyname(slave), master

    yield start
    for handle in masters:
        os.close(handle)


def test_a_board_that_waits_is_asked(board: Callable[[], tuple[str, int]]) -> None:
    name, _ = board()
    handle = open_at(name, send=b"go\n")
    source = source_of(handle, FaultLog(), dtr=True, reconnect_s=0, send=b"go\n")
    try:
        data = b"".join(chunk.data for _ in range(20) for chunk in source.take(0.1) if chunk)
    finally:
        source.close()
    assert data == b"1,2,3\n"


def test_with_the_rate_sought_it_is_asked_at_that_rate(
    board: Callable[[], tuple[str, int]],
) -> None:
    name, master = board()
    threading.Timer(0.3, os.write, (master, b"1,2,3\n" * 4)).start()
    rates: list[int] = []
    handle = open_at(name, "auto", send=b"go\n", on_rate=rates.append)
    handle.close()
    assert rates == [115200]


def test_it_is_asked_again_after_the_port_came_back(
    board: Callable[[], tuple[str, int]],
) -> None:
    name, _ = board()
    handle = open_at(name)  # without a question: nothing comes
    source = source_of(handle, FaultLog(), dtr=True, reconnect_s=5, send=b"go\n")
    try:
        assert source.take(0.1) == []
        assert source.reopen()
        chunks = [chunk for _ in range(20) for chunk in source.take(0.1)]
    finally:
        source.close()
    assert [(chunk.data, chunk.resumed) for chunk in chunks] == [(b"1,2,3\n", True)]
