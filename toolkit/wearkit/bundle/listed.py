"""The files of a bundle folder: plain, listed by its manifest, their bytes checked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from wearkit.errors import ModelFileError
from wearkit.files.limited import open_plain, stream_sha256

MAX_FILE_BYTES = 1 << 30
_PLAIN_NAME = re.compile(r"(c/(wk/)?)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FOLDERS = ("c", "c/wk")


def is_plain_name(name: str) -> bool:
    """Whether a manifest may list it: right in the folder, or in c/ or c/wk/."""
    return _PLAIN_NAME.fullmatch(name) is not None


def check_listed(folder: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Size and digest of a listed file, which may be large and is not kept.

    Raises ModelFileError when it is missing, a link, no plain file, too large or has changed.
    """
    path = _place(folder, name)
    try:
        with open_plain(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise ModelFileError(
                    f"{path} is larger than {MAX_FILE_BYTES} bytes and is not read."
                )
            same = size == entry.get("bytes") and stream_sha256(stream) == entry.get("sha256")
    except OSError as error:
        raise _incomplete(path, error) from error
    if not same:
        raise _changed(path)


def read_listed(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    """The very bytes whose digest was compared. Raises as `check_listed`."""
    path = _place(folder, name)
    try:
        with open_plain(path) as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _incomplete(path, error) from error
    if len(data) != entry.get("bytes") or hashlib.sha256(data).hexdigest() != entry.get("sha256"):
        raise _changed(path)
    return data


def unlisted(folder: Path, listed: Collection[str]) -> Iterator[str]:
    """What lies in the folder, in c/ or in c/wk/ beside the files named in `listed`, in order: of
    a folder that is not one of those, its name alone.

    Raises ModelFileError when a folder cannot be looked into.
    """
    for place in ("", *_FOLDERS):
        if place and (not (folder / place).is_dir() or (folder / place).is_symlink()):
            continue
        try:
            names = sorted(item.name for item in (folder / place).iterdir())
        except OSError as error:
            raise _incomplete(folder / place, error) from error
        for name in (f"{place}/{name}" if place else name for name in names):
            own_folder = name in _FOLDERS and (folder / name).is_dir()
            if name not in listed and (not own_folder or (folder / name).is_symlink()):
                yield name


def _place(folder: Path, name: str) -> Path:
    """Where a listed file lies. An export writes no links, and one leads out of the folder."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise ModelFileError(f"{path} is a link, and a bundle holds plain files: export again.")
    return path


def _incomplete(path: Path, error: OSError) -> ModelFileError:
    return ModelFileError(
        f"Cannot read {path} ({error.strerror or error}): the bundle is incomplete, export again."
    )


def _changed(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} has changed since the bundle was written (its SHA-256 differs): export again."
    )
