"""`wearkit firmware`: the wearable's firmware with a bundle's model, for a board."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.terminal.bundle_choice import BUNDLE

if TYPE_CHECKING:
    from wearkit.bundle.bundle import Bundle

PORTS = ("sources", "arduino", "rp2040")


def _print_source_dir(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from wearkit_export.firmware import firmware_dir

        click.echo(firmware_dir())
        context.exit()


@click.command()
@BUNDLE
@click.option(
    "--port",
    type=click.Choice(PORTS),
    required=True,
    help="C files for CMake, Zephyr and ESP-IDF; an Arduino library; or an image for an RP2040.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Where to write; what is there under the same names is replaced.",
)
@click.option(
    "--source-dir",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_source_dir,
    help="Print where the firmware's own C is installed, with its CMakeLists.txt and the modules "
    "for Zephyr and ESP-IDF, and exit.",
)
def command(bundle: Path | None, port: str, out: Path) -> None:
    """Write the wearable's firmware with a bundle's model in it.

    Each port has a README in firmware/ports that says what to do with the files. Every file written
    is listed on stdout.
    """
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.files.safe_write import write_bytes

    opened = open_bundle(bundle or newest_bundle())
    with tempfile.TemporaryDirectory(prefix="wearkit-") as work:
        for name, data in sorted(_files(opened, port, Path(work)).items()):
            write_bytes(out / name, data)
            click.echo(out / name)


def _files(bundle: Bundle, port: str, work: Path) -> dict[str, bytes]:
    if port == "arduino":
        from wearkit_export.device.arduino import arduino_library

        return {"wearkit.zip": arduino_library(bundle, work)}
    if port == "rp2040":
        from wearkit_export.device.rp2040 import build_rp2040_image

        image = build_rp2040_image(bundle, work)
        paths = (image.path, image.bin_path, image.uf2_path)
        return {path.name: path.read_bytes() for path in paths}
    from wearkit_export.device.build import model_sources

    model = model_sources(bundle, work)
    files = (path for path in model.rglob("*") if path.is_file())
    return {path.relative_to(model).as_posix(): path.read_bytes() for path in files}
