"""Frames of another major version of `wearkit link`."""

from __future__ import annotations

from wearkit.errors import DataError


class ForeignFrames:
    """A fragment of one of our own frames may look like one of another version, once."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, *, has_own: bool = False) -> None:
        """Another one came. has_own: good frames of our version came too.

        Raises DataError at the second without any.
        """
        self._count += 1
        if self._count == 2 and not has_own:
            raise DataError(
                "The device speaks another major version of wearkit link than 1: update wearkit "
                "or the firmware."
            )
