"""The same subjects' recordings as they are and through other sensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wearkit.errors import DataError

if TYPE_CHECKING:
    from wearkit.evaluation.evaluation import ModelResult
    from wearkit.recordings.formats import Dataset
    from wearkit.recordings.sensor_twin import SensorTwin
    from wearkit.spec import ModelSpec
    from wearkit.windows.window_set import WindowSet


def clean_and_twin(
    recordings: Dataset,
    windows: WindowSet,
    model: ModelSpec,
    twin: SensorTwin,
    score: Callable[[WindowSet], tuple[ModelResult, ...]],
) -> tuple[WindowSet, tuple[ModelResult, ...]]:
    """The windows with a note, and every model's result on them and on their twin's.

    windows: of `recordings`, as they are. score: a model set's results on windows.
    """
    from wearkit.recordings.sensor_twin import through_twin
    from wearkit.windows.cut import cut

    subjects = {windows.subjects[code] for code in np.unique(windows.subject)}
    rate_hz = model.window.rate_hz
    worn = cut(
        through_twin(recordings, twin, rate_hz, subjects=subjects), model.window, tasks=model.tasks
    )
    note = f"Rows named twin: {len(worn)} windows of the same people through a sensor twin, {twin}."
    twins = tuple(replace(result, name=f"{result.name}-twin") for result in score(worn))
    return replace(windows, notes=(*windows.notes, note)), (*score(windows), *twins)


def without(windows: WindowSet, familiar: tuple[str, ...]) -> WindowSet:
    """The windows of the others, with a note. familiar: subjects that the network knows.

    Raises DataError when there is nobody else.
    """
    if not familiar:
        return windows
    known = [windows.subjects.index(name) for name in familiar]
    keep = np.flatnonzero(~np.isin(windows.subject, known))
    if not len(keep):
        raise DataError(
            "The network was trained or chosen on all people of these recordings, by their names "
            f"or by what they recorded ({_listed(familiar)}): such scores say nothing of other "
            "people. Give --data with others; people who only have the same name need another."
        )
    note = (
        f"{len(familiar)} people that the network was trained or chosen on, by their names or by "
        f"what they recorded, were left out ({_listed(familiar)})."
    )
    return replace(windows.take(keep), notes=(*windows.notes, note))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
