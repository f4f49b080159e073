"""A recording of `wearkit live --record` as CSV, NPZ or Parquet, complete or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.capture.decode import Capture, csv_lines
from wearkit.errors import DataError, MissingToolError
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import replacing

FORMATS = (".csv", ".npz", ".parquet")


def write_converted(samples: Capture, path: Path) -> None:
    """Write by the suffix of `path`, one of FORMATS; an existing file is replaced.

    CSV: time (s), x, y, z in counts. NPZ: time_s float64 (T,), counts int16 (T, 3), rate_hz.
    Parquet: time in s, x, y, z in g. Raises DataError for another suffix or without samples,
    MissingToolError without pyarrow, StorageError when it cannot be written.
    """
    if path.suffix not in FORMATS:
        raise DataError(f"{path.name} must end with one of {', '.join(FORMATS)}.")
    if not len(samples.counts):
        raise DataError("The recording holds no sample whose unit and columns are known.")
    if path.suffix == ".npz":
        rate = np.array([samples.rate_hz])
        write_npz(path, {"time_s": samples.time_s, "counts": samples.counts, "rate_hz": rate})
    elif path.suffix == ".parquet":
        _write_parquet(samples, path)
    else:
        with replacing(path) as temporary, temporary.open("wb") as stream:
            stream.writelines(csv_lines(samples))


def _write_parquet(samples: Capture, path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingToolError(
            "Parquet needs pyarrow: pip install pyarrow, or convert to .csv or .npz."
        ) from error
    columns: dict[str, NDArray[np.floating]] = {"time": samples.time_s}
    columns |= {axis: samples.acc_g[:, k] for k, axis in enumerate("xyz")}
    table = pyarrow.table(columns)
    metadata = {"unit": "g", "rate_hz": samples.rate_hz, "simulated": samples.simulated}
    table = table.replace_schema_metadata({"wearkit": json.dumps(metadata)})
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(table, temporary)
