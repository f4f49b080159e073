"""`wearkit train`: recordings in, a run folder out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wearkit.cli import INTERRUPTED
from wearkit.cli.terminal.caching import NO_CACHE
from wearkit.cli.terminal.training_data import data_options, training_windows
from wearkit.errors import ModelFileError
from wearkit.model.architecture import ARCHITECTURES
from wearkit.optional_packages import require_packages
from wearkit.training.config import CLASS_WEIGHTS, METHOD_NAMES, PRECISIONS, TrainingConfig

if TYPE_CHECKING:
    from wearkit.cli.terminal.training_display import TrainingDisplay
    from wearkit.evaluation.metrics import TaskScore
    from wearkit.training.loop import TrainingResult
    from wearkit.windows.window_set import WindowSet

_DEFAULTS = TrainingConfig()


def _fold(value: str) -> int | str:
    """A number from 0, or all."""
    if value == "all":
        return value
    if not str(value).isdecimal():
        raise click.BadParameter("folds are numbered from 0, or all.")
    return int(value)


@click.command()
@data_options
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="mtl-net", show_default=True)
@click.option(
    "--method", type=click.Choice(METHOD_NAMES), default=_DEFAULTS.method, show_default=True
)
@click.option(
    "--task", metavar="T", help="Train this task alone.  [default: every task the data has]"
)
@click.option(
    "--class-weights",
    type=click.Choice(CLASS_WEIGHTS),
    default=_DEFAULTS.class_weights,
    show_default=True,
    help="balanced: windows of rare labels count for more.",
)
@click.option(
    "--fold",
    type=_fold,
    default=0,
    show_default=True,
    metavar="K|all",
    help="all: every fold of the split, each in RUN/fold-K, with a summary over them.",
)
@click.option("--folds", type=click.IntRange(3), default=5, show_default=True)
@click.option(
    "--split-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Who is in which fold; apart from --seed, so that seeds are compared on the same people.",
)
@click.option("--epochs", type=click.IntRange(1), default=_DEFAULTS.epochs, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=_DEFAULTS.batch, show_default=True)
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    default=_DEFAULTS.learning_rate,
    show_default=True,
    help="Learning rate of Adam.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=_DEFAULTS.precision,
    show_default=True,
    help="bfloat16: layers compute in 16 bits, faster where the processor has it (AVX512-BF16, "
    "AMX, recent GPUs); what is kept is float32.",
)
@click.option("--seed", type=click.IntRange(0), default=_DEFAULTS.seed, show_default=True)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ..."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Folder for the run.  [default: runs/<utc>-<arch>]",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Go on with a training that was interrupted or killed, with the options it began with.",
)
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON on stdout.")
@click.pass_context
def command(
    context: click.Context,
    /,
    out: Path | None,
    resume: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Train a network on windows of recordings and test it on people it has never seen.

    Ctrl-C ends training early and keeps the best network so far; --resume takes it up again.
    """
    require_packages("Training", "torch", "matplotlib")
    if out is not None and resume is not None:
        raise click.UsageError("--resume goes on in the folder it names: leave --out away.")
    # OpenMP threads that spin while they wait slow a busy machine down many times over; libgomp
    # reads this once, when torch is loaded. It changes no number.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from wearkit.cli.terminal.training_display import TrainingDisplay
    from wearkit.training.allocator import keep_freed_memory
    from wearkit.training.device import pick_device
    from wearkit.training.run import new_run

    keep_freed_memory()
    if resume is not None:
        options = _options_of(resume, context, options)
    pick_device(options["device"])  # a wrong --device should be said before minutes of reading
    path = resume or out or new_run(options["arch"])
    if options["fold"] == "all":
        return _every_fold(path, options, as_json)
    display = TrainingDisplay()
    windows, result, scores = _run(path, options, display, resume is not None)
    if as_json:
        click.echo(_summary(path, windows, result, scores))
    display.result(path, windows, result, scores)
    return INTERRUPTED if result.interrupted else 0


def _every_fold(path: Path, options: Mapping[str, Any], as_json: bool) -> int:
    """A fold that is interrupted ends it all, and is resumed by its own folder."""
    from wearkit.cli.terminal.training_display import TrainingDisplay
    from wearkit.evaluation.folds import summarise
    from wearkit.files.safe_write import write_json
    from wearkit.training.run import FOLDS_SUMMARY, fold_folder

    runs: list[str] = []
    scores: list[dict[str, TaskScore]] = []
    leaks: list[float] = []
    folds = 1
    while len(runs) < folds:
        fold = len(runs)
        display = TrainingDisplay()
        run = fold_folder(path, fold)
        windows, result, found = _run(run, {**options, "fold": fold}, display, False)
        display.result(run, windows, result, found)
        if result.interrupted:
            return INTERRUPTED
        folds = result.checkpoint.provenance["split"]["folds"]
        leaks.append(result.checkpoint.provenance["split"]["leak_share"])
        runs.append(run.name)
        scores.append(found)
    summary: dict[str, Any] = {
        "format": "wearkit-cross-validation",
        "format_version": 1,
        "simulated": windows.simulated,
        "leak_share": max(leaks),
        "folds": runs,
        "tasks": summarise(scores),
    }
    write_json(path / FOLDS_SUMMARY, summary)
    if as_json:
        click.echo(json.dumps({"run": str(path), **summary}, allow_nan=False))
    display.folds(path, len(runs), summary["tasks"])
    return 0


def _run(
    path: Path, options: Mapping[str, Any], display: TrainingDisplay, resume: bool
) -> tuple[WindowSet, TrainingResult, dict[str, TaskScore]]:
    from wearkit.api.train import write_run
    from wearkit.cli.terminal.stop_signals import stop_signals
    from wearkit.spec import ModelSpec
    from wearkit.training.loop import train
    from wearkit.training.run import claim_folder
    from wearkit.training.state import StateFolder, discard_state

    config = TrainingConfig(
        method=options["method"],
        epochs=options["epochs"],
        batch=options["batch"],
        learning_rate=options["lr"],
        seed=options["seed"],
        class_weights=options["class_weights"],
        precision=options["precision"],
    )
    with display.reading(", ".join(options["data"])):
        windows, split = training_windows(options)
    spec = ModelSpec(options["arch"], windows.spec, windows.tasks)
    claim_folder(path, windows, split, spec)
    display.describe(windows, split, spec)
    with stop_signals() as stopped:
        with display.training():
            result = train(
                windows,
                split,
                spec,
                config,
                device=options["device"],
                progress=display,
                should_stop=lambda: bool(stopped),
                state=StateFolder(path, options),
                resume=resume,
            )
        scores = write_run(path, windows, split, result)
        if not result.interrupted:
            discard_state(path)
    return windows, result, scores


def _options_of(run: Path, context: click.Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options a run began with, under those typed now (data that moved, for one)."""
    from wearkit.training.state import read_request

    typed = {
        name: value
        for name, value in given.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    saved = read_request(run)
    try:
        for parameter in context.command.params:
            if parameter.name in given:
                saved[parameter.name] = parameter.type_cast_value(context, saved[parameter.name])
    except (KeyError, click.BadParameter) as error:
        raise ModelFileError(
            f"The options in {run}/state.json are damaged: train again."
        ) from error
    return {name: saved[name] for name in given} | typed


def _summary(
    path: Path, windows: WindowSet, result: TrainingResult, scores: dict[str, TaskScore]
) -> str:
    found: dict[str, Any] = {
        "run": str(path),
        "simulated": windows.simulated,
        "interrupted": result.interrupted,
        "kept": {"network": result.kept, "epoch": result.epoch},
        "training_s": round(result.training_s, 3),
        "tasks": {name: score.to_json() for name, score in scores.items()},
    }
    return json.dumps(found, allow_nan=False)
