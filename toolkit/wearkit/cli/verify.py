"""`wearkit verify`: a test set through a device's link, each answer compared bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.bundle_choice import BUNDLE
from wearkit.cli.terminal.certificate_line import say_certificate
from wearkit.cli.terminal.playing import Chosen, test_set_options
from wearkit.cli.terminal.port_options import CERTIFICATE, Baud, port_options, say_rate
from wearkit.cli.terminal.stop_signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit verify --port /dev/ttyACM0",
        "wearkit verify --port /tmp/wearable --data recordings/ --subject anna",
        "wearkit verify --port /tmp/wearable --bundle build/first --windows 500 --json",
    ),
)
@port_options
@BUNDLE
@test_set_options
@click.option("--windows", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CERTIFICATE,
    show_default=True,
    metavar="FILE",
    help="Where to write what was proved; a page beside it ends with .md.",
)
@click.option("--any-model", is_flag=True, help="Compare with another model, too.")
@click.option("--json", "as_json", is_flag=True, help="The certificate as one line on stdout.")
def command(
    port: str,
    baud: Baud,
    wait: bool,
    no_dtr: bool,
    send: bytes,
    bundle: Path | None,
    data: str | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
    windows: int | None,
    certificate: Path,
    any_model: bool,
    as_json: bool,
) -> int:
    """Replay a test set through a device's link, in its sensor's place.

    The bundle's golden windows, then those of --data, go to the device as raw counts; its int8
    logits must be the integer reference's, bit for bit. The first difference ends it with exit
    code 1. What was proved is written as a certificate, and the device's sensor runs again.
    """
    from wearkit.api.verify import NOT_PUT_BACK, replay
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.verification.replay import recorded_windows

    opened = open_bundle(bundle or newest_bundle())
    chosen = _chosen(data, data_format, input_units, subject, recording)
    with stop_signals() as received, _progress(windows) as on_compared:
        verified = replay(
            port,
            opened,
            None if chosen is None else recorded_windows(chosen, opened.model.window),
            test_set=str(chosen),
            max_windows=windows,
            any_model=any_model,
            certificate=certificate,
            baud=baud,
            wait=wait,
            dtr=not no_dtr,
            send=send,
            stop=partial(bool, received),
            on_compared=on_compared,
            on_rate=say_rate,
        )
    if verified.certificate is not None:
        if as_json:
            click.echo(json.dumps(verified.certificate.to_json(), allow_nan=False))
        retries = verified.report.tally.retries
        say_certificate(verified.certificate, certificate, f", {retries} sent again")
    if not verified.report.put_back:
        click.echo(NOT_PUT_BACK, err=True)
    if verified.report.error is not None:
        raise verified.report.error
    return 128 + received[0] if received else 0


def _chosen(
    data: str | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
) -> Chosen | None:
    from wearkit.recordings.formats import open_dataset

    if data is None:
        if (data_format, input_units, subject, recording) != (None, None, None, None):
            raise click.UsageError(
                "--format, --input-units, --subject and --recording choose from --data: name it."
            )
        return None
    chosen = Chosen(open_dataset(data, format=data_format, units=input_units), subject, recording)
    chosen.check()
    return chosen


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("windows compared"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda compared: bar.update(task, completed=compared)
