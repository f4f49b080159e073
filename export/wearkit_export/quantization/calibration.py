"""Calibration windows from a run, an .npz file, or recordings of any format wearkit reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.files.npz import read_npz
from wearkit.recordings.formats import open_dataset
from wearkit.spec import WindowSpec
from wearkit.training.run import CALIBRATION_WINDOWS
from wearkit.windows.sensor_counts import sensor_counts

RUN_FILE = "calibration.npz"


def read_calibration(path: Path, spec: WindowSpec) -> NDArray[np.int16]:
    """(N, length, 3) int16: the `counts` of an .npz file or of a run folder's calibration.npz,
    else up to 512 windows spread evenly over the recordings at `path`, labelled or not.

    Raises DataError when there is nothing to read there, ModelFileError for a damaged .npz.
    """
    if not path.exists():
        raise DataError(
            f"There are no calibration windows at {path}: name a run of wearkit train, an .npz "
            f"with `counts` (N, {spec.length}, 3) int16, or recordings."
        )
    file = path / RUN_FILE if path.is_dir() else path
    if file.is_file() and file.suffix == ".npz":
        return read_npz(file, {"counts": "int16"})["counts"]
    return _from_recordings(path, spec)


def _from_recordings(path: Path, spec: WindowSpec) -> NDArray[np.int16]:
    windows = [np.empty((0, spec.length, 3), np.int16)]
    for recording in open_dataset(path):
        for counts in sensor_counts(recording, spec):
            starts = np.arange(0, len(counts) - spec.length + 1, spec.hop)
            if len(starts):
                every = np.lib.stride_tricks.sliding_window_view(counts, spec.length, axis=0)
                windows.append(every[starts].transpose(0, 2, 1))
    all_windows = np.concatenate(windows)
    if not len(all_windows):
        raise DataError(f"{path} holds no stretch of {spec.length} samples to calibrate on.")
    chosen = np.linspace(0, len(all_windows) - 1, min(CALIBRATION_WINDOWS, len(all_windows)))
    return np.ascontiguousarray(all_windows[chosen.round().astype(np.int64)])
