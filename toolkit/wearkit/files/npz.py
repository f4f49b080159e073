"""Reading .npz archives that may come from anywhere: no pickle, nothing copied before it is
checked, nothing that unpacks to more than it says."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.files.limited import read_limited
from wearkit.files.safe_write import replacing

MAX_ARRAY_BYTES = 256 << 20
MAX_FILE_BYTES = 1 << 30
UNREADABLE = "Cannot read {path}: {reason}."
ENCRYPTED = 0x1  # of a zip member's flags
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([|<](?:[iuf][1248]|U[0-9]{1,4}))', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,10}, ?){0,7}[0-9]{0,10})\), \} *\n"
)
TEXT = "text"  # the type of an array of strings in `read_npz`


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a compressed archive; the same arrays always give the same bytes.

    Raises ValueError for arrays of objects, which numpy would pickle.
    """
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("only plain arrays can be written")
    with replacing(path) as temporary, temporary.open("wb") as stream:
        # Arrays alone: numpy before 2.1 takes allow_pickle for the name of one more.
        named: dict[str, Any] = dict(arrays)
        np.savez_compressed(stream, **named)


@dataclass(frozen=True, slots=True)
class ArrayPieces:
    """An array that need not be in memory as a whole. pieces: along its first axis, in order."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[NDArray[Any]]


def write_npz_pieces(stream: BinaryIO, arrays: Mapping[str, ArrayPieces]) -> None:
    """The archive that write_npz would write, byte for byte, without its arrays in memory.

    Raises ValueError for arrays of objects, which numpy would pickle.
    """
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("only plain arrays can be written")
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                described = {
                    "descr": np.lib.format.dtype_to_descr(array.dtype),
                    "fortran_order": False,
                    "shape": array.shape,
                }
                np.lib.format.write_array_header_1_0(member, described)
                for piece in array.pieces:
                    member.write(piece.tobytes())


def read_npz(path: Path, types: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Exactly the arrays named in `types` (name -> dtype name, or TEXT).

    Raises ModelFileError when the file is missing, damaged, holds other arrays or types, or an
    array is larger than MAX_ARRAY_BYTES. Shapes are for the caller to check.
    """
    return parse_npz(path, read_limited(path, MAX_FILE_BYTES, UNREADABLE), types)


def parse_npz(path: Path, data: bytes, types: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """As `read_npz` of a file that is read already. path: its name, for the sentence."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {item.filename: item for item in archive.infolist()}
            twice = len(members) != len(archive.infolist())
            if twice or set(members) != {f"{name}.npy" for name in types}:
                raise ModelFileError(f"{path} holds other arrays than a file of its name should.")
            return {
                name: _array(path, archive, members[f"{name}.npy"], dtype)
                for name, dtype in types.items()
            }
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise ModelFileError(f"{path} is truncated or damaged: {error}.") from error


def _array(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo, dtype: str) -> NDArray[Any]:
    if item.flag_bits & ENCRYPTED or item.compress_type not in METHODS:
        raise ValueError(f"{item.filename} is encrypted or packed in an unusual way")
    if item.file_size > MAX_ARRAY_BYTES:
        raise ModelFileError(f"{path}: {item.filename} is larger than {MAX_ARRAY_BYTES} bytes.")
    with archive.open(item) as stream:
        # zipfile itself stops a member at the size it declares.
        data = stream.read(item.file_size)
    stored_dtype, shape, begin = _header(data)
    fits = stored_dtype.kind == "U" if dtype == TEXT else stored_dtype == np.dtype(dtype)
    if not fits or math.prod(shape) * stored_dtype.itemsize != len(data) - begin:
        raise ValueError(f"{item.filename} is {stored_dtype} of shape {shape}, which does not fit")
    return np.frombuffer(data, stored_dtype, math.prod(shape), begin).reshape(shape)


def _header(data: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, shape and where the numbers begin. numpy's own reader evaluates this header as Python
    text and mends what it cannot; here it is what numpy writes, for rows of plain types."""
    size = int.from_bytes(data[8:10], "little")
    match = _HEADER.fullmatch(data[10 : 10 + size])
    if not data.startswith(_MAGIC) or match is None:
        raise ValueError("the header of an array does not fit plain numbers")
    shape = tuple(int(extent) for extent in match.group(2).replace(b",", b" ").split())
    return np.dtype(match.group(1).decode()), shape, 10 + size
