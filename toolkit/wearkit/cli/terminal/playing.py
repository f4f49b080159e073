"""What `wearkit simulate`, `emulate` and `verify` share: what recordings they play, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from wearkit.link.ports.pty import PseudoTerminal
    from wearkit.recordings.formats import Dataset
    from wearkit.recordings.recording import Recording
    from wearkit.recordings.sensor_twin import SensorTwin

_Command = TypeVar("_Command", bound=Callable[..., Any])


def positive(
    _context: click.Context, _parameter: click.Parameter, value: float | None
) -> float | None:
    """A number above 0 and below infinity, which click's own ranges do not ask for: nan passes."""
    if value is not None and not 0 < value < float("inf"):
        raise click.BadParameter("give a positive number.")
    return value


def _pace(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise click.BadParameter("give 0 (as fast as it is read) or a positive number.")
    return value


_SPEED = click.option(
    "--speed",
    type=float,
    callback=_pace,
    default=1.0,
    show_default=True,
    metavar="X",
    help="X times real time; 0 is as fast as it is read.",
)
_SENSOR_DATA = click.option(
    "--data",
    default="posture-sim",
    show_default=True,
    metavar="PATH|posture-sim",
    help="Recordings the sensor measures: a folder, file or archive.",
)
_MORE_DATA = click.option(
    "--data",
    metavar="PATH|posture-sim",
    help="Also the windows of these recordings: a folder, file or archive.",
)
_CHOICE = (
    click.option(
        "--format", "data_format", metavar="F", help="Format of the data, if not recognised."
    ),
    click.option("--input-units", metavar="U", help="Unit of the data, if it does not say."),
    click.option("--subject", metavar="S", help="Only this subject's recordings."),
    click.option(
        "--recording", type=click.IntRange(min=0), metavar="I", help="Only the I-th, from 0."
    ),
)
_SECONDS = click.option(
    "--seconds",
    type=float,
    callback=positive,
    metavar="N",
    help="Stop after N seconds of sensor time.",
)
_READER = (
    click.option(
        "--link",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="Make this symbolic link to the port while it lasts.",
    ),
    click.option(
        "--wait",
        type=float,
        callback=positive,
        metavar="S",
        help="Give up when nobody opens it for S seconds.",
    ),
)


def recording_options(command: _Command) -> _Command:
    """The options that say what is played: data, data_format, input_units, subject, ..."""
    return _with(command, (_SENSOR_DATA, *_CHOICE, _SECONDS))


def test_set_options(command: _Command) -> _Command:
    """The same where the recordings are an addition: data is None without any; no seconds."""
    return _with(command, (_MORE_DATA, *_CHOICE))


def reader_options(command: _Command) -> _Command:
    """The options that say to whom: link and wait."""
    return _with(command, _READER)


def speed_option(command: _Command) -> _Command:
    """How fast: speed, 0 for as fast as the reader takes it."""
    return _SPEED(command)


def _with(command: _Command, options: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


class Chosen:
    """Iterating reads the recordings anew, through the twin if there is one.

    subject: None for all; position: the I-th of the subject's, from 0; rate_hz: of the twin.
    """

    def __init__(
        self,
        dataset: Dataset,
        subject: str | None,
        position: int | None,
        twin: SensorTwin | None = None,
        rate_hz: float = 50.0,
    ) -> None:
        self._dataset, self._subject, self._position = dataset, subject, position
        self._twin, self._rate_hz = twin, rate_hz

    def __str__(self) -> str:
        words = [str(self._dataset.name)]
        if self._subject is not None:
            words.append(f"subject {self._subject}")
        if self._position is not None:
            words.append(f"recording {self._position}")
        if self._twin is not None:
            words.append(f"through the sensor twin {self._twin}")
        return ", ".join(words)

    def __iter__(self) -> Iterator[Recording]:
        wanted: Iterable[Recording] = (
            recording for recording in self._dataset if self._subject in (None, recording.subject)
        )
        if self._position is not None:
            wanted = islice(wanted, self._position, self._position + 1)
        if self._twin is None:
            return iter(wanted)
        from wearkit.recordings.sensor_twin import through_twin

        return through_twin(wanted, self._twin, self._rate_hz)

    def check(self) -> None:
        """Raises DataError when there is nothing to play."""
        from wearkit.errors import DataError

        if next(iter(self), None) is None:
            raise DataError(
                f"There is no recording to play ({self}): `wearkit data info "
                f"{self._dataset.name}` lists what there is."
            )


def chosen_test_set(
    data: str | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
) -> Chosen | None:
    """The recordings that test_set_options name, None without --data. Raises DataError when there
    is nothing to play."""
    from wearkit.recordings.formats import open_dataset

    if data is None:
        if (data_format, input_units, subject, recording) != (None, None, None, None):
            raise click.UsageError(
                "--format, --input-units, --subject and --recording choose from --data: name it."
            )
        return None
    chosen = Chosen(open_dataset(data, format=data_format, units=input_units), subject, recording)
    chosen.check()
    return chosen


def reader_came(port: PseudoTerminal, stop: Callable[[], bool], wait_s: float | None) -> bool:
    """Say how to read the port and wait for it. False on `stop`; PortError when nobody came."""
    from wearkit.errors import PortError

    click.echo(f"Waiting for a reader: wearkit live --port {port.path}", err=True)
    if port.wait_for_reader(stop, wait_s):
        return True
    if stop():
        return False
    raise PortError(
        f"Nobody opened {port.path} within {wait_s:g} s: start wearkit live sooner, or leave "
        "out --wait."
    )
