"""A whole file of numbers as one array, for formats whose rows carry no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.formats.text_rows import TOO_LONG, Lines, parse_rows

MAX_ROWS = 20_000_000


@dataclass(frozen=True, slots=True)
class FileTable:
    """values: (n, width) float64, finite. row: (n,) each row's number in the file, from 0, so
    that a row that could not be read keeps its place in time. dropped: those rows by reason."""

    values: NDArray[np.float64]
    row: NDArray[np.int64]
    rows_in_file: int
    dropped: Mapping[str, int]


def read_table(
    stream: IO[bytes], name: str, *, width: int, delimiter: str | None = None, ending: str = ""
) -> FileTable:
    """Every row of exactly `width` numbers. delimiter None: blanks; ending: cut off each line.

    Raises DataError for a file without a readable row, with over-long lines or too many rows.
    """
    lines = Lines(stream)
    values: list[NDArray[np.float64]] = []
    kept: list[NDArray[np.int64]] = []
    count = 0
    for block in lines:
        texts = [line.rstrip(" \t\r").removesuffix(ending) for line in block] if ending else block
        rows = parse_rows(texts, width=width, numbers=width, delimiter=delimiter)
        lines.dropped.update(rows.dropped)
        values.append(rows.values)
        kept.append(rows.kept + count)
        count += len(block)
        if count > MAX_ROWS:
            raise DataError(f"{name} has over {MAX_ROWS} rows: split it into smaller files.")
    if lines.dropped[TOO_LONG]:
        raise DataError(f"{name} is no text of numbers: copy the data set again.")
    row = np.concatenate([np.empty(0, np.int64), *kept])
    if not len(row):
        raise DataError(f"{name} holds no row of {width} numbers: copy the data set again.")
    dropped = dict(sorted((+lines.dropped).items()))
    return FileTable(np.concatenate(values), row, count, dropped)
