"""The cache of recordings as commands have it: on unless refused, and it says when it was used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wearkit.cli.terminal.line import note

if TYPE_CHECKING:
    from wearkit.windows.cache import DataCache

_REFUSED = f"{__name__}.refused"


def _refuse(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[_REFUSED] = value


# Kept in the context, not handed on: what is read from where is no option of a run.
NO_CACHE = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_refuse,
    help="Read the recordings anew; WEARKIT_CACHE= does so always.",
)


def told_cache() -> DataCache:
    """The user's own cache, telling on standard error; none under --no-cache."""
    from wearkit.windows.cache import default_cache

    refused = click.get_current_context().meta.get(_REFUSED, False)
    return default_cache(not refused, note)
