"""What was once read from recordings and cut into windows, kept for the next time.

An entry's key is the digest of the recordings' bytes, of what was asked for (format, units,
window, cutter, tasks) and of the code that answers, so an entry is never out of date: it is
found or it is not. What comes from the cache is bit for bit what comes from the recordings.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wearkit.errors import DataError, StorageError
from wearkit.recordings.archives.content import Content, content_of
from wearkit.recordings.formats import POSTURE_SIM, Dataset, open_dataset
from wearkit.recordings.info import DataInfo, describe
from wearkit.recordings.recording import Recording
from wearkit.spec import TaskSpec, WindowSpec, canonical_json
from wearkit.windows.cache_folder import CacheFolder, Entry
from wearkit.windows.code_digest import code_sha256
from wearkit.windows.cut import cut
from wearkit.windows.paper_split import cut_stream
from wearkit.windows.window_set import WindowSet

ENVIRONMENT = "WEARKIT_CACHE"
_CODE = "windows.cache"  # this module, from which all that has a say in a result is imported
_Result = TypeVar("_Result")


def _silent(text: str) -> None:
    pass


def default_cache(
    use: bool = True,
    say: Callable[[str], None] = _silent,
    environment: Mapping[str, str] = os.environ,
) -> DataCache:
    """The user's own: $WEARKIT_CACHE (empty: none), else $XDG_CACHE_HOME/wearkit, else
    ~/.cache/wearkit. use False: none."""
    folder = _folder(environment) if use else None
    return DataCache(None if folder is None else CacheFolder(folder), say)


class DataCache:
    """folder None: nothing is kept, everything is read. say: is told, in a sentence, when the
    cache was used or could not be written."""

    def __init__(
        self, folder: CacheFolder | None = None, say: Callable[[str], None] = _silent
    ) -> None:
        self._folder, self.say = folder, say

    def open(
        self, source: str | Path, *, format: str | None = None, units: str | None = None
    ) -> Dataset:
        """As `open_dataset`. What `cached_cut` and its like make of the data set is kept here."""
        content = self._content(source)
        if self._folder is None or content is None:
            return open_dataset(source, format=format, units=units)
        reading = _Reading(self, self._folder, str(source), format, units, content)
        key, entry = reading.find({"what": "opened"})
        if entry is not None:
            facts, name = entry.value, str(Path(source))
            return Dataset(
                name, facts["format"], facts["simulated"], reading, tuple(facts["notes"])
            )
        dataset = reading.open()
        facts = {"format": dataset.format, "simulated": dataset.simulated, "notes": dataset.notes}
        reading.keep(key, Entry(facts, {}))
        return replace(dataset, recordings=reading)

    def _content(self, source: str | Path) -> Content | None:
        path = Path(source)
        if self._folder is None or str(source) == POSTURE_SIM:
            return None
        try:
            code_sha256(_CODE)
            return content_of(path) if path.is_file() or path.is_dir() else None
        except (OSError, DataError):
            return None  # `open_dataset` says what is wrong with it


@dataclass(slots=True)
class _Reading:
    """The recordings of a source on disk, opened when they are first asked for.

    The cache knows a data set by this being its `recordings`: one whose recordings were changed
    on the way (filtered, moved to another sensor) has lost it and is never mistaken for another.
    """

    cache: DataCache
    folder: CacheFolder
    source: str
    format: str | None
    units: str | None
    content: Content
    opened: Dataset | None = None

    def __call__(self) -> Iterator[Recording]:
        return self.open().recordings()

    def open(self) -> Dataset:
        if self.opened is None:
            self.opened = open_dataset(self.source, format=self.format, units=self.units)
        return self.opened

    def find(self, request: Mapping[str, Any]) -> tuple[str, Entry | None]:
        """The key of what is asked of these recordings, and the entry under it."""
        whole = {
            "content": self.content.sha256,
            "format": self.format,
            "units": self.units,
            "code": code_sha256(_CODE),
            "numpy": np.__version__,
            "machine": platform.machine(),
            **request,
        }
        key = hashlib.sha256(canonical_json(whole)).hexdigest()
        return key, self.folder.get(key)

    def keep(self, key: str, entry: Entry) -> None:
        """Whatever goes wrong here, the result is there and the work goes on."""
        try:
            if self.content.is_unchanged():
                self.folder.put(key, entry)
        except (OSError, DataError):
            return  # the recordings went away: there is nothing to keep it for
        except StorageError as error:
            self.cache.say(f"Going on without the cache: {error}")


def cached_cut(
    dataset: Dataset,
    spec: WindowSpec,
    *,
    tasks: tuple[TaskSpec, ...] | None = None,
    gravity_check: bool = False,
) -> WindowSet:
    """As `wearkit.windows.cut.cut`; from the cache where the data set was opened by one."""
    wanted = None if tasks is None else [task.to_json() for task in tasks]
    request = {
        "what": "windows", "spec": spec.to_json(), "tasks": wanted, "gravity": gravity_check
    }  # fmt: skip
    return _cached(
        dataset,
        request,
        lambda: cut(dataset, spec, tasks=tasks, gravity_check=gravity_check),
        _entry_of,
        _windows_of,
    )


def cached_stream(dataset: Dataset, spec: WindowSpec, *, gravity_check: bool = False) -> WindowSet:
    """As `wearkit.windows.paper_split.cut_stream`; from the cache where there is one."""
    request = {"what": "stream", "spec": spec.to_json(), "gravity": gravity_check}
    return _cached(
        dataset,
        request,
        lambda: cut_stream(dataset, spec, gravity_check=gravity_check),
        _entry_of,
        _windows_of,
    )


def cached_description(dataset: Dataset) -> DataInfo:
    """As `wearkit.recordings.info.describe`; from the cache where there is one."""
    info = _cached(
        dataset,
        {"what": "description"},
        lambda: describe(dataset),
        lambda description: Entry(description.to_json(), {}),
        lambda entry: DataInfo.from_json(entry.value),
    )
    return replace(info, name=dataset.name)


def _cached(
    dataset: Dataset,
    request: Mapping[str, Any],
    make: Callable[[], _Result],
    pack: Callable[[_Result], Entry],
    unpack: Callable[[Entry], _Result],
) -> _Result:
    reading = dataset.recordings
    if not isinstance(reading, _Reading):
        return make()
    key, entry = reading.find(request)
    if entry is not None:
        reading.cache.say(
            f"Using the {request['what']} cached in {reading.folder.path}; --no-cache reads the "
            "recordings anew."
        )
        return unpack(entry)
    result = make()
    reading.keep(key, pack(result))
    return result


def _folder(environment: Mapping[str, str]) -> Path | None:
    chosen = environment.get(ENVIRONMENT)
    if chosen is not None:
        return Path(chosen) if chosen else None
    base, home = (Path(environment.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))
    if base.is_absolute():
        return base / "wearkit"
    return home / ".cache" / "wearkit" if home.is_absolute() else None


def _entry_of(windows: WindowSet) -> Entry:
    value = {
        "spec": windows.spec.to_json(),
        "tasks": [task.to_json() for task in windows.tasks],
        "subjects": windows.subjects,
        "simulated": windows.simulated,
        "rejected": dict(windows.rejected),
        "dropped": dict(windows.dropped),
        "notes": windows.notes,
    }
    arrays = {name: getattr(windows, name) for name in ("counts", "subject", "run", "start")}
    arrays |= {f"target {name}": codes for name, codes in windows.targets.items()}
    return Entry(value, arrays)


def _windows_of(entry: Entry) -> WindowSet:
    value, arrays = entry.value, entry.arrays
    tasks = tuple(TaskSpec.from_json(task) for task in value["tasks"])
    return WindowSet(
        spec=WindowSpec.from_json(value["spec"]),
        tasks=tasks,
        counts=arrays["counts"],
        targets={task.name: arrays[f"target {task.name}"] for task in tasks},
        subjects=tuple(value["subjects"]),
        subject=arrays["subject"],
        run=arrays["run"],
        start=arrays["start"],
        simulated=value["simulated"],
        rejected=value["rejected"],
        dropped=value["dropped"],
        notes=tuple(value["notes"]),
    )
