"""Reading .npz archives that may come from anywhere: no pickle, nothing copied before it is
checked, nothing that unpacks to more than it says."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.safe_write import replacing

MAX_ARRAY_BYTES = 256 << 20
TEXT = "text"  # the type of an array of strings in `read_npz`


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a compressed archive; the same arrays always give the same bytes."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_npz(path: Path, types: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Exactly the arrays named in `types` (name -> dtype name, or TEXT).

    Raises ModelFileError when the file is missing, damaged, holds other arrays or types, or an
    array is larger than MAX_ARRAY_BYTES. Shapes are for the caller to check.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {item.filename: item for item in archive.infolist()}
            if set(members) != {f"{name}.npy" for name in types}:
                raise ModelFileError(f"{path} holds other arrays than a file of its name should.")
            return {
                name: _array(path, archive, members[f"{name}.npy"], dtype)
                for name, dtype in types.items()
            }
    except OSError as error:
        raise ModelFileError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise ModelFileError(f"{path} is truncated or damaged: {error}.") from error


def _array(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo, dtype: str) -> NDArray[Any]:
    if item.file_size > MAX_ARRAY_BYTES:
        raise ModelFileError(f"{path}: {item.filename} is larger than {MAX_ARRAY_BYTES} bytes.")
    with archive.open(item) as stream:
        # zipfile itself stops a member at the size it declares.
        data = io.BytesIO(stream.read(item.file_size))
    if npy.read_magic(data) != (1, 0):
        raise ValueError(f"{item.filename} has an unknown version")
    shape, columns_first, found = npy.read_array_header_1_0(data)
    fits = found.kind == "U" if dtype == TEXT else found == np.dtype(dtype)
    size = math.prod(shape) * found.itemsize
    if not fits or columns_first or size != item.file_size - data.tell():
        raise ValueError(f"{item.filename} is {found} of shape {shape}, which does not fit")
    return np.frombuffer(data.getvalue(), found, math.prod(shape), data.tell()).reshape(shape)
