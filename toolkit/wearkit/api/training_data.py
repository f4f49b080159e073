"""The windows and the split that a TrainingRequest asks for."""

from __future__ import annotations

from wearkit.api.open_dataset import open_dataset
from wearkit.errors import DataError
from wearkit.recordings.sensor_twin import parse_twin
from wearkit.spec import WindowSpec
from wearkit.training.request import TrainingRequest
from wearkit.windows.augment import with_twin_copies
from wearkit.windows.cache import DataCache
from wearkit.windows.evaluation_protocol import cut_and_split
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


def training_windows(
    request: TrainingRequest, cache: DataCache | None = None
) -> tuple[WindowSet, Split]:
    """Windows and split of one fold, twin copies included.

    Raises DataError for data, labels or a twin that cannot be had, or a request for every fold.
    """
    if not isinstance(request.fold, int):
        raise DataError("Windows are cut for one fold: give its number.")
    twin = None if request.twin is None else parse_twin(request.twin)
    dataset = open_dataset(
        *request.data,
        format=request.data_format,
        units=request.units,
        label_map=request.label_map,
        cache=cache,
    )
    windows, split = cut_and_split(
        dataset,
        WindowSpec(rate_hz=request.rate_hz),
        request.split_name,
        fold=request.fold,
        folds=request.folds,
        seed=request.split_seed,
        gravity_check=request.gravity_check,
    )
    if request.task is not None:
        windows = windows.only(request.task)
    if twin is not None:
        windows, split = with_twin_copies(windows, split, dataset, twin, request.twin_copies)
    return windows, split
