"""`wearkit live`: a serial port in, verdicts out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.terminal.bundle_choice import BUNDLE
from wearkit.cli.terminal.port_options import CERTIFICATE, no_nan, open_at, port_options
from wearkit.cli.terminal.stop_signals import stop_signals
from wearkit.errors import StorageError

if TYPE_CHECKING:
    from wearkit.bundle.bundle import Bundle
    from wearkit.bundle.runtimes import Runtime
    from wearkit.capture.csv_writer import Recorder
    from wearkit.capture.file import CaptureWriter
    from wearkit.link.faults import FaultLog
    from wearkit.link.options import StreamOptions
    from wearkit.link.ports.reconnect import SerialSource
    from wearkit.link.ports.serial_port import Port
    from wearkit.live.placement import PlacementCheck
    from wearkit.live.report import LiveReport
    from wearkit.live.session import LiveSession
    from wearkit.verification.verifier import Verifier

# Spelled out so that --help imports nothing; a test compares them with the library's own.
RUNTIMES = ("reference", "tflm", "litert", "onnx")
UNITS = ("auto", "g", "mg", "m/s2", "counts")
RECONNECT_S = 3600.0


@click.command()
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object a window on stdout.")
def command(
    port: str,
    bundle: Path | None,
    runtime: str,
    units: str,
    baud: int | str,
    fields: str | None,
    axes: str | None,
    windows: int | None,
    wait: bool,
    reconnect: float | None,
    no_dtr: bool,
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
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.link.faults import FaultLog
    from wearkit.live.display import open_display
    from wearkit.live.loop import live
    from wearkit.live.session import LiveSession

    opened = open_bundle(bundle or newest_bundle())
    computes = _runtime(runtime, opened, verify)
    options = _options(opened.model.window.rate_hz, units, fields, axes)
    faults = FaultLog()
    verifier = _verifier(opened, faults, any_model) if verify else None
    worn = None if placement is None else _placement_check(opened, placement, faults)
    with stop_signals() as received:
        handle, source = _open(port, baud, not no_dtr, wait, reconnect, faults, received)
        recording = _Recording()
        try:
            options = options.joining(handle.joins_in_mid_line)
            recording = _Recording.open(record, force, options, port, opened)
            session = LiveSession(
                opened.graph,
                computes,
                options,
                max_windows=windows,
                recorder=recording.samples,
                faults=faults,
                verifier=verifier,
                placement=worn,
            )
            display = open_display(session, as_json=as_json)
            stop = partial(bool, received)
            report = live(source, session, on_update=display.update, stop=stop, log=recording.log)
            display.close(report)
            if verifier is not None:
                _certify(opened, port, session, report, verifier, certificate)
        finally:
            source.close()
            recording.close()
    is_end = windows is None and _is_end(verifier, handle, report)
    return _exit_code(report, recording, received, is_end=is_end)


def _runtime(name: str, bundle: Bundle, verify: bool) -> Runtime:
    from wearkit.bundle.runtimes import open_runtime

    if verify and name != "reference":
        raise click.UsageError("--verify compares with the reference: leave --runtime out.")
    return open_runtime(name, bundle)


def _verifier(bundle: Bundle, faults: FaultLog, any_model: bool) -> Verifier:
    from wearkit.verification.verifier import Verifier

    return Verifier(bundle.graph, bundle.model_id, faults, any_model=any_model)


def _placement_check(bundle: Bundle, declared: str, faults: FaultLog) -> PlacementCheck:
    from wearkit.live.placement import TASK, PlacementCheck

    scale = bundle.head_scales.get(TASK, 1.0)
    return PlacementCheck(bundle.graph.model, declared, scale, faults)


def _certify(
    bundle: Bundle,
    port: str,
    session: LiveSession,
    report: LiveReport,
    verifier: Verifier,
    path: Path,
) -> None:
    """Where nothing could be compared nothing is written, and an older proof stays. Raises
    VerificationError then, unless another error ended the session."""
    from wearkit.errors import VerificationError
    from wearkit.verification.certificate import certify, write_certificate

    if not verifier.tally.compared:
        if report.error is not None:
            return
        raise VerificationError(
            "No window could be compared: the device sends no predictions, or no samples they "
            "belong to."
        )
    certificate = certify(bundle, port, session.stream.hello, report, verifier)
    tasks = {task.name: task.labels for task in bundle.model.tasks}
    write_certificate(certificate, path, tasks)
    counts = certificate.tally
    click.echo(
        f"{certificate.result}: {counts.compared} windows compared, {counts.differing} differ "
        f"({path}, {path.with_suffix('.md')}).",
        err=True,
    )


def _options(rate_hz: float, units: str, fields: str | None, axes: str | None) -> StreamOptions:
    from wearkit.link.options import StreamOptions
    from wearkit.link.text.header import parse_axes, parse_fields
    from wearkit.units import Unit

    return StreamOptions(
        rate_hz=rate_hz,
        unit=None if units == "auto" else Unit(units),
        fields=None if fields is None else parse_fields(fields),
        axes=None if axes is None else parse_axes(axes, "--axes is "),
    )


def _open(
    port: str,
    baud: int | str,
    dtr: bool,
    wait: bool,
    reconnect_s: float | None,
    faults: FaultLog,
    received: list[int],
) -> tuple[Port, SerialSource]:
    from wearkit.link.ports.reconnect import SerialSource, identify
    from wearkit.link.ports.serial_port import open_port

    handle = open_at(port, baud, wait=wait, dtr=dtr, stop=lambda: bool(received))
    rate = handle.baud
    if reconnect_s is None:
        reconnect_s = RECONNECT_S if handle.joins_in_mid_line else 0.0
    source = SerialSource(
        handle,
        identify(port),
        lambda url: open_port(url, rate, dtr=dtr),
        faults,
        give_up_s=reconnect_s,
    )
    return handle, source


class _Recording:
    """--record: the samples as CSV, or the whole session; or neither."""

    def __init__(self, samples: Recorder | None = None, log: CaptureWriter | None = None) -> None:
        self.samples, self.log = samples, log

    @classmethod
    def open(
        cls, path: Path | None, force: bool, options: StreamOptions, port: str, bundle: Bundle
    ) -> _Recording:
        from wearkit.capture.csv_writer import Recorder
        from wearkit.capture.decode import session_record
        from wearkit.capture.file import CaptureWriter, Kind

        if path is None:
            return cls()
        if path.suffix == ".csv" or path.is_char_device():
            return cls(samples=Recorder(path, force=force))
        log = CaptureWriter(path, force=force)
        hop = bundle.model.window.hop
        log.note(Kind.SESSION, session_record(options, port, bundle.model_id, hop))
        return cls(log=log)

    def error(self) -> StorageError | None:
        found = [writer.error for writer in (self.samples, self.log) if writer is not None]
        return next((error for error in found if error is not None), None)

    def close(self) -> None:
        for writer in (self.samples, self.log):
            if writer is not None:
                writer.close()


def _is_end(verifier: Verifier | None, port: Port, report: LiveReport) -> bool:
    """Whether every window was compared and the program behind a pseudo-terminal ended, as wearkit
    emulate does when its recording is over. A board's port does not close by itself."""
    if verifier is None or not verifier.tally.is_whole:
        return False
    return port.is_pty and report.ended == "lost" and "UNPLUGGED" in report.faults


def _exit_code(
    report: LiveReport, recording: _Recording, received: list[int], *, is_end: bool = False
) -> int:
    """0, or 128 + signal. Raises the error that cost data, else the one that ended the session.

    is_end: that error is how a session of this kind ends when nothing is left to say.
    """
    lost_data = recording.error()
    if lost_data is not None:
        raise lost_data
    if is_end:
        click.echo("The port closed, and every window was compared: a complete run.", err=True)
        return 0
    if report.error is not None:
        raise report.error
    return 128 + received[0] if received else 0
