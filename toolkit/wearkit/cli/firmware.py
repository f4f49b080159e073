"""`wearkit firmware`: the wearable's firmware with a bundle's model, for a board."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.bundle_choice import BUNDLE

if TYPE_CHECKING:
    from wearkit.bundle.bundle import Bundle

PORTS = ("sources", "c", "arduino", "rp2040")
PREFIXED = ("sources", "c")


def _print_source_dir(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from wearkit_export.firmware import firmware_dir

        click.echo(firmware_dir())
        context.exit()


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit firmware --port sources --out firmware-first",
        "wearkit firmware --port rp2040 --bundle build/first --out image",
        "wearkit firmware --port c --bundle build/first --prefix first --out first",
    ),
)
@BUNDLE
@click.option(
    "--port",
    type=click.Choice(PORTS),
    required=True,
    help="sources: C files for CMake, Zephyr and ESP-IDF; c: the model alone; arduino: a library; "
    "rp2040: an image.",
)
@click.option(
    "--prefix",
    metavar="NAME",
    help="What names in sources or c begin with instead of wk, so that two models link into one "
    "program.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Where to write.",
)
@click.option(
    "--force", is_flag=True, help="Let what is written replace other files of the same names."
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
def command(bundle: Path | None, port: str, prefix: str | None, out: Path, force: bool) -> None:
    """Write the wearable's firmware with a bundle's model in it.

    Each port has a README in firmware/ports that says what to do with the files. Every file written
    is listed on stdout. Other files of the same names are kept, and nothing is written, unless
    --force is given.
    """
    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit.files.safe_write import write_bytes

    if prefix is not None and port not in PREFIXED:
        raise click.UsageError(f"--prefix is for --port {' and '.join(PREFIXED)}.")
    opened = open_bundle(bundle or newest_bundle())
    with tempfile.TemporaryDirectory(prefix="wearkit-") as work:
        files = {out / name: data for name, data in _files(opened, port, prefix, work).items()}
    for path in _in_the_way(files, force):
        click.echo(f"--force replaces {path}.", err=True)
    for path, data in sorted(files.items()):
        write_bytes(path, data)
        click.echo(path)


def _in_the_way(files: dict[Path, bytes], force: bool) -> list[Path]:
    """What would be lost: files of these names that hold something else, in the order of names.

    Raises StorageError for the first of them without `force`, and for a folder in any case, before
    anything is written.
    """
    from wearkit.errors import StorageError

    for path in files:
        if path.is_dir():
            raise StorageError(f"{path} is a folder: give --out another one.")
    there = sorted(path for path, data in files.items() if _is_another(path, data))
    if there and not force:
        raise StorageError(
            f"{there[0]} is there and holds something else: give --out another folder, or add "
            "--force."
        )
    return there


def _is_another(path: Path, data: bytes) -> bool:
    if not path.is_file():
        return path.exists() or path.is_symlink()
    return path.stat().st_size != len(data) or path.read_bytes() != data


def _files(bundle: Bundle, port: str, prefix: str | None, folder: str) -> dict[str, bytes]:
    """folder: to build in."""
    work = Path(folder)
    if port == "arduino":
        from wearkit_export.device.arduino import arduino_library

        return {"wearkit.zip": arduino_library(bundle, work)}
    if port == "rp2040":
        from wearkit_export.device.rp2040 import build_rp2040_image

        image = build_rp2040_image(bundle, work)
        paths = (image.path, image.bin_path, image.uf2_path)
        return {path.name: path.read_bytes() for path in paths}
    from wearkit_export.device.sources import c_files, firmware_files

    files = (c_files if port == "c" else firmware_files)(bundle, work, prefix)
    return {name: text.encode() for name, text in files.items()}
