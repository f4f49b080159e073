"""The commands that README and docs print: run as pasted, or marked with the reason why not.

A block of commands that cannot be run here follows a comment that the rendered page does not show,
`<!-- not run: needs a board -->`. Every `wearkit` line of every page is parsed with the real
options, whether it is run or not.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from tests.cli.conftest import write_recordings
from tests.docs.code_blocks import Block, blocks, inline_commands

from wearkit.cli import cli

REPOSITORY = Path(__file__).resolve().parents[2]
# Why a block is not run -> what such a block must hold, else the reason is an excuse.
REASONS = {
    "needs a board": r"--port /dev/tty",
    "needs the network": r"^(pip|npm) ",
    "needs an administrator": r"^sudo ",
    "needs recordings that are not here": r"\.tar\.xz",
    "needs models that are not here": r"--peers FOLDER",
    "takes minutes": r"^(make (setup|demo|test|soak|check)\b|wearkit train *(#|$))",
    "is a synopsis": r"\[(--|[A-Z])|--port P\b",
}
NOT_RUN = {
    "needs a board": 2,
    "needs the network": 2,
    "needs recordings that are not here": 1,
    "needs models that are not here": 1,
    "takes minutes": 4,
    "is a synopsis": 5,
}
"""How many blocks give each reason: whoever makes another exception says so here."""

NEWEST_RUN = '"$(ls -td runs/*/ | head -n 1)"'
NEWEST_BUNDLE = '"$(ls -td build/*-int8 | head -n 1)"'
PLACEHOLDERS = (
    (r"runs/\.\.\.|\bRUN\b", NEWEST_RUN),
    (r"build/(\.\.\.|<run>)-int8|(?<=--bundle )B\b|(?:\b|(?<=-I))BUNDLE\b", NEWEST_BUNDLE),
    (r"(?<=--data )R\b", "recordings"),
    (r"(?<=--rounding )FAMILY\b", "tflm"),
    (r"(?<=--windows )N\b", "1"),
    (r"(?<= )/tmp/", "./"),  # another test, or a person, may have a port of that name
)
# Ten windows take 13 seconds of a sensor's time. What the page says comes later, and wins.
FASTER = (
    (r"(wearkit (?:simulate|emulate)\b)", r"\1 --speed 10"),
    (r"(wearkit train\b)", r"\1 --epochs 1 --batch 16"),
)
BLOCK_S = 200  # a firmware is built in some of them


def all_pages() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return [page for page in listed if page and page != "CHANGELOG.md"]


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def is_held(page: str) -> bool:
    """Whether every block of this page must be run or give a reason."""
    return page.startswith("docs/") or page in (
        "README.md",
        "CONTRIBUTING.md",
        "firmware/README.md",
    )


COMMANDS = [
    block for page in all_pages() for block in blocks(page, text_of(page)) if block.is_commands
]
PYTHON = [
    block
    for page in all_pages()
    for block in blocks(page, text_of(page))
    if block.is_python and is_held(page)
]
RUN = [block for block in COMMANDS if is_held(block.page) and not block.reason]
RUN_PAGES = sorted({block.page for block in [*RUN, *PYTHON]})


def replaced(text: str, *, faster: bool) -> str:
    for pattern, value in (*PLACEHOLDERS, *(FASTER if faster else ())):
        text = re.sub(pattern, value, text)
    return text


class Workspace:
    """A folder with five people's recordings, a run and a bundle, in which pages are read aloud.

    root: the folder. Its `bin` stands first on the PATH: wearkit and python are this interpreter's.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {**os.environ, "PATH": f"{root}/bin:{os.environ['PATH']}"}

    def set_up(self) -> None:
        write_recordings(self.root / "recordings")
        for name, module in (("wearkit", "-m wearkit"), ("python", "")):
            program = self.root / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
            program.chmod(0o755)
        (self.root / "examples").symlink_to(REPOSITORY / "examples")
        train = "wearkit train --data recordings --arch mtl-net-micro --epochs 1 --batch 16"
        self.run(Block("set up", 0, f"{train}\nwearkit export --int8", "", ""))
        (bundle,) = (self.root / "build").glob("*-int8")
        shutil.copyfile(bundle / "model.int8.tflite", self.root / "model.tflite")
        (self.root / "main.c").write_text(main_program(text_of("docs/c.md")))

    def copy(self, root: Path) -> Workspace:
        """The same in another folder, so that no page lives on what another one left."""
        shutil.copytree(self.root, root, symlinks=True)
        return Workspace(root)

    def run(self, block: Block) -> None:
        """As a reader who pastes the block; what it leaves running is ended."""
        script = "set -euo pipefail\n" + replaced(block.text, faster=True)
        links = re.findall(r"--link (\S+)", script)
        started = subprocess.Popen(
            ["bash", "-c", f"{script}\ntouch block-is-over; wait"],
            cwd=self.root, env=self.environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        over = self.root / "block-is-over"
        try:
            missing = self._wait(started, over, links)
        finally:
            whole = over.exists()
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGTERM)
            output, _ = started.communicate(timeout=60)
            over.unlink(missing_ok=True)
        assert whole, f"{block}, exit code {started.returncode}:\n{block.text}\n{output}"
        assert not missing, f"{block}: never a port {missing}:\n{block.text}\n{output}"

    def _wait(self, started: subprocess.Popen[str], over: Path, links: list[str]) -> set[str]:
        """Until the foreground is over and what runs beside it has shown its ports.

        Returns the ports that never were.
        """
        missing = set(links)
        deadline = time.monotonic() + BLOCK_S
        while started.poll() is None and time.monotonic() < deadline:
            missing -= {link for link in missing if (self.root / link).is_symlink()}
            if over.exists() and not missing:
                break
            time.sleep(0.02)
        return missing

    def run_python(self, block: Block) -> None:
        text = block.text.replace("build/<run>-int8", str(next((self.root / "build").glob("*"))))
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=self.root, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BLOCK_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}:\n{block.text}\n{done.stdout}"


def main_program(page: str) -> str:
    """A board's main.c, made of the lines that docs/c.md shows."""
    (lines,) = (block for block in blocks("docs/c.md", page) if "wk_model_run(" in block.text)
    window = "static int8_t window[WK_INPUT_LEN];"
    return f'#include "wk_model.h"\n{window}\nint main(void) {{\n{lines.text}\nreturn 0;\n}}\n'


@pytest.fixture(scope="session")
def workspace(
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
) -> Workspace:
    needs_program("bash", "it runs what a reader pastes")
    needs_program("cc", "apt-get install gcc")
    for module, extra in (("torch", "train"), ("onnxruntime", "export"), ("unicorn", "profile")):
        needs_module(module, f"pip install 'wearkit[{extra}]'")
    made = Workspace(tmp_path_factory.mktemp("reader"))
    made.set_up()
    return made


@pytest.mark.parametrize("page", RUN_PAGES)
def test_the_commands_of_a_page_run_as_pasted(
    page: str, workspace: Workspace, tmp_path: Path
) -> None:
    reader = workspace.copy(tmp_path / "reader")
    of_page = [block for block in [*RUN, *PYTHON] if block.page == page]
    assert of_page
    for block in sorted(of_page, key=lambda block: block.line):
        if block.is_python:
            reader.run_python(block)
        else:
            reader.run(block)


def test_what_is_not_run_gives_a_reason_that_its_commands_bear_out() -> None:
    excused = [block for block in COMMANDS if is_held(block.page) and block.reason]
    counted: Counter[str] = Counter()
    for block in excused:
        for reason in block.reason.split(" and "):
            assert reason in REASONS, f"{block}: {reason!r} is no known reason"
            assert re.search(REASONS[reason], block.text, re.MULTILINE), (
                f"{block}: not so: {reason}"
            )
            counted[reason] += 1
    assert counted == NOT_RUN
    assert len(RUN) > 8


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and the words that are left for it.

    Raises click.UsageError when there is none of that name.
    """
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        child = command.get_command(click.Context(command), words[0])
        if child is None:
            raise click.UsageError(f"There is no command {words[0]!r}.")
        command, words = child, words[1:]
    return command, words


def parse(line: str) -> None:
    """Have click parse a `wearkit` line, a synopsis as if all that is optional were there; nothing
    is run. Raises click.UsageError."""
    for newest, name in ((NEWEST_RUN, "run"), (NEWEST_BUNDLE, "bundle")):
        line = replaced(line, faster=False).replace(newest, name)
    plain = re.sub(r"(?<=\s)\[|\](?=\s|$)|\.\.\.", "", re.sub(r"<[\w-]+>", "name", line))
    words = [word.split("|")[0] for word in shlex.split(plain, comments=True) if word != "&"]
    command, arguments = resolved(words[1:])
    command.make_context(words[1], arguments)


def unknown_options(line: str) -> list[str]:
    """What a command in running text, which may be a piece of one, names and does not have."""
    words = re.split(r"[\s=|]+", line.removeprefix("wearkit "))
    if not re.fullmatch("[a-z]+", words[0]):
        return []  # an option of wearkit itself, or no command of any name
    try:
        command, rest = resolved(words)
    except click.UsageError:
        return words[:1]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    return [word for word in rest if re.match(r"--?[a-z]", word) and word.strip(",") not in known]


@pytest.mark.parametrize(
    "line",
    [line for block in COMMANDS for line in block.wearkit_lines],
)
def test_every_command_line_has_options_that_exist(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parse(line)


@pytest.mark.parametrize("page", all_pages())
def test_commands_in_running_text_have_options_that_exist(page: str) -> None:
    named = list(inline_commands(text_of(page)))
    assert {line: bad for line in named if (bad := unknown_options(line))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "wearkit trian",
        "wearkit train --epoch-s 3",
        "wearkit live",
        "wearkit export --rounding none",
    ],
)
def test_a_line_that_is_wrong_is_not_parsed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_a_wrong_option_in_running_text_is_seen() -> None:
    assert unknown_options("wearkit live --record FILE.csv") == []
    assert unknown_options("wearkit live --port P --recrod=FILE") == ["--recrod"]
    assert unknown_options("wearkit lvie") == ["lvie"]


def test_blocks_of_a_page_are_told_apart() -> None:
    page = """text
    no block, the text goes on

<!-- not run: needs a board -->

    wearkit live --port /dev/ttyUSB0 \\
        --windows 3

    # the same block

<!-- not run: forgotten after this line -->
text

```sh
other-program
```

    x = 1
"""
    first, second, third = blocks("page.md", page)
    assert (first.line, first.reason, len(first.lines)) == (6, "needs a board", 2)
    assert first.wearkit_lines == ["wearkit live --port /dev/ttyUSB0 --windows 3"]
    assert first.is_commands and second.is_commands and not third.is_commands
    assert (second.reason, second.text, third.text) == ("", "other-program", "x = 1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wearkit data info no-such", "exit code 5"),
        ("true\nwearkit live --port /tmp/no-such-port\ntrue", "exit code 3"),
        ("wearkit simulate --data no-such --link /tmp/sensor &", "never a port"),
    ],
)
def test_a_block_that_fails_as_pasted_fails_here(
    text: str, complaint: str, workspace: Workspace
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        workspace.run(Block("page.md", 1, text, "", ""))
