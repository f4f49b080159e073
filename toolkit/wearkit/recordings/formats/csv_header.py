"""The lines of our CSV before its first row: comments with settings, and the column names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wearkit.errors import DataError
from wearkit.recordings.formats.text_rows import is_number
from wearkit.spec import MAX_TASK, is_task_name
from wearkit.units import Unit

NUMBERS = ("time", "x", "y", "z")
TEXTS = ("label", "placement", "subject")
DEFAULT_TASK = "activity"
_EXPECTED = "begin with 'time,x,y,z', then any of 'label', 'placement', 'subject'"
_SETTING = re.compile(r"\b(units|task|sensor)\s*=\s*(\S+)")


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """texts: the optional columns, in the file's order. width: how many columns in all."""

    texts: tuple[str, ...]
    unit: Unit
    task: str
    simulated: bool

    @property
    def width(self) -> int:
        """Columns in all: the four numbers, then the texts."""
        return len(NUMBERS) + len(self.texts)


class HeaderReader:
    """Fed line by line until the column names have come. units: the unit the user named."""

    def __init__(self, name: str, units: Unit | None) -> None:
        self._name, self._units = name, units
        self._settings: dict[str, str] = {}

    def push(self, line: str) -> CsvHeader | None:
        """The header once complete. Raises DataError when it cannot be used."""
        if "\x00" in line:
            raise DataError(
                f"{self._name} has no header line that can be read, for it is UTF-16 or no text "
                "at all: save it as UTF-8, which spreadsheets call 'CSV UTF-8'."
            )
        text = line.removeprefix("\ufeff").strip()
        if text.startswith("#"):
            self._settings.update(_SETTING.findall(text))
            return None
        return self._header(text) if text else None

    def missing(self) -> DataError:
        """The error for a file that ended before its header line."""
        return DataError(f"{self._name} holds no header line: {_EXPECTED}.")

    def _header(self, line: str) -> CsvHeader:
        columns = tuple(unquoted(field).lower() for field in line.split(","))
        texts = columns[len(NUMBERS) :]
        if is_number(columns[0]):
            raise DataError(f"{self._name} begins with numbers, not a header line: {_EXPECTED}.")
        if columns[: len(NUMBERS)] != NUMBERS or not set(texts) <= set(TEXTS):
            raise DataError(f"{self._name} has the header {line[:60]!r}: {_EXPECTED}.")
        if len(set(texts)) != len(texts):
            raise DataError(f"{self._name} has a column twice: {_EXPECTED}.")
        task = self._settings.get("task", DEFAULT_TASK)
        if not is_task_name(task):
            raise DataError(
                f"{self._name} says task={task[:40]!r}: a task is named by 1 to {MAX_TASK} ASCII "
                "letters, digits and _."
            )
        return CsvHeader(texts, self._unit(), task, self._settings.get("sensor") == "simulated")

    def _unit(self) -> Unit:
        stated = self._settings.get("units")
        if stated is None:
            if self._units is None:
                raise DataError(
                    f"{self._name} does not say what its numbers are in: put a line '# units=g' "
                    f"before the header, or give --units ({', '.join(Unit)})."
                )
            return self._units
        try:
            unit = Unit(stated)
        except ValueError:
            raise DataError(
                f"{self._name} says units={stated[:20]}; known are {', '.join(Unit)}."
            ) from None
        if self._units not in (None, unit):
            raise DataError(
                f"{self._name} says units={unit}, but {self._units} was asked for: leave one out."
            )
        return unit


def unquoted(field: str) -> str:
    """A field without the blanks and the one pair of double quotes around it."""
    return field.strip().removeprefix('"').removesuffix('"').strip()
