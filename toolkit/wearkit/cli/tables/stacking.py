"""A table where the terminal is wide enough, and each row as a block of lines where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from wearkit.errors import printable


@dataclass(frozen=True, slots=True)
class Column:
    """name: the header, with line breaks where it may break. words: text, set left, that breaks
    between words; otherwise a figure, set right, that is never broken."""

    name: str
    words: bool = False


class StackingTable:
    """Rows of text under columns. names: how many leading columns say what a row is about."""

    def __init__(self, title: str, *columns: Column, names: int = 1, caption: str = "") -> None:
        self._title, self._columns = printable(title), columns
        self._names, self._caption = names, caption
        self._rows: list[tuple[str, ...]] = []
        self._sections: list[int] = []

    def add_row(self, *cells: str) -> None:
        """A cell for each column. What is not printable in one is written out."""
        self._rows.append(tuple(map(printable, cells)))

    def add_section(self) -> None:
        """A line under the last row."""
        self._sections.append(len(self._rows) - 1)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        table = self._table()
        if Measurement.get(console, options.update(width=1000), table).minimum <= options.max_width:
            yield table
        else:
            yield from self._stacked()

    def _table(self) -> Table:
        table = Table(
            title=Text(self._title),
            title_justify="left",
            caption=Text(self._caption) if self._caption else None,
            caption_justify="left",
            box=SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
        )
        for number, column in enumerate(self._columns):
            table.add_column(
                Text(column.name),
                justify="left" if column.words else "right",
                no_wrap=not column.words,
                min_width=self._least_width(number),
            )
        for number, row in enumerate(self._rows):
            table.add_row(*map(Text, row), end_section=number in self._sections)
        return table

    def _least_width(self, number: int) -> int:
        """Of the longest part of a cell that must not be broken."""
        column = self._columns[number]
        pieces = column.name.splitlines()
        for row in self._rows:
            pieces += row[number].split() if column.words else [row[number]]
        return max(map(cell_len, pieces))

    def _stacked(self) -> Iterator[Text]:
        yield Text(self._title, style="italic")
        headers = [column.name.replace("\n", " ") for column in self._columns[self._names :]]
        width = max(map(len, headers), default=0)
        for row in self._rows:
            yield Text(" ".join(" ".join(row[: self._names]).split()), style="bold")
            for header, cell in zip(headers, row[self._names :], strict=True):
                if cell:
                    yield Text(f"  {header:<{width}}  {' '.join(cell.split())}")
        if self._caption:
            yield Text(self._caption)
