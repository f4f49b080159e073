"""`wearkit convert`: a recording of wearkit live as a table other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wearkit.cli.examples import ExampleCommand


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit convert session.wkrec session.csv",
        "wearkit convert session.wkrec session.parquet --force",
    ),
)
@click.argument("recording", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace an existing OUT and OUT.json.")
@click.option("--json", "as_json", is_flag=True, help="What was in it, as JSON on stdout.")
def command(recording: Path, out: Path, force: bool, as_json: bool) -> int:
    """Write RECORDING, made by wearkit live --record, as OUT.csv, OUT.npz or OUT.parquet.

    Nothing is filled in: where samples are missing, the time makes a step. The CSV is what
    wearkit train, simulate and data read. The end of a recording that was cut off is left out
    and counted. OUT.csv.json (OUT.npz.json, ...) says what the table does not: device, rates,
    gaps, checksums.
    """
    from wearkit.capture.convert import convert
    from wearkit.capture.sidecar import sidecar_path

    replaced = [str(path) for path in (out, sidecar_path(out)) if path.exists()]
    samples = convert(recording, out, force=force)
    if replaced:
        click.echo(f"Replaced, as --force says: {', '.join(replaced)}.", err=True)
    summary = {
        "samples": samples.samples,
        "seconds": round(samples.seconds, 3),
        "missing_samples": samples.missing,
        "restarts": samples.restarts,
        "lines_rejected": samples.rejected,
        "damaged_bytes": samples.damaged_bytes,
        "torn_bytes": samples.torn_bytes,
        "ended_by_itself": samples.ended,
        "simulated": samples.simulated,
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        totals = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary.items())
        click.echo(f"{out}: {totals}.", err=True)
    return 0
