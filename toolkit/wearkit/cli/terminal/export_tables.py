"""Tables of `wearkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from wearkit_export.bundle.import_report import ImportedReport
    from wearkit_export.bundle.report import Report


def file_table(path: Path) -> Table:
    """The files of a bundle; a folder counts as one."""
    table = Table(title="Files", title_justify="left")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    for item in sorted(path.iterdir()):
        files = sorted(item.rglob("*")) if item.is_dir() else [item]
        size = sum(file.stat().st_size for file in files if file.is_file())
        table.add_row(f"{item.name}/" if item.is_dir() else item.name, f"{size:,}")
    return table


def equality_table(report: Report | ImportedReport) -> Table:
    """How many int8 values each runtime computed otherwise than the reference."""
    title = f"int8 values that differ from the integer reference, {report.compared} windows"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("runtime")
    table.add_column("rounds as")
    for column in ("windows", "differing", "max", "flips"):
        table.add_column(column, justify="right")
    for row in report.run:
        found = row.agreement
        table.add_row(
            Text(f"{row.runtime}\n{row.version}"),
            row.family if row.must_match else f"{row.family} *",
            str(found.windows),
            str(found.differing),
            str(found.max_lsb),
            str(sum(found.argmax_flips.values())),
        )
    if not all(row.must_match for row in report.run):
        table.caption = "* compared with tflm, to show what a rounding of its own does"
        table.caption_justify = "left"
    return table
