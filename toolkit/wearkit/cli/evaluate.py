"""`wearkit evaluate`: score a float run, an integer bundle, or both on the same windows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.caching import NO_CACHE, told_cache
from wearkit.cli.terminal.line import at_work, show_progress
from wearkit.errors import printable
from wearkit.optional_packages import require_packages

if TYPE_CHECKING:
    from wearkit.evaluation.evaluation import Evaluation
    from wearkit.training.run import Run

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit evaluate",
        "wearkit evaluate --checkpoint runs/first --bundle build/first",
        "wearkit evaluate --bundle build/first --data recordings/ --twin adxl345",
    ),
)
@click.option(
    "--checkpoint",
    type=_FOLDER,
    metavar="RUN",
    help="A run of wearkit train: scores the float network, or those of all its folds.  "
    "[default: the newest run]",
)
@click.option(
    "--bundle",
    type=_FOLDER,
    metavar="BUNDLE",
    help="A bundle of wearkit export: scores the integers a device computes.",
)
@click.option(
    "--data",
    metavar="PATH|posture-sim",
    help="Recordings to score.  [default: the run's own test windows]",
)
@click.option("--format", "data_format", metavar="F", help="Format of the data, if not recognised.")
@click.option("--units", metavar="U", help="Unit of the samples, if the data does not say.")
@click.option(
    "--gravity-check/--no-gravity-check",
    default=True,
    help="Refuse --data whose gravity at rest is not 1 g.  [default: refuse]",
)
@click.option(
    "--label-map",
    metavar="MAP",
    help="Score --data under the shared labels of this map, as for wearkit train.",
)
@click.option(
    "--twin",
    metavar="T",
    help="Score --data as other sensors would have recorded it, too: adxl345, or tolerances like "
    "offset=40mg,rotation=10deg; people of the training data are left out.",
)
@click.option(
    "--forest",
    is_flag=True,
    help="Score a random forest too, on the run's own split: --data is then its training data.",
)
@click.option(
    "--report",
    type=_FOLDER,
    metavar="FOLDER",
    help="Where evaluation.html and .json go.  [default: RUN/evaluation or BUNDLE-evaluation]",
)
@click.option("--force", is_flag=True, help="Let --report replace files that are not wearkit's.")
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str | None,
    data_format: str | None,
    units: str | None,
    gravity_check: bool,
    label_map: str | None,
    twin: str | None,
    forest: bool,
    report: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Accuracy and macro F1 of a float run, an integer bundle, or both side by side.

    A run brings its own test windows; a bundle alone needs --data. A page for a browser,
    evaluation.html, and the same numbers as JSON are written beside the run or the bundle.
    """
    _check_options(checkpoint, bundle, data, (data_format, units, label_map, twin), forest=forest)
    from wearkit.api.evaluate import evaluate, report_folder
    from wearkit.bundle.bundle import open_bundle
    from wearkit.evaluation.page import refuse_to_replace, write_evaluation
    from wearkit.files.safe_write import require_writable
    from wearkit.training.run import holds_folds, newest_run, open_run

    path = checkpoint or (newest_run() if bundle is None else None)
    if forest:
        require_packages("The forest", "sklearn")
    if path is not None:
        require_packages("Scoring a run", "torch")
    if path is not None and holds_folds(path):
        run: Run | Path | None = path
        if bundle is not None or (data is not None and not forest):
            raise click.UsageError(
                f"{path} holds every fold of a run, and a bundle or other recordings are scored "
                "beside one network: name a fold with --checkpoint."
            )
    else:
        run = None if path is None else open_run(path)
    opened = None if bundle is None else open_bundle(bundle)
    folder = report or report_folder(run, opened)
    require_writable(folder)
    if not force:
        refuse_to_replace(folder)
    with at_work("Evaluating:"):
        evaluation = evaluate(
            run,
            opened,
            data=data,
            format=data_format,
            units=units,
            label_map=label_map,
            twin=twin,
            forest=forest,
            gravity_check=gravity_check,
            cache=told_cache(),
            progress=show_progress,
        )
    page = write_evaluation(evaluation, folder, force=force)
    if as_json:
        click.echo(json.dumps({"report": str(page), **evaluation.to_json()}, allow_nan=False))
    else:
        _show(evaluation, page)


def _check_options(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str | None,
    about_data: tuple[str | None, str | None, str | None, str | None],
    *,
    forest: bool,
) -> None:
    """about_data: --format, --units, --label-map, --twin. Raises UsageError."""
    *_, label_map, twin = about_data
    if data is None and any(option is not None for option in about_data):
        raise click.UsageError(
            "--format, --units, --label-map and --twin are about --data, which is not given."
        )
    if forest and (twin is not None or label_map is not None):
        raise click.UsageError("--forest knows neither --twin nor --label-map: leave them out.")
    if bundle is not None and checkpoint is None and data is None:
        raise click.UsageError(
            "A bundle does not hold its run's test windows: add --data PATH, or --checkpoint RUN "
            "to use that run's."
        )
    if forest and (data is None or (checkpoint is None and bundle is not None)):
        raise click.UsageError(
            "--forest needs a run and its training data: a run keeps only its test windows, so "
            "add --data as it was for wearkit train."
        )


def _show(evaluation: Evaluation, page: Path) -> None:
    from rich.console import Console

    from wearkit.cli.tables.score_tables import score_table, subject_table

    console = Console(highlight=False)

    def say(text: str) -> None:
        console.print(printable(text), markup=False, soft_wrap=True)

    for warning in evaluation.warnings():
        say(warning)
    say(f"{len(evaluation.windows)} windows, {evaluation.source}.")
    for reason, count in evaluation.rejected.items():
        whose = " of the run's recordings" if evaluation.own else ""
        say(f"{count} windows{whose} were left out: {reason}.")
    for note in evaluation.windows.notes:
        say(f"Note: {note}")
    console.print(score_table(" and ".join(evaluation.scores), evaluation.scores))
    for task in evaluation.windows.tasks:
        console.print(subject_table(task.name, evaluation.scores))
    say(f"Report: {page}")
