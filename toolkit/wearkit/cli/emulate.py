"""`wearkit emulate`: the firmware itself on a pseudo-terminal, fed with recordings."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.bundle_choice import BUNDLE
from wearkit.cli.terminal.playing import (
    Chosen,
    reader_came,
    reader_options,
    recording_options,
    speed_option,
)
from wearkit.cli.terminal.stop_signals import stop_signals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wearkit.bundle.bundle import Bundle
    from wearkit.link.ports.pty import PseudoTerminal
    from wearkit_export.emulate.device import Device, Emulated, EmulateOptions

TARGETS = ("host", "cortex-m4", "rp2040")
EMULATORS = ("unicorn", "qemu")
MODES = ("text", "samples", "predictions", "both")
BUSES = ("i2c", "spi")


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit emulate --link /tmp/wearable &",
        "wearkit emulate --target cortex-m4 --data recordings/ --speed 10",
        "wearkit emulate --bus spi --odr-error 1.5% --jitter 200",
    ),
)
@recording_options
@BUNDLE
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="host",
    show_default=True,
    help="Firmware built for this computer, or an image on an emulated core or chip.",
)
@click.option(
    "--emulator",
    type=click.Choice(EMULATORS),
    default="unicorn",
    show_default=True,
    help="What emulates the cortex-m4.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="both",
    show_default=True,
    help="Lines of text, or frames with samples, predictions or both.",
)
@click.option("--streaming", is_flag=True, help="Ask the model sample by sample.")
@speed_option
@click.option("--odr-error", default="0%", metavar="P%", help="The sensor's rate is off by this.")
@click.option(
    "--jitter", type=click.IntRange(0, 10_000), default=0, metavar="US", help="Of each sample."
)
@click.option(
    "--faults", default="", metavar="MS:NAME=VALUE,...", help="What goes wrong in the sensor, when."
)
@click.option("--bus", type=click.Choice(BUSES), default="i2c", show_default=True)
@click.option("--loop", is_flag=True, help="Boot again for every new reader.")
@reader_options
def command(
    data: str,
    bundle: Path | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
    seconds: float | None,
    target: str,
    emulator: str,
    loop: bool,
    link: Path | None,
    wait: float | None,
    **settings: str | float | bool,
) -> int:
    """Run the wearable's own firmware on an emulated board, with an ADXL345 in front.

    The first line on stdout is the port to give to `wearkit live --port`. The board begins to
    speak when a reader opens it.
    """
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.errors import WearkitError
    from wearkit.link.ports.pty import PseudoTerminal
    from wearkit.recordings.formats import open_dataset

    if emulator == "qemu" and target != "cortex-m4":
        raise click.UsageError("--emulator qemu is for --target cortex-m4.")
    options = _options(**settings)  # type: ignore[arg-type]
    opened = open_bundle(bundle or newest_bundle())
    if options.mode == "text":
        from wearkit_export.device.sensor_rate import check_text_rate

        check_text_rate(opened.model.window)
    chosen = Chosen(open_dataset(data, format=data_format, units=input_units), subject, recording)
    chosen.check()
    with stop_signals() as received, tempfile.TemporaryDirectory(prefix="wearkit-") as work:
        try:
            device = _build(target, emulator, opened, Path(work))
        except WearkitError:
            if received:  # a terminal's Ctrl-C went to the compiler as well
                return 128 + received[0]
            raise
        with closing(device):
            device.boot(options)
            if device.booted(lambda: bool(received)):  # no port before somebody speaks at it
                with closing(PseudoTerminal(link)) as port:
                    click.echo(port.path)
                    click.echo(f"Emulated wearable ({target}): {chosen}.", err=True)
                    player = _Player(port, device, options, wait, received)
                    player.play(chosen, opened, seconds, loop=loop)
    return 128 + received[0] if received else 0


def _options(
    *, mode: str, streaming: bool, speed: float, odr_error: str, jitter: int, faults: str, bus: str
) -> EmulateOptions:
    from wearkit_export.emulate.device import EmulateOptions, parse_odr_error

    options = EmulateOptions(
        mode=mode,  # type: ignore[arg-type]
        streaming=streaming,
        speed=speed,
        odr_error=parse_odr_error(odr_error),
        jitter_us=jitter,
        faults=faults,
        bus=bus,  # type: ignore[arg-type]
    )
    return _another_boot(options)


def _another_boot(options: EmulateOptions) -> EmulateOptions:
    """A reader that comes back must see that the board began again."""
    return replace(options, boot_id=secrets.randbits(31))


def _build(target: str, emulator: str, bundle: Bundle, work: Path) -> Device:
    from wearkit_export.device.build import build_host_device
    from wearkit_export.emulate.device import HostDevice

    click.echo("Building the firmware...", err=True)
    if target == "cortex-m4":
        from wearkit_export.device.cortex_m4 import build_m4_image
        from wearkit_export.emulate.cortex_m4 import M4Device
        from wearkit_export.emulate.qemu import QemuDevice

        image = build_m4_image(bundle, work)
        return QemuDevice(image, work) if emulator == "qemu" else M4Device(image, work)
    if target == "rp2040":
        from wearkit_export.device.rp2040 import build_rp2040_image
        from wearkit_export.emulate.rp2040 import Rp2040Device, find_node

        find_node()  # what is missing is said before the build
        return Rp2040Device(build_rp2040_image(bundle, work), work)
    return HostDevice(build_host_device(bundle, work))


class _Player:
    """Waits for readers and runs the device for them. A booted device is given; with loop the next
    reader's boots while this one reads."""

    def __init__(
        self,
        port: PseudoTerminal,
        device: Device,
        options: EmulateOptions,
        wait_s: float | None,
        received: list[int],
    ) -> None:
        self._port, self._device, self._options = port, device, options
        self._wait_s, self._received = wait_s, received

    def play(self, chosen: Chosen, bundle: Bundle, seconds: float | None, *, loop: bool) -> None:
        while self._device.booted(self._stop):
            if not reader_came(self._port, self._stop, self._wait_s):
                return
            options, self._options = self._options, _another_boot(self._options)
            if loop:
                self._device.boot(self._options)
            counts = _counts(chosen, bundle, seconds)
            played = self._device.run(self._port, counts, options, self._stop)
            click.echo(_ending(played), err=True)
            if not loop:
                return
            self._port.renew()

    def _stop(self) -> bool:
        return bool(self._received)


def _ending(played: Emulated) -> str:
    """What the sensor took, and what of it nobody read, which need not be a fault."""
    unread = (
        f"; the program did not read {played.lost} of them, as while it replays a test set or is "
        "stopped"
        if played.lost
        else ", all read"
    )
    left = "; the reader left" if played.reader_left else ""
    return (
        f"The sensor took {played.taken} samples in {played.device_s:.1f} s of device "
        f"time{unread}{left}."
    )


def _counts(chosen: Chosen, bundle: Bundle, seconds: float | None) -> Iterator[NDArray[np.int16]]:
    """What the sensor measures, one gap-free stretch after the other, without a pause."""
    from wearkit.windows.sensor_counts import sensor_counts

    spec = bundle.model.window
    left = None if seconds is None else round(seconds * spec.rate_hz)
    for recording in chosen:
        for counts in sensor_counts(recording, spec):
            if left is None:
                yield counts
                continue
            yield counts[:left]
            left -= min(left, len(counts))
            if left == 0:
                return
