"""A run folder belongs to one training at a time, and nothing in it is replaced unasked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wearkit.errors import StorageError
from wearkit.training import state
from wearkit.training.run import DESCRIPTION, FOLDS_SUMMARY, PATTERNS, fold_folder, holds_folds


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it until the end. What one that was killed
    left half written is removed. Ends with the process, however that ends.

    Raises StorageError when it cannot be made, or while another training is at work in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    try:
        _lock(handle, path)
        for pattern in PATTERNS:
            for half_written in path.glob(f".{pattern}.*.part"):
                half_written.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def replaced_by_a_run(path: Path) -> list[str]:
    """What a new run in this folder would replace or leave without a meaning, by name."""
    names = [file.name for pattern in PATTERNS for file in path.glob(pattern)]
    if (path / state.JSON_NAME).exists():
        names.append(state.JSON_NAME)
    if (path / FOLDS_SUMMARY).exists():
        names.append(FOLDS_SUMMARY)
    if holds_folds(path):
        names.append(fold_folder(path, 0).name)
    return sorted(names)


def refuse_to_replace_run(path: Path, *, force: bool) -> None:
    """Raises StorageError when anything is there that a run would replace, and `force` is not
    set: a run, the folds of one, an unfinished one, or a file that happens to have such a name."""
    there = replaced_by_a_run(path)
    if force or not there:
        return
    if state.JSON_NAME in there:
        raise StorageError(
            f"{path} holds an unfinished training: go on with `wearkit train --resume {path}`, or "
            "add --force to begin anew."
        )
    if DESCRIPTION in there or FOLDS_SUMMARY in there or holds_folds(path):
        raise StorageError(f"{path} exists already: give --out another name, or add --force.")
    raise StorageError(
        f"{path / there[0]} is there already and would be replaced: give --out another name, or "
        "add --force."
    )


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"Another training is at work in {path}: give --out another name, or wait for its end."
        ) from error
    except OSError:
        pass  # a file system without locks: two trainings in one folder stay two
