"""`wearkit profile`: what a bundle's C costs on a microcontroller, without one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.line import at_work

if TYPE_CHECKING:
    from wearkit.bundle.bundle import Bundle
    from wearkit_export.profile.profile import Profile

_TARGETS = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m0plus", "rv32", "host")


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit profile",
        "wearkit profile build/first --target cortex-m0plus --compiler zig",
        "wearkit profile --clock-mhz 64 --json",
    ),
)
@click.argument("bundle", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--target", type=click.Choice(_TARGETS), default="cortex-m4", show_default=True, help="Core."
)
@click.option("--compiler", type=click.Choice(("gcc", "zig", "clang")), help="[default: any]")
@click.option(
    "--optimize",
    type=click.Choice(("-Os", "-O2", "-O3")),
    default="-O2",
    show_default=True,
    help="What the model's C is compiled with.",
)
@click.option(
    "--clock-mhz",
    type=click.FloatRange(0.001, 10000),
    help="Clock for milliseconds.  [default: a common one for the core]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(
    bundle: Path | None,
    target: str,
    compiler: str | None,
    optimize: str,
    clock_mhz: float | None,
    as_json: bool,
) -> None:
    """Instructions by layer, flash, RAM and stack of BUNDLE/c on an emulated core.

    BUNDLE is a folder of wearkit export --int8; by default the newest.
    """
    from rich.console import Console

    from wearkit.bundle.bundle import newest_bundle, open_bundle
    from wearkit_export.profile.report import profile_to_json

    opened = open_bundle(bundle or newest_bundle(imported=True))
    with at_work(f"Building and running for {target} ..."):
        costs = _profile(opened, target, compiler, optimize, clock_mhz)
    if as_json:
        head = {"bundle": str(opened.path), "model_id": opened.model_id}
        click.echo(json.dumps(head | profile_to_json(costs), indent=2, allow_nan=False))
        return
    from wearkit.cli.tables.profile_tables import tables

    console = Console()
    console.print(f"{opened.path} (model {opened.model_id[:16]}) on {target}", highlight=False)
    for table in tables(costs):
        console.print(table)


def _profile(
    bundle: Bundle, target: str, compiler: str | None, optimize: str, clock_mhz: float | None
) -> Profile:
    from wearkit_export.c.folder import print_checked
    from wearkit_export.profile.profile import profile
    from wearkit_export.targets.target import find_target
    from wearkit_export.targets.toolchain import COMPILERS

    with tempfile.TemporaryDirectory(prefix="wearkit-") as work:
        return profile(
            bundle.graph,
            print_checked(bundle, Path(work, "model")),
            find_target(target),
            compiler=next((name for name in COMPILERS if name == compiler), None),
            flags=(optimize,),
            clock_mhz=clock_mhz,
        )
