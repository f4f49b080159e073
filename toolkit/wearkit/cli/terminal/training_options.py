"""Options of `wearkit train` about the network, the split and the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wearkit.model.architecture import ARCHITECTURES
from wearkit.model.training_config import CLASS_WEIGHTS, METHOD_NAMES, PRECISIONS, TrainingConfig
from wearkit.training.request import EVERY_FOLD

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DEFAULTS = TrainingConfig()


def _fold(value: str) -> int | str:
    """A number from 0, or all."""
    if value == EVERY_FOLD:
        return value
    if not str(value).isdecimal():
        raise click.BadParameter("folds are numbered from 0, or all.")
    return int(value)


_OPTIONS = (
    click.option("--arch", type=click.Choice(ARCHITECTURES), default="mtl-net", show_default=True),
    click.option(
        "--method", type=click.Choice(METHOD_NAMES), default=_DEFAULTS.method, show_default=True
    ),
    click.option(
        "--task", metavar="T", help="Train this task alone.  [default: every task the data has]"
    ),
    click.option(
        "--class-weights",
        type=click.Choice(CLASS_WEIGHTS),
        default=_DEFAULTS.class_weights,
        show_default=True,
        help="balanced: windows of rare labels count for more.",
    ),
    click.option(
        "--fold",
        type=_fold,
        default=0,
        show_default=True,
        metavar="K|all",
        help="all: every fold of the split, each in RUN/fold-K, with a summary over them.",
    ),
    click.option("--folds", type=click.IntRange(3), default=5, show_default=True),
    click.option(
        "--split-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Who is in which fold; apart from --seed, so that seeds are compared on the same "
        "people.",
    ),
    click.option("--epochs", type=click.IntRange(1), default=_DEFAULTS.epochs, show_default=True),
    click.option("--batch", type=click.IntRange(1), default=_DEFAULTS.batch, show_default=True),
    click.option(
        "--lr",
        type=click.FloatRange(0, min_open=True),
        default=_DEFAULTS.learning_rate,
        show_default=True,
        help="Learning rate of Adam.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default=_DEFAULTS.precision,
        show_default=True,
        help="bfloat16: layers compute in 16 bits, faster where the processor has it (AVX512-BF16, "
        "AMX, recent GPUs); what is kept is float32.",
    ),
    click.option("--seed", type=click.IntRange(0), default=_DEFAULTS.seed, show_default=True),
    click.option(
        "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ..."
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="RUN",
        help="Folder for the run.  [default: runs/<utc>-<arch>]",
    ),
    click.option("--force", is_flag=True, help="Let --out replace a run, finished or not."),
    click.option(
        "--resume",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="RUN",
        help="Go on with a training that was interrupted or killed, with the options it began "
        "with.",
    ),
)


def training_options(command: _Command) -> _Command:
    """The command with these options, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
