"""`wearkit simulate`: a recording played on a pseudo-terminal, as a sensor would send it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.playing import (
    Chosen,
    positive,
    reader_came,
    reader_options,
    recording_options,
    speed_option,
)
from wearkit.cli.terminal.stop_signals import stop_signals

if TYPE_CHECKING:
    from wearkit.link.ports.pty import PseudoTerminal
    from wearkit.simulation.sensor import StreamFormat

UNITS = ("counts", "g", "mg", "m/s2")
PROTOCOLS = ("text", "binary")


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit simulate --link /tmp/sensor &",
        "wearkit simulate --data recordings/ --subject anna --speed 10 --loop",
        "wearkit simulate --protocol binary --twin adxl345",
    ),
)
@recording_options
@speed_option
@click.option("--loop", is_flag=True, help="Begin again at the end, and for every new reader.")
@click.option(
    "--twin",
    metavar="T",
    help="Send what another sensor would have: adxl345, or tolerances like offset=40mg,gain=5%.",
)
@click.option(
    "--units",
    type=click.Choice(UNITS),
    default="counts",
    show_default=True,
    help="Unit of the lines that are sent.",
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="text",
    show_default=True,
    help="Lines of text, or frames as the firmware sends them.",
)
@click.option(
    "--rate",
    "rate_hz",
    type=float,
    callback=positive,
    default=50.0,
    show_default=True,
    metavar="HZ",
    help="Samples a second of the sensor; recordings at another rate are resampled.",
)
@click.option("--no-header", is_flag=True, help="Do not say what the lines mean.")
@reader_options
def command(
    data: str,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
    seconds: float | None,
    speed: float,
    loop: bool,
    twin: str | None,
    units: str,
    protocol: str,
    rate_hz: float,
    no_header: bool,
    link: Path | None,
    wait: float | None,
) -> int:
    """Play recordings on a pseudo-terminal, as a sensor would send them.

    The first line on stdout is the port to give to `wearkit live --port`. Playing starts when a
    reader opens it.
    """
    from wearkit.link.ports.pty import PseudoTerminal
    from wearkit.recordings.formats import open_dataset
    from wearkit.recordings.sensor_twin import parse_twin

    worn = None if twin is None else parse_twin(twin)
    stream_format = _format(protocol, units, rate_hz, header=not no_header)
    dataset = open_dataset(data, format=data_format, units=input_units)
    chosen = Chosen(dataset, subject, recording, worn, rate_hz)
    chosen.check()
    with stop_signals() as received:
        port = PseudoTerminal(link)
        try:
            click.echo(port.path)
            click.echo(f"Simulated sensor: {chosen} {_pace(speed)}.", err=True)
            _play(port, chosen, stream_format, speed, seconds, loop, wait, received)
        finally:
            port.close()
    return 128 + received[0] if received else 0


def _pace(speed: float) -> str:
    return f"at {speed:g} times real time" if speed else "as fast as it is read"


def _format(protocol: str, units: str, rate_hz: float, *, header: bool) -> StreamFormat:
    from wearkit.simulation.frame_format import FrameFormat
    from wearkit.simulation.sensor import LineFormat
    from wearkit.spec import WindowSpec
    from wearkit.units import Unit

    spec = WindowSpec(rate_hz=rate_hz)
    if protocol == "text":
        return LineFormat(spec, Unit(units), header=header)
    if units != "counts" or not header:
        raise click.UsageError(
            "Frames carry counts and always say what they mean: leave --units and --no-header out "
            "with --protocol binary."
        )
    return FrameFormat(spec)


def _play(
    port: PseudoTerminal,
    chosen: Chosen,
    stream_format: StreamFormat,
    speed: float,
    seconds: float | None,
    loop: bool,
    wait_s: float | None,
    received: list[int],
) -> None:
    from wearkit.simulation.sensor import simulate

    def stop() -> bool:
        return bool(received)

    while not stop():
        if not reader_came(port, stop, wait_s):
            return
        played = simulate(
            port,
            lambda: chosen,
            stream_format,
            speed=speed,
            seconds=seconds,
            loop=loop,
            stop=stop,
        )
        left = "; the reader left" if played.reader_left else ""
        late = f", {played.lag_s:.2f} s late" if speed else ""
        click.echo(f"Sent {played.samples} samples{late}{left}.", err=True)
        if not loop or not played.reader_left:
            return
        port.renew()
