"""What `wearkit live` and `wearkit verify` share: the port, how it is opened, where proofs go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

from wearkit.errors import DataError

Baud = int | Literal["auto"]
BAUD = 115200  # wearkit.link.ports.serial_port.BAUD, spelled out so that --help imports nothing
AUTO: Literal["auto"] = "auto"
CERTIFICATE = "equivalence.json"  # unless --certificate names another
_LOWEST = 50

_Command = TypeVar("_Command", bound=Callable[..., Any])


def baud_rate(_context: click.Context, _parameter: click.Parameter, value: str) -> Baud:
    """A rate, or AUTO."""
    if value == AUTO:
        return AUTO
    if not value.isascii() or not value.isdigit() or not _LOWEST <= int(value[:9]):
        raise click.BadParameter(f"{value!r} is no rate: give a number from {_LOWEST} on, or auto.")
    return int(value[:9])


def no_nan(
    _context: click.Context, _parameter: click.Parameter, value: float | None
) -> float | None:
    """click's ranges let nan pass, which no comparison with a clock would ever end."""
    if value is not None and value != value:
        raise click.BadParameter("give a number.")
    return value


def bytes_to_send(_context: click.Context, _parameter: click.Parameter, value: str | None) -> bytes:
    """The bytes of a text with escapes; none where it was not given."""
    if value is None:
        return b""
    from wearkit.link.ports.question import question_bytes

    try:
        return question_bytes(value)
    except DataError as error:
        raise click.BadParameter(str(error)) from None


def port_options(command: _Command) -> _Command:
    """The options port, baud, wait, no_dtr and send."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--port",
        required=True,
        metavar="URL",
        help="A device such as /dev/ttyUSB0, or a pyserial URL such as socket://host:port.",
    ),
    click.option(
        "--baud",
        callback=baud_rate,
        default=str(BAUD),
        show_default=True,
        metavar="N|auto",
        help="auto listens at the common rates, one after the other.",
    ),
    click.option("--wait", is_flag=True, help="Wait for a port that is not there yet."),
    click.option("--no-dtr", is_flag=True, help="Leave DTR low, which would reset many boards."),
    click.option(
        "--send",
        callback=bytes_to_send,
        metavar="TEXT",
        help=r"Send this when the port is opened, to a board that waits for it; \n is a line end.",
    ),
)


def say_rate(rate: int) -> None:
    """Which rate --baud auto found."""
    click.echo(f"Baud rate: {rate}, where what comes can be read.", err=True)
