"""`wearkit train`: recordings in, a run folder out."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wearkit.architecture import ARCHITECTURES
from wearkit.cli import INTERRUPTED
from wearkit.errors import MissingToolError
from wearkit.training_config import METHOD_NAMES, TrainingConfig

if TYPE_CHECKING:
    from wearkit.metrics import TaskScore
    from wearkit.train import TrainingResult
    from wearkit.windows import WindowSet

_DEFAULTS = TrainingConfig()


@click.command()
@click.option(
    "--data",
    default="posture-sim",
    show_default=True,
    metavar="PATH|posture-sim",
    help="A recording, a folder or an archive of recordings, or the built-in simulator.",
)
@click.option("--format", "data_format", metavar="F", help="Format of the data, if not recognised.")
@click.option("--units", metavar="U", help="Unit of the samples, if the data does not say.")
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="mtl-net", show_default=True)
@click.option(
    "--method", type=click.Choice(METHOD_NAMES), default=_DEFAULTS.method, show_default=True
)
@click.option(
    "--split",
    "split_name",
    type=click.Choice(["subject"]),
    default="subject",
    show_default=True,
    help="Nobody is in two parts of the split.",
)
@click.option("--fold", type=click.IntRange(0), default=0, show_default=True)
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
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON on stdout.")
def command(
    data: str,
    data_format: str | None,
    units: str | None,
    arch: str,
    method: str,
    split_name: str,
    fold: int,
    folds: int,
    split_seed: int,
    epochs: int,
    batch: int,
    lr: float,
    seed: int,
    device: str,
    out: Path | None,
    as_json: bool,
) -> int:
    """Train a network on windows of recordings and test it on people it has never seen.

    Ctrl-C ends training early and keeps the best network so far.
    """
    _require("torch", "matplotlib")
    from wearkit.cli.stop_signals import stop_signals
    from wearkit.cli.training_display import TrainingDisplay
    from wearkit.cut import cut
    from wearkit.devices import pick_device
    from wearkit.readers import open_dataset
    from wearkit.run_folder import claim_folder, new_run, write_run
    from wearkit.spec import ModelSpec, WindowSpec
    from wearkit.split import subject_split
    from wearkit.train import train

    config = TrainingConfig(method=method, epochs=epochs, batch=batch, learning_rate=lr, seed=seed)
    pick_device(device)  # a wrong --device should be said before minutes of reading
    path = out or new_run(arch)
    display = TrainingDisplay()
    with display.reading(data):
        windows = cut(open_dataset(data, format=data_format, units=units), WindowSpec())
        split = subject_split(windows, fold=fold, folds=folds, seed=split_seed)
    spec = ModelSpec(arch, windows.spec, windows.tasks)
    claim_folder(path, windows, split, spec)
    display.describe(windows, split, spec)
    with stop_signals() as stopped:
        with display.training():
            result = train(
                windows,
                split,
                spec,
                config,
                device=device,
                progress=display,
                should_stop=lambda: bool(stopped),
            )
        scores = write_run(path, windows, split, result)
    if as_json:
        click.echo(_summary(path, windows, result, scores))
    display.result(path, windows, result, scores)
    return INTERRUPTED if result.interrupted else 0


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


def _require(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingToolError(
            f"Training needs {' and '.join(missing)}: pip install 'wearkit[train]'."
        )
