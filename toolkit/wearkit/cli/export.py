"""`wearkit export`: a run in, a verified bundle out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.line import at_work, show_progress
from wearkit.integer.graph import ROUNDINGS, Rounding

if TYPE_CHECKING:
    from rich.console import Console

    from wearkit_export.bundle.import_bundle import ImportedExport
    from wearkit_export.bundle.import_report import ImportedReport
    from wearkit_export.bundle.report import Report
    from wearkit_export.bundle.write import Exported


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit export --int8",
        "wearkit export --int8 --checkpoint runs/first --out build/first --full",
        "wearkit export --int8 --tflite model.tflite --labels labels.txt",
    ),
)
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
    help="Recordings, an .npz with `counts` (N, 100, 3) int16, or another run.  [default: the "
    "run's own]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="BUNDLE",
    help="Folder for the bundle.  [default: build/<run>-int8]",
)
@click.option(
    "--force", is_flag=True, help="Let the bundle replace one that is there, if nobody edited it."
)
@click.option(
    "--dense-per-channel",
    is_flag=True,
    help="One weight scale per dense unit. TFLite Micro before September 2024 miscomputes these.",
)
@click.option("--ort", is_flag=True, help="Write model.int8.ort too: ONNX Runtime's phone format.")
@click.option(
    "--tflite",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Import a full-int8 .tflite that others made, instead of a run.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --tflite: lines `task: label, label`, or JSON.  [default: 0, 1, ...]",
)
@click.option(
    "--outputs",
    metavar="NAMES",
    help="With --tflite: its outputs by name, with commas, in the order of the labels.",
)
@click.option(
    "--rounding",
    type=click.Choice(ROUNDINGS),
    default="tflm",
    show_default=True,
    help="The runtimes whose arithmetic the C code has, bit for bit.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Compare every runtime on all test windows, not on a sample of 1,000: takes minutes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
def command(
    int8: bool,
    checkpoint: Path | None,
    calibration: Path | None,
    out: Path | None,
    force: bool,
    dense_per_channel: bool,
    ort: bool,
    tflite: Path | None,
    labels: Path | None,
    outputs: str | None,
    rounding: Rounding,
    full: bool,
    as_json: bool,
) -> None:
    """Quantize once, print ONNX, TFLite and C, run them all and count what differs.

    The bundle is put in place only when every runtime agrees with the integers of the graph.
    With --tflite the model is someone else's: it is read, checked in the same way, and bundled.
    """
    if not int8:
        raise click.UsageError("Add --int8: it is the only export for now, and brings fp32 along.")
    from wearkit.api.export import export_run, require_exporter

    require_exporter()
    from wearkit.training.run import newest_run

    if tflite is None:
        if labels is not None:
            raise click.UsageError("--labels goes with --tflite: a run has its own labels.")
        if outputs is not None:
            raise click.UsageError("--outputs goes with --tflite: a run has its own order.")
    elif checkpoint is not None or calibration is not None or dense_per_channel or ort or full:
        raise click.UsageError("An imported model is quantized already: give --tflite alone.")
    if tflite is not None:
        imported = _import(tflite, labels, outputs, out, rounding, force)
        click.echo(_imported_json(imported)) if as_json else _show_imported(imported, tflite)
        return
    run = checkpoint or newest_run()
    with at_work("Exporting:"):
        exported = export_run(
            run,
            out,
            calibration=calibration,
            dense_per_channel=dense_per_channel,
            ort=ort,
            rounding=rounding,
            force=force,
            full=full,
            progress=show_progress,
        )
    click.echo(_as_json(exported)) if as_json else _show(exported, run)


def _import(
    tflite: Path,
    labels: Path | None,
    outputs: str | None,
    out: Path | None,
    rounding: Rounding,
    force: bool,
) -> ImportedExport:
    from wearkit.api.export import import_model
    from wearkit_export.import_tflite.labels import read_labels

    tasks = None if labels is None else read_labels(labels)
    with at_work("Importing:"):
        return import_model(
            tflite,
            out,
            tasks=tasks,
            outputs=None if outputs is None else [name.strip() for name in outputs.split(",")],
            rounding=rounding,
            force=force,
            progress=show_progress,
        )


def _imported_json(imported: ImportedExport) -> str:
    summary = {"bundle": str(imported.path), "report": imported.report.to_json()}
    return json.dumps(summary, allow_nan=False)


def _as_json(exported: Exported) -> str:
    timing = {
        "quantize_emit_s": round(exported.quantize_emit_s, 3),
        "report_s": round(exported.report_s, 3),
    }
    summary = {"bundle": str(exported.path), "timing": timing, "report": exported.report.to_json()}
    return json.dumps(summary, allow_nan=False)


def _show(exported: Exported, run: Path) -> None:
    from wearkit.spec import trained

    report = exported.report
    console, say = _printer()
    say(f"{run} -> {exported.path}")
    say(f"model id {report.model_id[:16]}, {trained(report.graph.model).arch}")
    _show_tables(console, exported.path, report)
    for row in report.fp32:
        say(f"{row.file} in {row.version}: within {row.max_abs_difference:.1e} of the float net.")
    if report.accuracy is not None:
        from wearkit.cli.tables.score_tables import score_table

        whom = "SIMULATED subjects" if report.simulated else "people"
        tied = report.metrics is not None and report.metrics.files
        new = "was not trained on" if tied else "may have been trained on: the run is an older one"
        title = f"{report.accuracy.subjects} {whom} the network {new}"
        scores = {"fp32": report.accuracy.fp32, "int8": report.accuracy.int8}
        console.print(score_table(title, scores))
    say(
        f"Quantized and printed in {exported.quantize_emit_s:.2f} s, "
        f"ran and compared in {exported.report_s:.2f} s."
    )
    say(
        f"Next: wearkit profile {exported.path} for its cost, or wearkit emulate --bundle "
        f"{exported.path} for a wearable that runs it."
    )


def _show_imported(exported: ImportedExport, tflite: Path) -> None:
    from wearkit_export.bundle.import_report import feed, output_words

    report = exported.report
    console, say = _printer()
    say(f"{tflite} -> {exported.path}")
    say(f"model id {report.model_id[:16]}, imported: {', '.join(report.imported.operators)}")
    for task in report.graph.model.tasks:
        say(f"{task.name}: {', '.join(task.labels)}, {output_words(report.imported, task.name)}")
    say(f"Feed it {feed(report.imported)}")
    _show_tables(console, exported.path, report)
    if report.no_c is not None:
        say(f"No C sources: {report.no_c}")


def _show_tables(console: Console, path: Path, report: Report | ImportedReport) -> None:
    from wearkit.cli.tables.export_tables import equality_table, file_table

    console.print(file_table(path))
    console.print(equality_table(report))
    if report.is_sample:
        text = f"Compared on {report.compared} windows, evenly spread; --full compares all."
        console.print(text, markup=False, soft_wrap=True)
    for missing in report.not_run:
        console.print(f"{missing.runtime}: not run. {missing.hint}", markup=False, soft_wrap=True)


def _printer() -> tuple[Console, Callable[[str], None]]:
    """A console, and plain lines on it."""
    from rich.console import Console

    console = Console(highlight=False)
    return console, lambda text: console.print(text, markup=False, soft_wrap=True)
