"""Calibration windows from a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.npz import read_npz

RUN_FILE = "calibration.npz"


def read_calibration(path: Path) -> NDArray[np.int16]:
    """The `counts` (N, length, 3) int16 of an .npz file, or of a run folder's calibration.npz.

    Raises DataError when there is no such file, ModelFileError when it holds something else.
    """
    file = path / RUN_FILE if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"There are no calibration windows at {file}: name a run of wearkit train, or an .npz "
            "with `counts` (N, 100, 3) int16."
        )
    return read_npz(file, {"counts": "int16"})["counts"]
