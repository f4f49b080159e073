"""The recordings a command plays, by subject and position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wearkit.readers import Dataset
    from wearkit.recording import Recording
    from wearkit.sensor_twin import SensorTwin


class Chosen:
    """Iterating reads the recordings anew. subject: None for all; position: the I-th, from 0;
    twin: None for the recordings as they are."""

    def __init__(
        self,
        dataset: Dataset,
        subject: str | None,
        position: int | None,
        twin: SensorTwin | None = None,
    ) -> None:
        self._dataset, self._subject, self._position = dataset, subject, position
        self._twin = twin

    def __str__(self) -> str:
        what = [str(self._dataset.name)]
        if self._subject is not None:
            what.append(f"subject {self._subject}")
        if self._position is not None:
            what.append(f"recording {self._position}")
        if self._twin is not None:
            what.append(f"through the sensor twin {self._twin}")
        return ", ".join(what)

    def __iter__(self) -> Iterator[Recording]:
        wanted: Iterable[Recording] = (
            one for one in self._dataset if self._subject in (None, one.subject)
        )
        if self._position is not None:
            wanted = islice(wanted, self._position, self._position + 1)
        if self._twin is None:
            return iter(wanted)
        from wearkit.cut import DEFAULT_SPEC
        from wearkit.twin_recordings import through_twin

        return through_twin(wanted, self._twin, DEFAULT_SPEC.rate_hz)

    def check(self) -> None:
        """Raises DataError when there is nothing to play."""
        from wearkit.errors import DataError

        if next(iter(self), None) is None:
            raise DataError(
                f"There is no recording to play ({self}): `wearkit data info "
                f"{self._dataset.name}` lists what there is."
            )
