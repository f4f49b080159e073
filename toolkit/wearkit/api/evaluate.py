"""evaluate(): a run, a bundle or both on the same windows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from wearkit.api.open_dataset import open_dataset
from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.errors import DataError, ModelFileError
from wearkit.evaluation.evaluation import (
    Evaluation,
    ModelResult,
    model_result,
    share_result,
    split_facts,
)
from wearkit.evaluation.forest import TrainingData, forest_probabilities
from wearkit.evaluation.over_folds import evaluate_folds
from wearkit.evaluation.scores import OnProgress, check_fit, check_unseen, float_logits
from wearkit.evaluation.twin import clean_and_twin, without
from wearkit.integer import reference
from wearkit.model.checkpoint import weights_sha256
from wearkit.recordings.combined import person_of
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.sensor_twin import SensorTwin, parse_twin
from wearkit.spec import ModelSpec
from wearkit.training.metrics_file import DataMetrics
from wearkit.training.run import Run, holds_folds, open_run
from wearkit.windows.cache import DataCache, cached_cut
from wearkit.windows.copies import one_name_each
from wearkit.windows.landmarks import window_digests
from wearkit.windows.window_set import WindowSet


def evaluate(
    run: Run | str | Path | None = None,
    bundle: Bundle | str | Path | None = None,
    *,
    data: Dataset | str | Path | None = None,
    format: str | None = None,
    units: str | None = None,
    label_map: str | Path | None = None,
    twin: SensorTwin | str | None = None,
    forest: bool = False,
    gravity_check: bool = True,
    cache: DataCache | None = None,
    progress: OnProgress | None = None,
) -> Evaluation:
    """Score the float network of a run, the integers of a bundle, or both side by side.

    data: recordings to score; the run's own test windows by default, which a bundle alone does
    not have. format, units, label_map, cache: of data that is a path, as in open_dataset. twin:
    score data as other sensors would have recorded it, too. forest: a random forest beside the
    run, for which data is the run's training data. run may be a folder with every fold of a run:
    they are put together, and data is for the forest alone. gravity_check: refuse data whose
    gravity at rest is not 1 g. progress: called with what is computed,
    the windows done, and how many there are (0 where nobody knows).

    People of data whom the run was trained or chosen on are left out with a note, except those of
    a run on the paper's split, which says that it leaks.

    Raises DataError when there is nobody to score or these do not go together, ModelFileError
    for a run or bundle that is damaged or another model's, MissingToolError for a package that is
    not installed.

    >>> wk.evaluate(run).people
    1
    """

    def recordings() -> Dataset | None:
        if not isinstance(data, str | Path):
            return data
        return open_dataset(data, format=format, units=units, label_map=label_map, cache=cache)

    if isinstance(run, str | Path) and holds_folds(Path(run)):
        return _every_fold(Path(run), bundle, recordings(), forest=forest, progress=progress)
    opened_run = open_run(run) if isinstance(run, str | Path) else run
    opened_bundle = _opened_bundle(bundle)
    model = _model(opened_run, opened_bundle)
    _check_same_network(opened_run, opened_bundle)
    dataset = recordings()
    if forest:
        return _with_forest(opened_run, opened_bundle, dataset, progress)
    if dataset is None:
        if twin is not None:
            raise DataError("A twin is of recordings: give data.")
        return _own(opened_run, opened_bundle, progress)
    sensor = parse_twin(twin) if isinstance(twin, str) else twin
    windows = cached_cut(dataset, model.window, tasks=model.tasks, gravity_check=gravity_check)
    return _on_recordings(opened_run, opened_bundle, dataset, windows, sensor, progress)


def report_folder(run: Run | Path | None, bundle: Bundle | None) -> Path:
    """Where an evaluation of them is written: RUN/evaluation, or BUNDLE-evaluation."""
    if run is not None:
        return (run if isinstance(run, Path) else run.path) / "evaluation"
    if bundle is None:
        raise DataError("Name a run or a bundle.")
    return bundle.path.parent / f"{bundle.path.resolve().name}-evaluation"


def _opened_bundle(bundle: Bundle | str | Path | None) -> Bundle | None:
    return open_bundle(Path(bundle)) if isinstance(bundle, str | Path) else bundle


def _model(run: Run | None, bundle: Bundle | None) -> ModelSpec:
    if run is None and bundle is None:
        raise DataError("There is nothing to evaluate: give a run, a bundle or both.")
    if bundle is None:
        assert run is not None
        return run.checkpoint.model
    if run is not None and bundle.model != run.checkpoint.model:
        raise ModelFileError(f"{bundle.path} was not exported from a model like the run's.")
    return bundle.model


def _check_same_network(run: Run | None, bundle: Bundle | None) -> None:
    """Raises ModelFileError for the bundle of another training: who was trained on is known of
    the run's network alone."""
    if run is None or bundle is None:
        return
    from wearkit_export.quantization.same_network import quantized_from

    stated = bundle.checkpoint_sha256
    named = stated is None or stated == weights_sha256(run.checkpoint)
    if not named or not quantized_from(bundle.graph, run.checkpoint):
        raise ModelFileError(
            f"{bundle.path} was not exported from this run, {run.path}: its weights are another "
            "network's, which may have been trained on the run's test people. Name the run it is "
            "of, or export this one."
        )


def _own(
    run: Run | None, bundle: Bundle | None, progress: OnProgress | None, *others: ModelResult
) -> Evaluation:
    """On the run's own test windows."""
    if run is None:
        raise DataError("A bundle does not hold its run's test windows: give data, or the run.")
    check_unseen(run)
    models = (*_networks(run, bundle, progress, run.test), *others)
    source = f"test windows of {run.path}"
    return _evaluation(run, bundle, models, run.test, source=source, own=True)


def _with_forest(
    run: Run | None,
    bundle: Bundle | None,
    recordings: Dataset | None,
    progress: OnProgress | None,
) -> Evaluation:
    """The networks and the forest on the run's own test windows."""
    if run is None or recordings is None:
        raise DataError("A forest needs a run and its training data: give both.")
    shares = forest_probabilities(*TrainingData(recordings).of(run))
    return _own(run, bundle, progress, share_result("forest", shares, run.test))


def _on_recordings(
    run: Run | None,
    bundle: Bundle | None,
    recordings: Dataset,
    windows: WindowSet,
    twin: SensorTwin | None,
    progress: OnProgress | None,
) -> Evaluation:
    model = _model(run, bundle)
    windows = one_name_each(windows)
    familiar = familiar_subjects(run, windows)
    if twin is not None or run is None or run.metrics.split.kind != "paper":
        windows, familiar = without(windows, familiar), ()
    if twin is None:
        models = _networks(run, bundle, progress, windows)
    else:
        score = partial(_networks, run, bundle, progress)
        windows, models = clean_and_twin(recordings, windows, model, twin, score)
    return _evaluation(run, bundle, models, windows, source=recordings.name, familiar=familiar)


def _every_fold(
    path: Path,
    bundle: Bundle | str | Path | None,
    recordings: Dataset | None,
    *,
    forest: bool,
    progress: OnProgress | None,
) -> Evaluation:
    """Every fold's network, and a forest on the same folds, on all the people they test."""
    if bundle is not None or (recordings is not None and not forest):
        raise DataError(
            f"{path} holds every fold of a run, and a bundle or other recordings are scored beside "
            "one network: name a fold."
        )
    if not forest:
        return evaluate_folds(path, progress=progress)
    if recordings is None:
        raise DataError("A forest needs the run's training data: give data.")
    trained_on = TrainingData(recordings)
    return evaluate_folds(
        path, lambda run: forest_probabilities(*trained_on.of(run)), progress=progress
    )


def _networks(
    run: Run | None, bundle: Bundle | None, progress: OnProgress | None, windows: WindowSet
) -> tuple[ModelResult, ...]:
    results = []
    if run is not None:
        check_fit(run.checkpoint.model, windows)
        floats = float_logits(run.checkpoint, windows.inputs, progress)
        results.append(model_result("fp32", floats, windows))
    if bundle is not None:
        check_fit(bundle.model, windows)
        if progress is not None:
            progress("integer reference", 0, 0)
        logits = reference.run(bundle.graph, windows.inputs)
        results.append(model_result("int8", logits, windows, bundle.head_scales))
    return tuple(results)


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
    recorded = run.metrics.data if own and run is not None else DataMetrics()
    return Evaluation(
        models=models,
        windows=windows,
        source=source,
        own=own,
        split=None if run is None else split_facts(run),
        rejected=recorded.rejected_windows if own else windows.rejected,
        dropped=recorded.dropped_rows if own else windows.dropped,
        familiar=familiar,
        arch=_model(run, bundle).arch,
        checkpoint=None if run is None else str(run.path),
        bundle=None if bundle is None else str(bundle.path),
        model_id=None if bundle is None else bundle.model_id,
    )


def familiar_subjects(run: Run | None, windows: WindowSet) -> tuple[str, ...]:
    """Subjects of the windows who the network was trained or chosen on: by their names, or because
    a window of theirs is one of the training windows that the run keeps for calibration. Scores on
    them say little."""
    if run is None:
        return ()
    known = {person_of(name) for part in ("train", "val") for name in run.split_subjects(part)}
    # Under a label map people are called "<data set>:<name>"; a name alone may be the same person.
    bare = {name.partition(":")[2] for name in known} - {""}
    kept = window_digests(run.calibration)
    equal = np.isin(window_digests(windows.counts), kept[kept != 0])
    recorded = {windows.subjects[code] for code in np.unique(windows.subject[equal]).tolist()}
    return tuple(
        name
        for name in sorted(windows.subjects)
        if name in recorded or person_of(name) in known | bare or name.partition(":")[2] in known
    )
