"""`wearkit verify`: a test set through a device's link, each answer compared bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.terminal.bundle_choice import BUNDLE
from wearkit.cli.terminal.playing import Chosen, test_set_options
from wearkit.cli.terminal.port_options import CERTIFICATE, open_at, port_options
from wearkit.cli.terminal.stop_signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from wearkit.bundle.bundle import Bundle
    from wearkit.link.ports.serial_port import Port
    from wearkit.verification.replay import Replayed, ReplayOptions, Windows


@click.command()
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
    baud: int | str,
    wait: bool,
    no_dtr: bool,
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
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.verification.replay import ReplayOptions
    from wearkit.verification.replayer import FLOW_FRAMES, UART_FRAMES

    opened = open_bundle(bundle or newest_bundle())
    chosen = _chosen(data, data_format, input_units, subject, recording)
    test_set, found = _test_set(opened, chosen)
    with stop_signals() as received:
        handle = open_at(port, baud, wait=wait, dtr=not no_dtr, stop=lambda: bool(received))
        options = ReplayOptions(
            test_set,
            max_windows=windows,
            frames_in_flight=UART_FRAMES if handle.joins_in_mid_line else FLOW_FRAMES,
            any_model=any_model,
        )
        done = _replay(handle, opened, found, options, lambda: bool(received))
    if done.verifier.tally.compared:
        _certify(opened, port, done, certificate, as_json=as_json)
    if not done.report.put_back:
        click.echo("The device did not confirm that its sensor runs again: reset it.", err=True)
    if done.report.error is not None:
        raise done.report.error
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


def _test_set(bundle: Bundle, chosen: Chosen | None) -> tuple[str, Windows]:
    from wearkit.verification.replay import recorded_windows

    golden = bundle.golden().counts
    name = f"{len(golden)} golden windows of the bundle"
    if chosen is None:
        return name, golden
    more = recorded_windows(chosen, bundle.model.window)
    return f"{name}, then {chosen}", chain(golden, more)


def _replay(
    port: Port,
    bundle: Bundle,
    windows: Windows,
    options: ReplayOptions,
    stop: Callable[[], bool],
) -> Replayed:
    from wearkit.verification.dialogue import Dialogue
    from wearkit.verification.replay import replay_verify

    with _progress(options.max_windows) as on_compared:
        return replay_verify(
            Dialogue(port), bundle, windows, options, on_compared=on_compared, stop=stop
        )


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


def _certify(bundle: Bundle, port: str, done: Replayed, path: Path, *, as_json: bool) -> None:
    from wearkit.verification.certificate import certify, write_certificate

    certificate = certify(bundle, port, done.hello, done.report, done.verifier)
    write_certificate(certificate, path, {task.name: task.labels for task in bundle.model.tasks})
    counts, tally = certificate.tally, done.report.tally
    if as_json:
        click.echo(json.dumps(certificate.to_json(), allow_nan=False))
    click.echo(
        f"{certificate.result}: {counts.compared} windows replayed and compared, "
        f"{counts.differing} differ, {tally.retries} sent again ({path}, "
        f"{path.with_suffix('.md')}).",
        err=True,
    )
