"""The `wearkit` command. Commands only parse; the library does the work and raises."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence

import click

from wearkit import __version__
from wearkit.cli.examples import ExampleGroup
from wearkit.cli.terminal.plain_text import print_anywhere
from wearkit.errors import StorageError, WearkitError

# Name -> one line of help, so that `wearkit --help` imports no command.
_COMMANDS = {
    "train": "Train a two-headed network (Smooth-Distill) on recordings or the simulator.",
    "export": "Quantize once; write ONNX, TFLite and C with an equality and size report.",
    "profile": "Count what a bundle's C costs on a microcontroller, without having one.",
    "live": "Read a sensor over a serial port and print device-equivalent verdicts.",
    "verify": "Replay a test set through a device's link and compare its logits, bit for bit.",
    "certificate": "Check what a certificate says, or make keys to sign one.",
    "convert": "Turn a recording of wearkit live into CSV, NPZ or Parquet.",
    "simulate": "Play a recording on a pseudo-terminal as a sensor would send it.",
    "emulate": "Run the wearable's own firmware on an emulated board, on a pseudo-terminal.",
    "firmware": "Write the wearable's firmware with a bundle's model, for a board.",
    "evaluate": "Score a run or a bundle on its test windows or on other recordings.",
    "data": "Look at recordings: subjects, labels, rates, what was dropped and why.",
}
INTERRUPTED = 130


class _LazyGroup(ExampleGroup):
    """Imports `wearkit.cli.<name>` only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"wearkit.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=(
        "wearkit train",
        "wearkit export --int8",
        "wearkit simulate --link /tmp/sensor &",
        "wearkit live --port /tmp/sensor --windows 10",
    ),
)
@click.version_option(__version__, "-V", "--version", prog_name="wearkit")
def cli() -> None:
    """Train, quantize and prove activity models for wearable accelerometers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits 0 on success, by error family otherwise (wearkit.errors)."""
    # Before anything imports numpy: the threads of its BLAS spin while they wait for each other,
    # which costs these small matrices tenfold and more as soon as another program runs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    print_anywhere(sys.stdout)
    warnings.formatwarning = lambda message, *_, **__: f"wearkit: {message}\n"
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """As `main`, but return the exit code."""
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="wearkit",
            standalone_mode=False,
        )
    except WearkitError as error:
        click.echo(f"wearkit: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("wearkit: interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): leave quietly, as tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        # A command asks for what it needs before it computes; this is for the one that forgot.
        from wearkit.optional_packages import missing_package

        missing = missing_package(error)
        if missing is None:
            raise
        click.echo(f"wearkit: {missing}", err=True)
        return missing.exit_code
    except OSError as error:
        # What nobody could foresee where it came from: a library that finds no room for a file of
        # its own, for one.
        refused = StorageError(f"{error}: see that no disk is full and no file out of reach.")
        click.echo(f"wearkit: {refused}", err=True)
        return refused.exit_code
    return result if isinstance(result, int) else 0
