"""The last line of a terminal while a command works: what it shows, and who else may write.

A line that is written anew belongs to one writer. Text that is printed past it would stand in its
middle, so whatever a command says on stderr meanwhile goes through `note`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LOG_INTERVAL_S = 10.0


class _Line(Protocol):
    def note(self, text: str) -> None: ...

    def show(self, stage: str, completed: int, total: int) -> None: ...


_lines: list[_Line] = []  # the innermost is the last


def note(text: str) -> None:
    """Say a sentence on stderr: above the line that is written anew, where there is one."""
    if _lines:
        _lines[-1].note(text)
    else:
        click.echo(text, err=True)


def show_progress(stage: str, completed: int, total: int) -> None:
    """Show how far the work is on the line there is, if any. total: 0 when nobody knows."""
    if _lines:
        _lines[-1].show(stage, completed, total)


@contextmanager
def at_work(text: str, console: Console | None = None) -> Iterator[None]:
    """Show on stderr that the block is at work, and at what: on a terminal in one line that is
    written anew and disappears, elsewhere in a line every LOG_INTERVAL_S."""
    from rich.console import Console

    console = console or Console(stderr=True)
    if console.is_terminal:
        bar = _bar(console)
        with bar, _owned(_TerminalLine(bar, text)):
            yield
        return
    with _LogLine(text, console) as log, _owned(log):
        yield


@contextmanager
def owned_by(bar: Progress) -> Iterator[None]:
    """Notes go above a bar of the caller's own while the block lasts."""
    with _owned(_TerminalLine(bar)):
        yield


@contextmanager
def _owned(line: _Line) -> Iterator[None]:
    _lines.append(line)
    try:
        yield
    finally:
        _lines.remove(line)


class _TerminalLine:
    """text: what is shown until a stage is; None: the bar's owner shows what there is."""

    def __init__(self, bar: Progress, text: str | None = None) -> None:
        self._bar = bar
        self._text = text
        self._task = None if text is None else bar.add_task(text, total=None)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, stage: str, completed: int, total: int) -> None:
        if self._task is not None:
            description = f"{self._text} {stage}"
            self._bar.update(
                self._task, description=description, completed=completed, total=total or None
            )


class _LogLine:
    """Says every so often where the work is, so that a log shows life. The thread is there because
    one call into native code may take minutes."""

    def __init__(self, text: str, console: Console, interval_s: float | None = None) -> None:
        self._text, self._console = text, console
        self._interval_s = LOG_INTERVAL_S if interval_s is None else interval_s
        self._state = ""
        self._begin_s = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> _LogLine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def show(self, stage: str, completed: int, total: int) -> None:
        self._state = f" {stage}" + (f", {completed} of {total}" if total else "")

    def _tell(self) -> None:
        while not self._ended.wait(self._interval_s):
            elapsed_s = time.monotonic() - self._begin_s
            line = f"{self._text}{self._state} ({elapsed_s:.0f} s)"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bar(console: Console) -> Progress:
    """A spinner and the text; where the total is known, a bar and the numbers; the time."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.text import Text

    class KnownBar(BarColumn):
        def render(self, task: Task) -> Any:
            return Text() if task.total is None else super().render(task)

    class Numbers(TextColumn):
        def render(self, task: Task) -> Text:
            known = task.total is not None
            return Text(f"{task.completed:.0f}/{task.total:.0f}" if known else "")

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        KnownBar(bar_width=16),
        Numbers(""),
        Elapsed(),
        console=console,
        transient=True,
    )
