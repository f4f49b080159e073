"""The bundle that `live`, `verify`, `emulate` and `firmware` take."""

from __future__ import annotations

from pathlib import Path

import click

BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="A bundle of wearkit export.  [default: the newest in ./build]",
)
