"""`wearkit evaluate`: score a float run, an integer bundle, or both on the same windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.errors import DataError, ModelFileError

if TYPE_CHECKING:
    from wearkit.bundle import Bundle
    from wearkit.metrics import TaskScore
    from wearkit.run_folder import Run
    from wearkit.windows import WindowSet

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option(
    "--checkpoint",
    type=_FOLDER,
    metavar="RUN",
    help="A run of wearkit train: scores the float network.  [default: the newest run]",
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str | None,
    data_format: str | None,
    units: str | None,
    as_json: bool,
) -> None:
    """Accuracy and macro F1 of a float run, an integer bundle, or both side by side.

    A run brings its own test windows; a bundle alone needs --data.
    """
    from wearkit.run_folder import newest_run, open_run

    if data is None and (data_format is not None or units is not None):
        raise click.UsageError("--format and --units describe --data, which is not given.")
    if bundle is not None and checkpoint is None and data is None:
        raise DataError(
            "A bundle does not hold its run's test windows: add --data PATH, or --checkpoint RUN "
            "to use that run's."
        )
    run = open_run(checkpoint or newest_run()) if checkpoint or bundle is None else None
    opened = None if bundle is None else _open_bundle(bundle)
    windows, source = _windows(run, opened, data, data_format, units)
    scores = _scores(run, opened, windows)
    notes = [*windows.notes, *_seen_in_training(run, windows, data)]
    if as_json:
        click.echo(_as_json(run, opened, windows, source, scores, notes))
    else:
        _show(windows, source, scores, notes)


def _open_bundle(path: Path) -> Bundle:
    from wearkit.bundle import open_bundle

    return open_bundle(path)


def _windows(
    run: Run | None,
    bundle: Bundle | None,
    data: str | None,
    data_format: str | None,
    units: str | None,
) -> tuple[WindowSet, str]:
    """The windows to score and what to call them."""
    model = run.checkpoint.model if run is not None else None
    if bundle is not None:
        if model is not None and bundle.model != model:
            raise ModelFileError(f"{bundle.path} was not exported from a model like the run's.")
        model = bundle.model
    assert model is not None
    if data is None:
        assert run is not None
        return run.test, f"test windows of {run.path}"
    from wearkit.cut import cut
    from wearkit.readers import open_dataset

    recordings = open_dataset(data, format=data_format, units=units)
    return cut(recordings, model.window, tasks=model.tasks), data


def _scores(
    run: Run | None, bundle: Bundle | None, windows: WindowSet
) -> dict[str, dict[str, TaskScore]]:
    from wearkit.evaluate import evaluate_float, evaluate_integer

    scores = {}
    if run is not None:
        scores["fp32"] = evaluate_float(run.checkpoint, windows)
    if bundle is not None:
        scores["int8"] = evaluate_integer(bundle.graph, windows)
    return scores


def _seen_in_training(run: Run | None, windows: WindowSet, data: str | None) -> list[str]:
    """Scores on people the network was trained on say little: tell who has a familiar name."""
    if run is None or data is None:
        return []
    known = {name for part in ("train", "val") for name in run.split_subjects(part)}
    shared = sorted(known & set(windows.subjects))
    if not shared:
        return []
    return [
        f"{len(shared)} of {len(windows.subjects)} subjects are named like people of the training "
        f"data ({', '.join(shared[:5])}{', ...' if len(shared) > 5 else ''}): if they are the "
        "same, these scores are optimistic."
    ]


def _as_json(
    run: Run | None,
    bundle: Bundle | None,
    windows: WindowSet,
    source: str,
    scores: Mapping[str, Mapping[str, TaskScore]],
    notes: list[str],
) -> str:
    return json.dumps(
        {
            "checkpoint": None if run is None else str(run.path),
            "bundle": None if bundle is None else str(bundle.path),
            "model_id": None if bundle is None else bundle.model_id,
            "source": source,
            "simulated": windows.simulated,
            "windows": len(windows),
            "rejected": dict(windows.rejected),
            "notes": notes,
            "models": {
                name: {"tasks": {task: score.to_json() for task, score in found.items()}}
                for name, found in scores.items()
            },
        },
        allow_nan=False,
    )


def _show(
    windows: WindowSet,
    source: str,
    scores: Mapping[str, Mapping[str, TaskScore]],
    notes: list[str],
) -> None:
    from rich.console import Console

    from wearkit.cli.score_tables import score_table, subject_table

    console = Console(highlight=False)
    console.print(f"{len(windows)} windows, {source}.", markup=False, soft_wrap=True)
    if windows.simulated:
        console.print("These windows are simulated.")
    for reason, count in windows.rejected.items():
        console.print(f"{count} windows not scored: {reason}.", markup=False, soft_wrap=True)
    for note in notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    console.print(score_table(" and ".join(scores), scores))
    for task in windows.tasks:
        console.print(subject_table(task.name, scores))
