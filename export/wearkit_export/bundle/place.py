"""Putting a bundle in place: whole or not at all, and never over what no export wrote."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wearkit.bundle.bundle import MANIFEST
from wearkit.bundle.listed import check_listed, is_plain_name, unlisted
from wearkit.errors import ModelFileError, StorageError
from wearkit.files.limited import MAX_JSON_BYTES, read_limited
from wearkit.files.strict_json import parse_json

_FRESH, _OLD = "new", "old"


@contextmanager
def replacing_bundle(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` and, when all went well, put it in the place of `out`.

    An older bundle stays until then. What exports to `out` that were killed left beside it is
    removed first, and an older bundle that one of them had just taken away is put back.
    Raises StorageError when the disk refuses or when anything at `out` is not as an export wrote
    it: files of the user, and files of the bundle that were edited.
    """
    if out.is_symlink():
        out = out.resolve()  # the user's link stays, and leads to the new bundle
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clean_up_after_kills(out)
        _refuse_foreign(out)
        began_with = _identity(out)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        mine = _locked(scratch)
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    try:
        fresh, old = scratch / _FRESH, scratch / _OLD
        fresh.mkdir()
        yield fresh
        # Again: an export takes a while.
        _refuse_foreign(out)
        if _identity(out) != began_with:
            raise StorageError(
                f"Another export wrote {out} meanwhile: look at it, or export again with --force."
            )
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if mine is not None:
            os.close(mine)


def _refuse_foreign(out: Path) -> None:
    """Raises StorageError for the first thing at `out` that no export wrote."""
    foreign = _foreign(out)
    if foreign is not None:
        path, reason = foreign
        raise StorageError(
            f"{path} {reason} and would be lost: move it, or name another folder with --out."
        )


def _identity(out: Path) -> bytes | None:
    """What tells one bundle in this place from another; None where there is none."""
    try:
        return read_limited(out / MANIFEST, MAX_JSON_BYTES)
    except ModelFileError:
        return None


def _foreign(out: Path) -> tuple[Path, str] | None:
    """Something that replacing `out` would destroy, and why. A bundle's own manifest says
    what the export wrote."""
    strange = "was not written by an export"
    if not out.is_dir():
        return (out, strange) if out.exists() or out.is_symlink() else None
    try:
        manifest = parse_json(read_limited(out / MANIFEST, MAX_JSON_BYTES))
        listed = {name: dict(entry) for name, entry in manifest["files"].items()}
        listed = {name: entry for name, entry in listed.items() if is_plain_name(name)}
    except (AttributeError, KeyError, TypeError, ValueError, ModelFileError):
        listed = {}
    for name in unlisted(out, {*listed, MANIFEST} if listed else ()):
        return out / name, strange
    for name, entry in listed.items():
        if not (out / name).exists():
            continue
        try:
            check_listed(out, name, entry)
        except ModelFileError:
            return out / name, "was changed since it was exported"
    return None


def _clean_up_after_kills(out: Path) -> None:
    """Scratch folders of exports to `out` that are no longer at work."""
    name = re.compile(rf"\.{re.escape(out.name)}\.[a-z0-9_]{{8}}\.part")
    for left in sorted(path for path in out.parent.iterdir() if name.fullmatch(path.name)):
        if left.is_symlink() or not {item.name for item in left.iterdir()} <= {_FRESH, _OLD}:
            continue
        lock = _locked(left)
        if lock is None:
            continue  # its export is still at work, or the file system knows no locks
        try:
            if (left / _OLD).is_dir() and not out.exists():
                (left / _OLD).rename(out)
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A handle that holds the folder for this process as long as it lives; None if another has
    it."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
