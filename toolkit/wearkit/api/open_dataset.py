"""open_dataset(): recordings on disk, or the built-in simulator."""

from __future__ import annotations

from pathlib import Path

from wearkit.errors import DataError
from wearkit.recordings.combined import combined
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.label_map import open_label_map
from wearkit.windows.cache import DataCache, default_cache


def open_dataset(
    *sources: str | Path,
    format: str | None = None,
    units: str | None = None,
    label_map: str | Path | None = None,
    cache: DataCache | None = None,
) -> Dataset:
    """Recordings: a folder, a file or an archive of them, or "posture-sim".

    format: its name, where it is not recognised. units: g, mg, m/s2 or counts, where the data
    does not say. label_map: which labels of several sources are the same; several need one.
    cache: where figures and windows are kept (WEARKIT_CACHE); the user's own by default.
    Iterating the data set reads its Recordings, one in memory at a time: `acc_g` (T, 3) float32
    in g, `time_s` (T,) float64, subject, placement, labels.

    Raises DataError for anything that cannot be read or believed.

    >>> len({recording.subject for recording in wk.open_dataset("recordings/")})
    5
    """
    if not sources:
        raise DataError("Name a recording, a folder or an archive of recordings, or posture-sim.")
    if len(sources) > 1 and label_map is None:
        raise DataError(
            "Several data sets need a label map, which says which of their labels are the same."
        )
    cache = default_cache() if cache is None else cache
    datasets = [cache.open(source, format=format, units=units) for source in sources]
    if label_map is None:
        return datasets[0]
    return combined(datasets, open_label_map(str(label_map)))
