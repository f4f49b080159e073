"""`wearkit train`: recordings in, a run folder out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wearkit.cli import INTERRUPTED
from wearkit.cli.examples import ExampleCommand
from wearkit.cli.terminal.caching import NO_CACHE, told_cache
from wearkit.cli.terminal.training_data import check_data_options, data_options
from wearkit.cli.terminal.training_options import training_options
from wearkit.errors import ModelFileError
from wearkit.optional_packages import require_packages
from wearkit.training.request import EVERY_FOLD, TrainingRequest

if TYPE_CHECKING:
    from wearkit.training.run import Run


@click.command(
    cls=ExampleCommand,
    examples=(
        "wearkit train --epochs 4 --out runs/first",
        "wearkit train --data recordings/ --arch mtl-net-micro --split loso --fold all",
        "wearkit train --resume runs/first",
    ),
)
@data_options
@training_options
@NO_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON on stdout.")
@click.pass_context
def command(
    context: click.Context,
    /,
    out: Path | None,
    force: bool,
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
    from wearkit.training.claim import refuse_to_replace_run, replaced_by_a_run
    from wearkit.training.device import keep_freed_memory, pick_device
    from wearkit.training.run import new_run

    keep_freed_memory()
    if resume is not None:
        options = _options_of(resume, context, options)
    check_data_options(options)
    request = TrainingRequest.from_json(options)
    # What can be refused is refused before minutes of reading.
    pick_device(request.device)
    path = resume or out or new_run(request.arch)
    if resume is None:
        refuse_to_replace_run(path, force=force)
        if there := replaced_by_a_run(path):
            click.echo(f"--force: a new run replaces {', '.join(there)} in {path}.", err=True)
    if request.fold == EVERY_FOLD:
        return _every_fold(path, request, force=force, as_json=as_json)
    run = _train(path, request, resume=resume is not None, force=force)
    if as_json:
        click.echo(_summary(run))
    return INTERRUPTED if run.interrupted else 0


def _every_fold(path: Path, request: TrainingRequest, *, force: bool, as_json: bool) -> int:
    """A fold that is interrupted ends it all, and is resumed by its own folder."""
    from wearkit.api.folds import every_fold
    from wearkit.cli.terminal.training_display import TrainingDisplay

    def train_fold(fold: int, folder: Path) -> Run:
        return _train(folder, replace(request, fold=fold), force=force)

    summary = every_fold(path, train_fold)
    if summary is None:
        return INTERRUPTED
    if as_json:
        click.echo(json.dumps({"run": str(path), **summary.to_json()}, allow_nan=False))
    TrainingDisplay().folds(path, len(summary.folds), summary.tasks)
    return 0


def _train(
    path: Path, request: TrainingRequest, *, resume: bool = False, force: bool = False
) -> Run:
    from wearkit.api.train import train
    from wearkit.api.training_data import training_windows
    from wearkit.cli.terminal.stop_signals import stop_signals
    from wearkit.cli.terminal.training_display import TrainingDisplay
    from wearkit.spec import ModelSpec

    display = TrainingDisplay()
    with display.reading(", ".join(request.data)):
        windows, split = training_windows(request, told_cache())
    display.describe(windows, split, ModelSpec(request.arch, windows.spec, windows.tasks))
    with stop_signals() as stopped, display.training():
        run = train(
            windows,
            split,
            request.arch,
            request.config,
            out=path,
            resume=resume,
            force=force,
            device=request.device,
            progress=display,
            should_stop=lambda: bool(stopped),
            request=request.to_json(),
        )
    display.result(run)
    return run


def _options_of(run: Path, context: click.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options a run began with, under those typed now (data that moved, for one)."""
    from wearkit.training.state import read_request

    typed = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    saved = read_request(run)
    if not saved:
        raise ModelFileError(
            f"The training in {run} was begun in Python: resume it there, with resume=True."
        )
    saved.setdefault("gravity_check", True)  # 0.2.0 did not ask
    try:
        for parameter in context.command.params:
            if parameter.name in options:
                saved[parameter.name] = parameter.type_cast_value(context, saved[parameter.name])
    except (KeyError, click.BadParameter) as error:
        raise ModelFileError(
            f"The options in {run}/state.json are damaged: train again."
        ) from error
    return {name: saved[name] for name in options} | typed


def _summary(run: Run) -> str:
    kept, training = run.metrics.kept, run.metrics.training
    assert kept is not None and training is not None
    summary: dict[str, Any] = {
        "run": str(run.path),
        "simulated": run.metrics.simulated,
        "interrupted": training.interrupted,
        "kept": {"network": kept.network, "epoch": kept.epoch},
        "training_s": training.training_s,
        "tasks": {name: score.to_json() for name, score in run.metrics.tasks.items()},
    }
    return json.dumps(summary, allow_nan=False)
