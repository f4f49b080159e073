"""The line of a terminal that is written anew: notes stand above it, a pipe gets whole lines."""

import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from wearkit.cli.terminal import line
from wearkit.cli.terminal.line import at_work, note, owned_by, show_progress

SPINNERS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows(output: str) -> list[str]:
    """What stands on each row of a terminal in the end. Knows the codes that rich writes here."""
    screen, row, column = [""], 0, 0
    rest = output
    while rest:
        if rest.startswith("\x1b["):
            end = next(at for at, letter in enumerate(rest) if at > 1 and letter.isalpha())
            code, number = rest[end], rest[2:end]
            if code == "K":
                screen[row] = ""
            elif code == "A":
                row -= int(number or 1)
            rest = rest[end + 1 :]
            continue
        letter, rest = rest[0], rest[1:]
        if letter == "\r":
            column = 0
        elif letter == "\n":
            row, column = row + 1, 0
            screen += [""] * (row + 1 - len(screen))
        else:
            screen[row] = screen[row][:column].ljust(column) + letter + screen[row][column + 1 :]
            column += 1
    return screen


def test_a_note_has_a_row_of_its_own_and_the_line_disappears() -> None:
    console = terminal()
    with at_work("Reading ...", console):
        note("Using the windows cached in [bold]/home.")
        note("And more.")
    assert [row.strip() for row in rows(written(console)) if row.strip()] == [
        "Using the windows cached in [bold]/home.",
        "And more.",
    ]
    assert "Reading ..." in written(console)


def test_the_line_shows_the_stage_and_how_far_it_is() -> None:
    console = terminal()
    with at_work("Exporting:", console):
        show_progress("TFLite Micro", 256, 1036)
        line._lines[-1]._bar.refresh()  # type: ignore[attr-defined]
    assert "Exporting: TFLite Micro" in written(console) and "256/1036" in written(console)


def test_a_callers_own_bar_is_respected() -> None:
    console = terminal()
    bar = line._bar(console)
    with bar, owned_by(bar):
        bar.add_task("training", total=3)
        note("Copied.")
        show_progress("nothing", 1, 2)
    assert "Copied." in [row.strip() for row in rows(written(console))]
    assert "nothing" not in written(console)


def test_outside_of_work_a_note_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("Here.")
    show_progress("nobody", 1, 2)
    assert capsys.readouterr().err == "Here.\n"


def test_in_a_pipe_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with at_work("Exporting:"):
        show_progress("quick", 1, 2)
        note("A note.")
    assert capsys.readouterr().err == "A note.\n"


@pytest.fixture
def every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "LOG_INTERVAL_S", 0.01)


@pytest.mark.usefixtures("every_moment")
def test_in_a_pipe_long_work_shows_life(capfd: pytest.CaptureFixture[str]) -> None:
    seen = ""
    with at_work("Exporting:"):
        show_progress("TFLite Micro", 512, 1036)
        while "TFLite Micro" not in seen:  # a line must come; the suite's own limit ends the wait
            time.sleep(0.01)
            seen += capfd.readouterr().err
    assert seen.splitlines()[-1].startswith("Exporting: TFLite Micro, 512 of 1036 (")


def test_no_line_is_left_when_the_work_fails() -> None:
    with pytest.raises(ZeroDivisionError), at_work("Reading ..."):
        raise ZeroDivisionError
    assert line._lines == []


def output_on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wearkit", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=os.environ | environment,
    )
    os.close(follower)
    output = b"".join(chunks(leader))
    os.close(leader)
    assert process.wait() == 0
    return output.decode()


def chunks(leader: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:  # how a pseudo-terminal of Linux ends
            return
        if not data:
            return
        yield data


def test_the_note_of_the_cache_does_not_stand_in_the_spinner(
    recordings: Path, tmp_path: Path
) -> None:
    environment = {"WEARKIT_CACHE": str(tmp_path), "TERM": "xterm", "COLUMNS": "100"}
    arguments = ["data", "info", str(recordings)]
    output_on_a_terminal(arguments, environment)
    final = [row for row in rows(output_on_a_terminal(arguments, environment)) if row.strip()]
    assert len(final) == 1 and "cache" in final[0]
    assert not set(SPINNERS) & set(final[0]) and "Reading" not in final[0]


def test_commands_leave_the_line_to_its_owner(repository: Path) -> None:
    """A second writer of the line is how notes came into the middle of it."""
    owner = repository / "toolkit/wearkit/cli/terminal/line.py"
    writers = {
        path.name
        for path in (repository / "toolkit/wearkit/cli").rglob("*.py")
        if path != owner and (".status(" in path.read_text() or " Progress(" in path.read_text())
    }
    assert writers <= {"training_display.py", "verify.py"}  # bars of their own, and no notes past
