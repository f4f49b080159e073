"""Every --help ends with lines that can be typed; a slip of the finger is answered with a name."""

import shlex

import click
import pytest

from wearkit.cli import cli, run
from wearkit.cli.examples import ExampleCommand, ExampleGroup

COMMANDS = sorted(cli.list_commands(click.Context(cli)))
PATHS = [[], *([name] for name in COMMANDS), ["data", "info"]]


def command_at(path: list[str]) -> ExampleCommand | ExampleGroup:
    command: click.Command | None = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert isinstance(command, ExampleCommand | ExampleGroup)
    return command


def parse(line: str) -> list[str]:
    """The commands of a line whose arguments all parse. Runs nothing."""
    words = shlex.split(line.removesuffix(" &"))
    assert words.pop(0) == "wearkit"
    command: click.Command = cli
    names = []
    while isinstance(command, click.Group):
        names.append(words.pop(0))
        found = command.get_command(click.Context(command), names[-1])
        assert found is not None, line
        command = found
    command.make_context(names[-1], words)
    return names


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_help_ends_with_lines_that_parse(
    path: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    examples = command_at(path).examples
    assert len(examples) >= 2
    assert all(parse(line)[: len(path)] == path for line in examples)
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\nExamples:\n" + "".join(f"  {line}\n" for line in examples))


def test_a_line_that_does_not_parse_is_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        parse("wearkit export --int9")


@pytest.mark.parametrize(
    ("typed", "meant"), [("trian", "train"), ("exprot", "export"), ("veriyf", "verify")]
)
def test_a_slip_is_answered_with_the_command_most_like_it(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([typed]) == 2
    assert f"No such command '{typed}'. Did you mean {meant}?" in capsys.readouterr().err


def test_what_is_like_no_command_gets_no_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zzz"]) == 2
    error = capsys.readouterr().err
    assert "No such command 'zzz'" in error and "mean" not in error


def test_subcommands_are_advised_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "inof"]) == 2
    assert "Did you mean info?" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([option]) == 0
    assert capsys.readouterr().out.startswith("wearkit, version ")
