"""A recording of `wearkit live --record` as CSV, NPZ or Parquet, complete or not at all.

The samples are decoded once, into a spool on the disk, and written from there a block at a time,
so that memory does not grow with the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from wearkit.capture.decode import CaptureSummary, RecordingDecoder
from wearkit.capture.sidecar import MAX_GAPS, clipped_samples, sidecar_path, sidecar_text
from wearkit.capture.spool import SampleSpool
from wearkit.counts import COUNTS_PER_G
from wearkit.errors import DataError, MissingToolError, StorageError
from wearkit.files.npz import ArrayPieces, write_npz_pieces
from wearkit.files.safe_write import replacing

FORMATS = (".csv", ".npz", ".parquet")
_PARQUET_ROWS = 1 << 16  # of a row group; with a million, as pyarrow chooses, memory grows


def convert(recording: Path, table: Path, *, force: bool = False) -> CaptureSummary:
    """Write `table`, by its suffix one of FORMATS, and its sidecar.

    CSV: time (s), x, y, z in counts. NPZ: time_s float64 (T,), counts int16 (T, 3), rate_hz.
    Parquet: time in s, x, y, z in g. force: replace what is there, but never the recording.
    Raises DataError for another suffix, a recording that is none or holds no sample,
    MissingToolError without pyarrow, StorageError when a file is there or cannot be written.
    """
    if table.suffix not in FORMATS:
        raise DataError(f"{table.name} must end with one of {', '.join(FORMATS)}.")
    if table.suffix == ".parquet":
        _require_pyarrow()
    decoder = RecordingDecoder(recording, max_gaps=MAX_GAPS)
    sidecar = sidecar_path(table)
    for path in (table, sidecar):
        _refuse_loss(recording, path, force)
    with SampleSpool(table.parent) as spool:
        for block in decoder.blocks():
            spool.append(block)
        if not len(spool):
            raise DataError("The recording holds no sample whose unit and columns are known.")
        summary = decoder.summary()
        # Both are complete before the first gets its name.
        with replacing(sidecar, force=force) as described:
            with replacing(table, force=force) as temporary:
                with temporary.open("wb") as stream:
                    _write(spool, summary, table.suffix, stream)
                clipped = clipped_samples(spool, summary.axes)
                text = sidecar_text(summary, clipped, recording.name, table.name, temporary)
                described.write_text(text, encoding="utf-8")
    return summary


def _refuse_loss(recording: Path, path: Path, force: bool) -> None:
    if not path.exists():
        return
    if path.samefile(recording):
        raise StorageError(f"{path} is the recording itself: give the table another name.")
    if not force:
        raise StorageError(f"{path} exists already: give another name, or add --force.")


def _write(spool: SampleSpool, summary: CaptureSummary, suffix: str, stream: BinaryIO) -> None:
    match suffix:
        case ".csv":
            stream.writelines(_csv(spool, simulated=summary.simulated))
        case ".npz":
            write_npz_pieces(stream, _arrays(spool, summary.rate_hz))
        case _:
            _write_parquet(spool, summary, stream)


def _csv(spool: SampleSpool, *, simulated: bool) -> Iterator[bytes]:
    """What wearkit train, simulate and data read, many lines at a time."""
    yield b"# units=counts%b\n" % (b" sensor=simulated" if simulated else b"")
    yield b"time,x,y,z\n"
    for block in spool.blocks():
        rows = zip(block.time_s.tolist(), block.counts.tolist(), strict=True)
        yield b"".join(b"%.6f,%d,%d,%d\n" % (time_s, *counts) for time_s, counts in rows)


def _arrays(spool: SampleSpool, rate_hz: float) -> dict[str, ArrayPieces]:
    size, rate = len(spool), np.array([rate_hz])
    times = (block.time_s for block in spool.blocks())
    counts = (block.counts for block in spool.blocks())
    return {
        "time_s": ArrayPieces(np.dtype(np.float64), (size,), times),
        "counts": ArrayPieces(np.dtype(np.int16), (size, 3), counts),
        "rate_hz": ArrayPieces(rate.dtype, rate.shape, [rate]),
    }


def _require_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingToolError(
            "Parquet needs pyarrow: pip install pyarrow, or convert to .csv or .npz."
        ) from error


def _write_parquet(spool: SampleSpool, summary: CaptureSummary, stream: BinaryIO) -> None:
    import pyarrow
    import pyarrow.parquet

    metadata = {"unit": "g", "rate_hz": summary.rate_hz, "simulated": summary.simulated}
    kinds = {"time": pyarrow.float64()} | dict.fromkeys("xyz", pyarrow.float32())
    schema = pyarrow.schema(list(kinds.items()), metadata={"wearkit": json.dumps(metadata)})
    with pyarrow.parquet.ParquetWriter(stream, schema) as writer:
        for block in spool.blocks(_PARQUET_ROWS):
            columns: dict[str, NDArray[np.floating]] = {"time": block.time_s}
            for k, axis in enumerate("xyz"):
                columns[axis] = block.counts[:, k].astype(np.float32) / np.float32(COUNTS_PER_G)
            writer.write_table(pyarrow.table(columns, schema))
