"""The cache of recordings as commands have it: on unless refused, and it says when it was used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wearkit.data_cache import DataCache

NO_CACHE = click.option(
    "--no-cache", is_flag=True, help="Read the recordings anew; WEARKIT_CACHE= does so always."
)


def told_cache(no_cache: bool) -> DataCache:
    """The user's own cache, telling on standard error."""
    from wearkit.data_cache import default_cache

    return default_cache(not no_cache, lambda text: click.echo(text, err=True))
