"""`wearkit live`: a serial port in, verdicts out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.bundle_choice import BUNDLE
from wearkit.cli.terminal.certificate_line import say_certificate
from wearkit.cli.terminal.port_options import CERTIFICATE, Baud, no_nan, port_options, say_rate
from wearkit.cli.terminal.stop_signals import stop_signals

# Spelled out so that --help imports nothing; a test compares them with the library's own.
RUNTIMES = ("reference", "tflm", "litert", "onnx")
UNITS = ("auto", "g", "mg", "m/s2", "counts")


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit live --port /dev/ttyUSB0",
        "wearkit live --port /tmp/sensor --windows 10 --record session.wkrec",
        "wearkit live --port /dev/ttyACM0 --verify --certificate proof.json",
    ),
)
@port_options
@BUNDLE
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    default="reference",
    show_default=True,
    help="What computes; reference rounds as a microcontroller does.",
)
@click.option(
    "--units",
    type=click.Choice(UNITS),
    default="auto",
    show_default=True,
    help="Unit of the lines; auto takes the device's header, or two seconds of stillness.",
)
@click.option(
    "--fields",
    metavar="LIST",
    help="Columns of the lines, such as t_ms,x,y,z,- (a - leaves one out).",
)
@click.option(
    "--axes", metavar="MAP", help="How the sensor is mounted, such as -y+x+z.  [default: as sent]"
)
@click.option(
    "--only",
    metavar="WORD",
    help="Read only lines of this kind, such as acc, where a board prints several.",
)
@click.option("--windows", type=click.IntRange(min=1), metavar="N", help="Stop after N windows.")
@click.option(
    "--reconnect",
    type=click.FloatRange(min=0),
    callback=no_nan,
    metavar="S",
    help="Look S seconds for a board that went away; 0 ends at once.  [default: 3600 for a USB "
    "or serial board, else 0]",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also record the session, for wearkit convert; FILE.csv takes the samples alone.",
)
@click.option("--force", is_flag=True, help="Let --record replace an existing file.")
@click.option(
    "--placement",
    metavar="WHERE",
    help="Where the sensor is worn; no verdicts while the model's placement head says otherwise.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Compare the device's own logits with the reference on the same samples.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CERTIFICATE,
    show_default=True,
    metavar="FILE",
    help="Where --verify writes what it proved; a page beside it ends with .md.",
)
@click.option("--any-model", is_flag=True, help="Let --verify compare with another model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per window on stdout.")
def command(
    port: str,
    bundle: Path | None,
    runtime: str,
    units: str,
    baud: Baud,
    fields: str | None,
    axes: str | None,
    only: str | None,
    windows: int | None,
    wait: bool,
    reconnect: float | None,
    no_dtr: bool,
    send: bytes,
    record: Path | None,
    force: bool,
    placement: str | None,
    verify: bool,
    certificate: Path,
    any_model: bool,
    as_json: bool,
) -> int:
    """Read a sensor over a serial port and print device-equivalent verdicts.

    Window k is the sensor's own samples from 60 k on; nothing is resampled or filled in. A window
    that touches a gap gets no verdict. --verify ends at the first window of which the device says
    anything else than the host, and leaves a certificate. With --json the summary is one object
    on stderr. Ctrl-C ends cleanly.
    """
    from wearkit.api.live import open_live
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.live.display import open_display

    opened = open_bundle(bundle or newest_bundle())
    if verify and runtime != "reference":
        raise click.UsageError("--verify compares with the reference: leave --runtime out.")
    with (
        stop_signals() as received,
        open_live(
            port,
            opened,
            runtime=runtime,
            units=units,
            fields=fields,
            axes=axes,
            only=only,
            baud=baud,
            max_windows=windows,
            wait=wait,
            reconnect_s=reconnect,
            dtr=not no_dtr,
            send=send,
            record=record,
            force=force,
            placement=placement,
            verify=verify,
            certificate=certificate,
            any_model=any_model,
            stop=partial(bool, received),
            on_rate=say_rate,
        ) as live,
    ):
        display = open_display(live.session, as_json=as_json)
        for new_windows in live.updates():
            display.update(new_windows)
        display.close(live.report)
        if live.certificate is not None:
            say_certificate(live.certificate, certificate)
    if live.is_complete_run:
        click.echo("The port closed, and every window was compared: a complete run.", err=True)
        return 0
    return 128 + received[0] if received else 0
