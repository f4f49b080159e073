"""`wearkit live`: a serial port in, verdicts out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.stop_signals import stop_signals

if TYPE_CHECKING:
    from wearkit.link.recorder import Recorder
    from wearkit.link.stream import StreamOptions
    from wearkit.live_report import LiveReport

# Spelled out so that --help imports nothing; a test compares them with the library's own.
RUNTIMES = ("reference", "tflm", "litert", "onnx")
UNITS = ("auto", "g", "mg", "m/s2", "counts")
BAUD = 115200


@click.command()
@click.option(
    "--port",
    required=True,
    metavar="URL",
    help="A device such as /dev/ttyUSB0, or a pyserial URL such as socket://host:port.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="A bundle of wearkit export.  [default: the newest in ./build]",
)
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
@click.option("--baud", type=click.IntRange(min=50), default=BAUD, show_default=True)
@click.option(
    "--fields",
    metavar="LIST",
    help="Columns of the lines, such as t_ms,x,y,z,- (a - leaves one out).",
)
@click.option("--windows", type=click.IntRange(min=1), metavar="N", help="Stop after N windows.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the samples as a CSV that wearkit train and simulate read.",
)
@click.option("--force", is_flag=True, help="Let --record replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a window on stdout.")
def command(
    port: str,
    bundle: Path | None,
    runtime: str,
    units: str,
    baud: int,
    fields: str | None,
    windows: int | None,
    record: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Read a sensor over a serial port and print device-equivalent verdicts.

    Window k is the sensor's own samples from 60 k on; nothing is resampled or filled in. A window
    that touches a gap gets no verdict. With --json the summary is one object on stderr. Ctrl-C
    ends cleanly.
    """
    from wearkit.bundle import newest_bundle, open_bundle
    from wearkit.link.port import open_port
    from wearkit.link.reader import PortReader
    from wearkit.link.recorder import Recorder
    from wearkit.live import live
    from wearkit.live_display import open_display
    from wearkit.live_session import LiveSession
    from wearkit.runtimes import open_runtime

    opened = open_bundle(bundle or newest_bundle())
    computes = open_runtime(runtime, opened)
    options = _options(opened.model.window.rate_hz, units, fields)
    handle = open_port(port, baud)
    reader = PortReader(handle)
    recorder: Recorder | None = None
    try:
        recorder = None if record is None else Recorder(record, force=force)
        session = LiveSession(
            opened.graph,
            computes,
            options.joining(handle.joins_in_mid_line),
            max_windows=windows,
            recorder=recorder,
        )
        with stop_signals() as received:
            display = open_display(session, as_json=as_json)
            report = live(reader, session, on_update=display.update, stop=lambda: bool(received))
            display.close(report)
    finally:
        reader.close()
        if recorder is not None:
            recorder.close()
    return _exit_code(report, recorder, received)


def _options(rate_hz: float, units: str, fields: str | None) -> StreamOptions:
    from wearkit.link.stream import StreamOptions
    from wearkit.link.text_header import parse_fields
    from wearkit.units import Unit

    return StreamOptions(
        rate_hz=rate_hz,
        unit=None if units == "auto" else Unit(units),
        fields=None if fields is None else parse_fields(fields),
    )


def _exit_code(report: LiveReport, recorder: Recorder | None, received: list[int]) -> int:
    """0, or 128 + signal. Raises the error that cost data, else the one that ended the session."""
    if recorder is not None and recorder.error is not None:
        raise recorder.error
    if report.error is not None:
        raise report.error
    return 128 + received[0] if received else 0
