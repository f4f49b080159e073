"""What `wearkit train` is trained on: its options about data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from wearkit.spec import SPLITS, WindowSpec

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--data",
        multiple=True,
        default=("posture-sim",),
        show_default=True,
        metavar="PATH|posture-sim",
        help="A recording, a folder or an archive of recordings, or the built-in simulator. Again "
        "for more data sets; they need --label-map.",
    ),
    click.option(
        "--format", "data_format", metavar="F", help="Format of the data, if not recognised."
    ),
    click.option("--units", metavar="U", help="Unit of the samples, if the data does not say."),
    click.option(
        "--gravity-check/--no-gravity-check",
        default=True,
        help="Refuse recordings whose gravity at rest is not 1 g, which are in another unit than "
        "they say.  [default: refuse]",
    ),
    click.option(
        "--label-map",
        metavar="MAP",
        help="Which labels of the data sets are the same: a TOML file, or wisdm-hapt or "
        "dsads-hapt. Other labels are left out.",
    ),
    click.option(
        "--twin",
        metavar="T",
        help="Train on copies of the recordings as other sensors would have made them, too: "
        "adxl345, or tolerances like offset=40mg,gain=5%,rotation=10deg,rate=1.5%,noise=3mg.",
    ),
    click.option(
        "--twin-copies",
        type=click.IntRange(1, 100),
        default=1,
        show_default=True,
        help="Copies of each training recording with --twin.",
    ),
    click.option(
        "--split",
        "split_name",
        type=click.Choice(SPLITS),
        default=SPLITS[0],
        show_default=True,
        help="subject: groups of people; loso: one person; dataset: one of several data sets; "
        "official: UCI HAR's own test people; paper: the paper's random windows, which leak.",
    ),
    click.option(
        "--rate",
        "rate_hz",
        type=click.FloatRange(0, min_open=True),
        default=WindowSpec().rate_hz,
        show_default=True,
        help="Samples a second of the windows; recordings at another rate are resampled.",
    ),
)


def data_options(command: _Command) -> _Command:
    """The command with the options about data."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_data_options(options: Mapping[str, Any]) -> None:
    """Raises UsageError for options that do not go together. options: by parameter name."""
    if options["twin"] is None and options["twin_copies"] != 1:
        raise click.UsageError("--twin-copies is of --twin, which is not given.")
    if len(options["data"]) < 2:
        return
    if options["data_format"] is not None or options["units"] is not None:
        raise click.UsageError("--format and --units are of one data set: give one --data.")
    if options["label_map"] is None:
        raise click.UsageError(
            "Several data sets need --label-map, which says which of their labels are the same."
        )
