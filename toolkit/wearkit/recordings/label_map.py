"""Label maps: how the labels of several data sets become one list.

A TOML file with one table a data set, named by its format ("hapt", "wisdm-2019") or by the name
of its file or folder without suffixes:

    task = "activity"              # what the shared labels are labels of

    [hapt]                         # own label = shared label
    walking = "walking"
    walking_upstairs = "stairs"
    walking_downstairs = "stairs"

    [wisdm-2019]
    walking = "walking"
    stairs = "stairs"

Own labels that a table does not name are left out of training and tests, and counted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from wearkit.errors import DataError, printable
from wearkit.spec import MAX_TASK, is_task_name, is_text

BUILT_IN = ("dsads-hapt", "wisdm-hapt")
_FOLDER = Path(__file__).parent / "label_maps"
_MAX_BYTES = 64 << 10
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+/-]{0,63}")


@dataclass(frozen=True, slots=True)
class LabelMap:
    """sets: data set -> own label -> shared label. name: the file, or that of a built-in map."""

    name: str
    task: str
    sets: Mapping[str, Mapping[str, str]]

    @property
    def labels(self) -> tuple[str, ...]:
        """The shared labels, in the order in which they are first named."""
        return tuple(dict.fromkeys(to for table in self.sets.values() for to in table.values()))

    def table(self, key: str, format: str) -> Mapping[str, str]:
        """The table of a data set. Raises DataError when there is none."""
        for name in (key, format):
            if name in self.sets:
                return self.sets[name]
        raise DataError(
            f"The label map {self.name} has no table [{key}], only {', '.join(self.sets)}: add one."
        )

    def to_json(self) -> dict[str, Any]:
        """Name, task and tables, as a run keeps them."""
        return {
            "name": self.name,
            "task": self.task,
            "sets": {key: dict(table) for key, table in self.sets.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises AttributeError, KeyError or TypeError for what `to_json` does not give."""
        sets = {
            str(key): {str(own): str(shared) for own, shared in table.items()}
            for key, table in value["sets"].items()
        }
        return cls(str(value["name"]), str(value["task"]), sets)


def open_label_map(name: str) -> LabelMap:
    """A built-in map by its name, or a file.

    Raises DataError when there is none, or it is anything but what this module's page says.
    """
    path = _FOLDER / f"{name}.toml" if name in BUILT_IN else Path(name)
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"There is no label map {name} ({error.strerror or error}): name a TOML file or one "
            f"of {', '.join(BUILT_IN)}."
        ) from error
    if len(data) > _MAX_BYTES:
        raise DataError(f"{name} is over {_MAX_BYTES >> 10} KiB, which no label map is.")
    try:
        value = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not TOML, as a label map must be: {error}.") from error
    return _parsed(name, value)


def _parsed(name: str, value: dict[str, Any]) -> LabelMap:
    task = value.pop("task", "activity")
    if not isinstance(task, str) or not is_task_name(task):
        raise DataError(
            f"{name}: the task must be 1 to {MAX_TASK} ASCII letters, digits and _, not {task!r}."
        )
    for key, table in value.items():
        if not isinstance(table, dict) or not table:
            raise DataError(f'{name}: {key!r} must be a table [{key}] of lines own = "shared".')
        for own, shared in table.items():
            if not isinstance(shared, str) or not _NAME.fullmatch(shared):
                raise DataError(
                    f"{name}: [{key}] maps {own!r} to {shared!r}, which is no label: give letters, "
                    "digits and _ in quotes."
                )
        if not all(map(is_text, (key, *table))):
            raise DataError(f"{name}: [{key}] names a label that is not one printable line.")
    label_map = LabelMap(printable(name), task, value)
    if len(label_map.labels) < 2:
        raise DataError(f"{name} names {len(label_map.labels)} shared label(s): a task needs two.")
    return label_map
