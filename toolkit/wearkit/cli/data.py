"""`wearkit data`: look at recordings before anything is learned from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand, ExampleGroup
from wearkit.cli.terminal.caching import NO_CACHE, told_cache
from wearkit.cli.terminal.line import at_work
from wearkit.errors import printable

if TYPE_CHECKING:
    from rich.table import Table

    from wearkit.recordings.info import DataInfo


@click.group(
    name="data",
    cls=ExampleGroup,
    examples=("wearkit data info recordings/", "wearkit data info posture-sim"),
)
def command() -> None:
    """Look at recordings."""


@command.command(
    cls=ExampleCommand,
    short_help="Rows, people, labels, rates, and what was dropped and why.",
    examples=(
        "wearkit data info recordings/",
        "wearkit data info recording.csv --units m/s2",
        "wearkit data info hapt.zip --format hapt --json",
    ),
)
@click.argument("path")
@click.option("--format", "format_name", help="Read as this format instead of finding it out.")
@click.option("--units", help="Unit of recordings that do not say: g, mg, m/s2 or counts.")
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def info(path: str, format_name: str | None, units: str | None, as_json: bool) -> None:
    """Say what the recordings at PATH hold, and what of them was dropped and why.

    PATH is a folder, a file, a .zip or a tar (plain, .gz, .bz2 or .xz; read in place), or
    posture-sim.
    """
    from rich.console import Console

    from wearkit.windows.cache import cached_description

    with at_work("Reading ..."):
        dataset = told_cache().open(path, format=format_name, units=units)
        description = cached_description(dataset)
    if as_json:
        click.echo(json.dumps(description.to_json(), indent=2, allow_nan=False))
        return
    console = Console()
    console.print(_overview(description))
    against = description.gravity.sentence()
    if against:
        warning = f"UNIT IN DOUBT: {against}"
        if description.gravity.is_refused:
            warning += " Training and evaluating refuse such data; --units names the true unit."
        console.print(printable(warning), markup=False, highlight=False, soft_wrap=True)
    for labels in description.labels:
        rows = {**labels.rows, "(unlabelled)": labels.unlabelled}
        console.print(_shares(f"task {labels.task}", rows, description.rows))
    console.print(_shares("placements", description.placements, description.rows))
    console.print(_shares("subjects", description.subjects, description.rows))


def _overview(description: DataInfo) -> Table:
    rates = description.rates
    lost = ", ".join(f"{rows:,} rows: {reason}" for reason, rows in description.dropped.items())
    pairs = [
        ("format", description.format),
        ("recordings", f"{description.recordings:,} of {len(description.subjects):,} subjects"),
        ("rows", f"{description.rows:,} ({description.duration_s / 60:,.1f} min)"),
        ("true rate", f"{rates.median_hz:.2f} Hz ({rates.min_hz:.2f} to {rates.max_hz:.2f})"),
        ("gaps", f"{description.gaps:,} ({description.gap_s:,.1f} s)"),
        ("gravity", _gravity(description)),
        ("at the +-2 g rails", f"{description.clipped_share:.2%} of rows"),
        ("dropped", lost or "nothing"),
        *(("note", note) for note in description.notes),
    ]
    return _table(f"{description.name}{' (SIMULATED)' if description.simulated else ''}", pairs)


def _gravity(description: DataInfo) -> str:
    gravity = description.gravity
    if gravity.rest_g is None:
        return "nothing lies still for a second, so the unit is not shown by gravity"
    return f"{gravity.rest_g:.2f} g at rest ({gravity.lowest_g:.2f} to {gravity.highest_g:.2f})"


def _shares(title: str, rows: Mapping[str, int], total: int) -> Table:
    shares = [(name, f"{count:,}", f"{count / total:.1%}") for name, count in rows.items()]
    table = _table(title, shares)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _table(title: str, rows: list[tuple[str, str]] | list[tuple[str, str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    # Text, not str: a label like "[red]" is a label, not markup.
    table = Table(*([""] * len(rows[0])), title=Text(printable(title)), title_justify="left")
    table.show_header = False
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
