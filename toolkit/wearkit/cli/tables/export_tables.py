"""Tables of `wearkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wearkit.cli.tables.stacking import Column, StackingTable

if TYPE_CHECKING:
    from wearkit_export.bundle.import_report import ImportedReport
    from wearkit_export.bundle.report import Report


def file_table(path: Path) -> StackingTable:
    """The files of a bundle; a folder counts as one."""
    table = StackingTable("Files", Column("file", words=True), Column("bytes"))
    for item in sorted(path.iterdir()):
        files = sorted(item.rglob("*")) if item.is_dir() else [item]
        size = sum(file.stat().st_size for file in files if file.is_file())
        table.add_row(f"{item.name}/" if item.is_dir() else item.name, f"{size:,}")
    return table


def equality_table(report: Report | ImportedReport) -> StackingTable:
    """How many int8 values each runtime computed otherwise than the reference."""
    matched = all(row.must_match for row in report.run)
    table = StackingTable(
        f"int8 values that differ from the integer reference, {report.compared} windows",
        Column("runtime", words=True),
        Column("rounds as", words=True),
        *map(Column, ("windows", "differing", "max", "flips")),
        caption="" if matched else "* compared with tflm, to show what a rounding of its own does",
    )
    for row in report.run:
        agreement = row.agreement
        table.add_row(
            f"{row.runtime}\n{row.version}",
            row.family if row.must_match else f"{row.family} *",
            str(agreement.windows),
            str(agreement.differing),
            str(agreement.max_lsb),
            str(sum(agreement.argmax_flips.values())),
        )
    return table
