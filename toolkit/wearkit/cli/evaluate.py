"""`wearkit evaluate`: score a float run, an integer bundle, or both on the same windows."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.terminal.caching import NO_CACHE, told_cache
from wearkit.errors import ModelFileError

if TYPE_CHECKING:
    from wearkit.bundle.bundle import Bundle
    from wearkit.evaluation.evaluation import Evaluation, ModelResult
    from wearkit.recordings.formats import Dataset
    from wearkit.recordings.sensor_twin import SensorTwin
    from wearkit.spec import ModelSpec
    from wearkit.training.run import Run
    from wearkit.windows.window_set import WindowSet

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
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
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(
    checkpoint: Path | None,
    bundle: Path | None,
    data: str | None,
    data_format: str | None,
    units: str | None,
    label_map: str | None,
    twin: str | None,
    forest: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Accuracy and macro F1 of a float run, an integer bundle, or both side by side.

    A run brings its own test windows; a bundle alone needs --data. A page for a browser,
    evaluation.html, and the same numbers as JSON are written beside the run or the bundle.
    """
    from wearkit.files.safe_write import require_writable
    from wearkit.optional_packages import require_packages
    from wearkit.training.run import holds_folds, newest_run, open_run

    if data is None and any(x is not None for x in (data_format, units, label_map, twin)):
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
    path = checkpoint or (newest_run() if bundle is None else None)
    if forest:
        require_packages("The forest", "sklearn")
    if path is not None:
        require_packages("Scoring a run", "torch")
    if path is not None and holds_folds(path):
        require_writable(report or path / "evaluation")
        found = _every_fold(
            path, bundle, None if data is None else (data, data_format, units), forest
        )
        _finish(found, report or path / "evaluation", as_json)
        return
    run = None if path is None else open_run(path)
    opened = None if bundle is None else _open_bundle(bundle)
    folder = report or _default_folder(run, opened)
    require_writable(folder)
    model = _model(run, opened)
    recordings = None if data is None else _open_data(data, data_format, units, label_map)
    if forest:
        assert run is not None and recordings is not None
        found = _with_forest(run, opened, recordings)
    else:
        found = _evaluated(run, opened, model, recordings, _twin(twin))
    _finish(found, folder, as_json)


def _finish(found: Evaluation, folder: Path, as_json: bool) -> None:
    from wearkit.evaluation.page import write_evaluation

    page = write_evaluation(found, folder)
    if as_json:
        click.echo(json.dumps({"report": str(page), **found.to_json()}, allow_nan=False))
    else:
        _show(found, page)


def _open_bundle(path: Path) -> Bundle:
    from wearkit.bundle.bundle import open_bundle

    return open_bundle(path)


def _open_data(
    data: str, data_format: str | None, units: str | None, label_map: str | None
) -> Dataset:
    from wearkit.recordings.combined import combined
    from wearkit.recordings.label_map import open_label_map

    dataset = told_cache().open(data, format=data_format, units=units)
    return dataset if label_map is None else combined([dataset], open_label_map(label_map))


def _twin(text: str | None) -> SensorTwin | None:
    from wearkit.recordings.sensor_twin import parse_twin

    return None if text is None else parse_twin(text)


def _default_folder(run: Run | None, bundle: Bundle | None) -> Path:
    if run is not None:
        return run.path / "evaluation"
    assert bundle is not None
    path = bundle.path.resolve()
    return bundle.path.parent / f"{path.name}-evaluation"


def _model(run: Run | None, bundle: Bundle | None) -> ModelSpec:
    if bundle is None:
        assert run is not None
        return run.checkpoint.model
    if run is not None and bundle.model != run.checkpoint.model:
        raise ModelFileError(f"{bundle.path} was not exported from a model like the run's.")
    return bundle.model


def _evaluated(
    run: Run | None,
    bundle: Bundle | None,
    model: ModelSpec,
    recordings: Dataset | None,
    twin: SensorTwin | None,
) -> Evaluation:
    """The networks on the run's own test windows, or on other recordings and their twin."""
    if recordings is None:
        assert run is not None
        return _own(run, bundle, _networks(run, bundle, run.test))
    from wearkit.windows.cache import cached_cut

    windows = cached_cut(recordings, model.window, tasks=model.tasks)
    familiar = _familiar(run, windows)
    if twin is None:
        models = _networks(run, bundle, windows)
    else:
        from wearkit.cli.terminal.twin_scores import clean_and_twin, without

        windows, models = clean_and_twin(
            recordings,
            without(windows, familiar),
            model,
            twin,
            partial(_networks, run, bundle),
        )
        familiar = ()
    return _evaluation(run, bundle, models, windows, source=recordings.name, familiar=familiar)


def _with_forest(run: Run, bundle: Bundle | None, recordings: Dataset) -> Evaluation:
    """The networks and the forest on the run's own test windows."""
    from wearkit.evaluation.evaluation import share_result
    from wearkit.evaluation.forest import TrainingData, forest_probabilities

    shares = forest_probabilities(*TrainingData(recordings).of(run))
    forest = share_result("forest", shares, run.test)
    return _own(run, bundle, (*_networks(run, bundle, run.test), forest))


def _every_fold(
    path: Path, bundle: Path | None, data: tuple[str, str | None, str | None] | None, forest: bool
) -> Evaluation:
    """Every fold's network, and a forest on the same folds, on all the people they test."""
    from wearkit.evaluation.over_folds import evaluate_folds

    if bundle is not None or (data is not None and not forest):
        raise click.UsageError(
            f"{path} holds every fold of a run, and a bundle or other recordings are scored beside "
            "one network: name a fold with --checkpoint."
        )
    if data is None:
        return evaluate_folds(path)
    from wearkit.evaluation.forest import TrainingData, forest_probabilities

    trained_on = TrainingData(_open_data(*data, None))
    return evaluate_folds(path, lambda run: forest_probabilities(*trained_on.of(run)))


def _own(run: Run, bundle: Bundle | None, models: tuple[ModelResult, ...]) -> Evaluation:
    source = f"test windows of {run.path}"
    return _evaluation(run, bundle, models, run.test, source=source, own=True)


def _networks(
    run: Run | None, bundle: Bundle | None, windows: WindowSet
) -> tuple[ModelResult, ...]:
    from wearkit.evaluation.evaluation import model_result
    from wearkit.evaluation.scores import check_fit, float_logits
    from wearkit.integer import reference

    found = []
    if run is not None:
        check_fit(run.checkpoint.model, windows)
        found.append(model_result("fp32", float_logits(run.checkpoint, windows.inputs), windows))
    if bundle is not None:
        check_fit(bundle.model, windows)
        logits = reference.run(bundle.graph, windows.inputs)
        found.append(model_result("int8", logits, windows, bundle.head_scales))
    return tuple(found)


def _evaluation(
    run: Run | None,
    bundle: Bundle | None,
    models: tuple[ModelResult, ...],
    windows: WindowSet,
    *,
    source: str,
    own: bool = False,
    familiar: tuple[str, ...] = (),
) -> Evaluation:
    from wearkit.evaluation.evaluation import Evaluation, split_facts

    told = run.metrics.get("data", {}) if own and run is not None else {}
    return Evaluation(
        models=models,
        windows=windows,
        source=source,
        own=own,
        split=None if run is None else split_facts(run),
        rejected=told.get("rejected_windows", windows.rejected),
        dropped=told.get("dropped_rows", windows.dropped),
        familiar=familiar,
        arch=_model(run, bundle).arch,
        checkpoint=None if run is None else str(run.path),
        bundle=None if bundle is None else str(bundle.path),
        model_id=None if bundle is None else bundle.model_id,
    )


def _familiar(run: Run | None, windows: WindowSet) -> tuple[str, ...]:
    """Scores on people the network was trained on say little: who has a familiar name."""
    if run is None:
        return ()
    from wearkit.recordings.combined import person_of

    known = {person_of(name) for part in ("train", "val") for name in run.split_subjects(part)}
    # Under a label map people are called "<data set>:<name>"; a name alone may be the same person.
    bare = {name.partition(":")[2] for name in known} - {""}
    return tuple(
        name
        for name in sorted(windows.subjects)
        if person_of(name) in known | bare or name.partition(":")[2] in known
    )


def _show(found: Evaluation, page: Path) -> None:
    from rich.console import Console

    from wearkit.cli.terminal.score_tables import score_table, subject_table

    console = Console(highlight=False)

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    for warning in found.warnings():
        say(warning)
    say(f"{len(found.windows)} windows, {found.source}.")
    for reason, count in found.rejected.items():
        whose = " of the run's recordings" if found.own else ""
        say(f"{count} windows{whose} were left out: {reason}.")
    for note in found.windows.notes:
        say(f"Note: {note}")
    console.print(score_table(" and ".join(found.scores), found.scores))
    for task in found.windows.tasks:
        console.print(subject_table(task.name, found.scores))
    say(f"Report: {page}")
