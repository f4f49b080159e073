"""`wearkit export`: a run in, a verified bundle out."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.errors import MissingToolError

if TYPE_CHECKING:
    from rich.table import Table

    from wearkit_export.bundle_writer import Exported
    from wearkit_export.report import Report


@click.command()
@click.option("--int8", is_flag=True, help="Quantize to int8 (required: the only export so far).")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="A run of wearkit train.  [default: the newest run]",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="An .npz with `counts` (N, 100, 3) int16, or another run.  [default: the run's own]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="BUNDLE",
    help="Folder for the bundle.  [default: build/<run>-int8]",
)
@click.option(
    "--dense-per-channel",
    is_flag=True,
    help="One weight scale per dense unit. TFLite Micro before September 2024 miscomputes these.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
def command(
    int8: bool,
    checkpoint: Path | None,
    calibration: Path | None,
    out: Path | None,
    dense_per_channel: bool,
    as_json: bool,
) -> None:
    """Quantize once, print ONNX and TFLite, run both everywhere and count what differs.

    The bundle is put in place only when every runtime agrees with the integers of the graph.
    """
    if not int8:
        raise click.UsageError("Add --int8: it is the only export for now, and brings fp32 along.")
    _require("onnx", "onnxruntime", "ai_edge_litert", "flatbuffers")
    from rich.console import Console

    from wearkit.bundle import BUNDLES
    from wearkit.run_folder import newest_run, open_run
    from wearkit_export.bundle_writer import write_bundle
    from wearkit_export.calibration import read_calibration

    run = open_run(checkpoint or newest_run())
    counts = run.calibration if calibration is None else read_calibration(calibration)
    target = out or Path(BUNDLES) / f"{run.path.resolve().name}-int8"
    with Console(stderr=True).status("Quantizing, printing and running every file ..."):
        exported = write_bundle(
            run.checkpoint, counts, target, run=run, dense_per_channel=dense_per_channel
        )
    if as_json:
        click.echo(_as_json(exported))
    else:
        _show(exported, run.path)


def _require(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(
                f"Exporting needs {module}, which is not installed: pip install 'wearkit[export]'."
            )


def _as_json(exported: Exported) -> str:
    timing = {
        "quantize_emit_s": round(exported.quantize_emit_s, 3),
        "report_s": round(exported.report_s, 3),
    }
    found = {"bundle": str(exported.path), "timing": timing, "report": exported.report.to_json()}
    return json.dumps(found, allow_nan=False)


def _show(exported: Exported, run: Path) -> None:
    from rich.console import Console

    from wearkit.spec import trained

    report = exported.report
    console = Console(highlight=False)

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    say(f"{run} -> {exported.path}")
    say(f"model id {report.model_id[:16]}, {trained(report.graph.model).arch}")
    console.print(_file_table(exported))
    console.print(_equality_table(report))
    for missing in report.not_run:
        say(f"{missing.runtime}: not run. {missing.hint}")
    for row in report.fp32:
        say(f"{row.file} in {row.version}: within {row.max_abs_difference:.1e} of the float net.")
    if report.accuracy is not None:
        from wearkit.cli.score_tables import score_table

        whom = "SIMULATED subjects" if report.simulated else "people"
        title = f"{report.accuracy.subjects} {whom} the network was not trained on"
        scores = {"fp32": report.accuracy.fp32, "int8": report.accuracy.int8}
        console.print(score_table(title, scores))
    say(
        f"Quantized and printed in {exported.quantize_emit_s:.2f} s, "
        f"ran and compared in {exported.report_s:.2f} s."
    )


def _file_table(exported: Exported) -> Table:
    from rich.table import Table

    table = Table(title="Files", title_justify="left")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    for path in sorted(exported.path.iterdir()):
        table.add_row(path.name, f"{path.stat().st_size:,}")
    return table


def _equality_table(report: Report) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from wearkit_export.equality import NotRun

    compared = " and ".join(f"{count} {name}" for name, count in report.windows.items())
    title = f"int8 values that differ from the integer reference, {compared} windows"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("runtime")
    table.add_column("rounds as")
    for column in ("windows", "differing", "max", "flips"):
        table.add_column(column, justify="right")
    for row in report.equality:
        if isinstance(row, NotRun):
            continue
        found = row.agreement
        table.add_row(
            Text(f"{row.runtime}\n{row.version}"),
            row.family if row.must_match else f"{row.family} *",
            str(found.windows),
            str(found.differing),
            str(found.max_lsb),
            str(sum(found.argmax_flips.values())),
        )
    if not all(isinstance(row, NotRun) or row.must_match for row in report.equality):
        table.caption = "* compared with tflm, to show what a rounding of its own does"
        table.caption_justify = "left"
    return table
