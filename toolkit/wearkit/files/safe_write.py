"""Files that are either the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wearkit.errors import StorageError


@contextmanager
def replacing(path: Path, *, force: bool = True) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success fsync it and rename it onto `path`.

    On any error the temporary file is removed and an existing `path` is left as it was. force:
    whether a `path` that is there by then may be replaced.
    Raises StorageError when the file system refuses (disk full, no permission), or `path` is there
    and may not be replaced.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        os.fchmod(handle, 0o666 & ~_umask())
        os.close(handle)
        yield temporary
        _sync(temporary)
        _name(temporary, path, force)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _name(temporary: Path, path: Path, force: bool) -> None:
    if force:
        temporary.replace(path)
        return
    try:
        # Unlike a look before a rename this leaves no moment for another program's file to appear.
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise StorageError(f"{path} exists already: give another name, or add --force.") from error
    except OSError:  # a file system without hard links
        if path.exists():
            raise
        temporary.replace(path)


def require_writable(folder: Path) -> None:
    """See that files can be made in `folder`, which need not be there yet: better known before
    hours of work than after. Leaves nothing behind.

    Raises StorageError when they cannot (no permission, a read-only disk, a file in the way).
    """
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise StorageError(f"Cannot write {folder}: {error.strerror or error}.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """The whole file or none of it. Raises StorageError when it cannot be written."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Indented JSON with a closing newline; NaN and infinity are refused (ValueError)."""
    write_bytes(path, indented(value).encode())


def indented(value: Any) -> str:
    """The JSON text that write_json writes, with its closing newline."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
