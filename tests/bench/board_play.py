"""One board played: on a pty to `wearkit live`, or straight into a session with a clock of its own.

What came of it is judged by the board's own samples: the verdict of a clean window must be that of
so many of its samples in a row, at a rate the model was made for.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from board_list import Board, Counts, Expect

from wearkit.counts import counts_to_int8
from wearkit.errors import DataError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.live.open import stream_options
from wearkit.live.session import LiveSession
from wearkit.spec import trained

_WEARKIT = (sys.executable, "-c", "from wearkit.cli import main; main()")
RATE_TOLERANCE = 0.06
_NOTES = {"CONNECT_NOISE", "DEVICE_TEXT"}
_LOG_LINES = {"CORRUPT"}  # log text that is no sample is counted so, and casts no doubt
_TICK_S = 0.1
_GRACE_S = 3.0


@dataclass(frozen=True)
class Came:
    """What came of a board. windows, faults: as `wearkit live --json` prints them."""

    board: Board
    code: int
    windows: list[dict[str, Any]]
    faults: dict[str, int]
    said: str

    @property
    def reasons(self) -> list[str]:
        return sorted({reason for window in self.windows for reason in window["reasons"]})

    @property
    def first_clean(self) -> int | None:
        return next((window["window"] for window in self.windows if _is_clean(window)), None)


def _is_clean(window: dict[str, Any]) -> bool:
    return bool(window["valid"]) and not window["reasons"]


class Judge:
    """Holds what came against the truth."""

    def __init__(self, graph: QuantizedGraph) -> None:
        self._reference = Reference(graph)
        self._spec = trained(graph.model).window

    def wrong(self, came: Came) -> list[str]:
        """What is wrong, as sentence parts; nothing when all is right."""
        return self._unlike_truth(came) + _unlike_expected(came)

    def _unlike_truth(self, came: Came) -> list[str]:
        clean = [window for window in came.windows if _is_clean(window)]
        if not clean:
            return []
        hz = came.board.samples_hz
        if abs(hz / self._spec.rate_hz - 1) > RATE_TOLERANCE:
            return [f"{len(clean)} clean windows at {hz:g} Hz"]
        true = self._true_logits(came.board.counts())
        false = [str(window["window"]) for window in clean if _logits(window) not in true]
        return [f"clean but not as measured: window {', '.join(false)}"] if false else []

    def _true_logits(self, counts: list[Counts]) -> set[tuple[tuple[str, tuple[int, ...]], ...]]:
        every = np.array(counts, dtype=np.int16).clip(-512, 511)
        windows = np.lib.stride_tricks.sliding_window_view(every, self._spec.length, axis=0)
        logits = self._reference.run(counts_to_int8(windows.transpose(0, 2, 1)))
        rows = {task: values.tolist() for task, values in logits.items()}
        return {
            tuple(sorted((task, tuple(values[at])) for task, values in rows.items()))
            for at in range(len(windows))
        }


def _logits(window: dict[str, Any]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(sorted((task, tuple(of["logits"])) for task, of in window["tasks"].items()))


def _unlike_expected(came: Came) -> list[str]:
    board = came.board
    if board.expect is Expect.REFUSED:
        is_right = came.code > 0 and came.code < 128 and board.says in came.said
        return [] if is_right else [f"not refused with {board.says!r}"]
    if board.expect is Expect.MARKED:
        return [] if board.says in came.reasons else [f"no window marked {board.says!r}"]
    if board.expect is Expect.REPORTED:
        return [] if board.says in came.faults else [f"{board.says} is not reported"]
    wrong = []
    if came.code or len(came.windows) < board.windows:
        wrong.append(f"exit {came.code} after {len(came.windows)} windows")
    false = came.faults.keys() - _NOTES - _LOG_LINES
    if came.reasons or false:
        wrong.append(f"a clean board reported as {', '.join(came.reasons + sorted(false))}")
    return wrong


class PtyBoard:
    """A board's program behind a pseudo-terminal, at its own pace."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)
        self._stopped = threading.Event()
        self.has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)
        os.close(self._master)

    def _run(self) -> None:
        try:
            if self._is_opened() and self._is_asked():
                self._print()
        except OSError:
            pass  # the other side has ended
        self.has_ended.set()

    def _is_opened(self) -> bool:
        """Wait for the other side; a fork holds the port for a moment, too."""
        poll, looks = select.poll(), 0
        poll.register(self._master, 0)
        while looks < 5 and not self._stopped.wait(0.02):
            looks = 0 if any(e & select.POLLHUP for _, e in poll.poll(0)) else looks + 1
        return not self._stopped.is_set()

    def _is_asked(self) -> bool:
        heard, wanted = b"", self._board.waits_for
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        while wanted not in heard and not self._stopped.is_set():
            if poll.poll(100):
                heard += os.read(self._master, 100)
        return not self._stopped.is_set()

    def _print(self) -> None:
        board = self._board
        os.write(self._master, board.greeting)
        start_s = time.monotonic() + 0.2
        for i, counts in enumerate(board.counts()):
            if self._stopped.wait(max(0.0, start_s + i / board.hz - time.monotonic())):
                return
            os.write(self._master, board.line(i, counts))


def play_on_pty(board: Board, bundle: Path) -> Came:
    """`wearkit live` reads the board until it has its windows, ends, or its time is over."""
    sender = PtyBoard(board)
    arguments = ("live", "--json", "--port", sender.port, "--bundle", str(bundle))
    process = subprocess.Popen(
        [*_WEARKIT, *arguments, "--windows", str(board.windows), *board.options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = _communicate(process, sender)
    finally:
        sender.close()
    windows = [json.loads(line) for line in out.splitlines()]
    faults: dict[str, int] = {}
    said = []
    for line in err.splitlines():
        if line.startswith('{"summary"'):
            faults = json.loads(line)["summary"]["faults"]
        else:
            said.append(line)
    return Came(board, process.returncode, windows, faults, " ".join(said))


def _communicate(process: subprocess.Popen[str], sender: PtyBoard) -> tuple[str, str]:
    """All it prints; told to end when the board has nothing left to say."""
    while True:
        try:
            return process.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            if sender.has_ended.is_set():
                process.send_signal(signal.SIGINT)


def play_in_session(board: Board, graph: QuantizedGraph) -> Came:
    """The same straight into a session, a tenth of a second at a time by a clock of its own. Ports
    and what watches them are not part of it."""
    said = dict(zip(board.options[::2], board.options[1::2], strict=True))
    rate_hz = trained(graph.model).window.rate_hz
    options = stream_options(
        rate_hz, *(said.get(f"--{name}") for name in ("units", "fields", "axes", "only"))
    )
    session = LiveSession(
        graph, Reference(graph), options, max_windows=board.windows, faults=FaultLog()
    )
    windows, error, sent = [], None, board.greeting
    due_s = _TICK_S
    try:
        for i, counts in enumerate(board.counts()):
            while i / board.hz >= due_s:
                windows += session.feed(sent, due_s)
                sent, due_s = b"", due_s + _TICK_S
            if session.is_full or due_s > board.seconds:
                break
            sent += board.line(i, counts)
        windows += session.finish()
    except DataError as refused:
        error = refused
        session.faults.add_error(refused)
    report = session.report("windows", error)
    return Came(
        board,
        0 if error is None and session.is_full else 1 if error else 130,
        [window.to_json() for window in windows],
        dict(report.faults),
        str(error or ""),
    )
