"""The tables `wearkit profile` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from wearkit.cli.tables.stacking import Column, StackingTable

if TYPE_CHECKING:
    from wearkit_export.profile.cycles import Cycles
    from wearkit_export.profile.profile import Profile


def tables(found: Profile) -> Iterator[StackingTable | Text]:
    """Layers, memory, parts, each followed by what its figures rest on."""
    from wearkit_export.profile.report import cycle_basis

    yield _layers(found)
    yield Text(
        f"Instructions are exact: {found.emulator}, {found.compiler}, {' '.join(found.flags)}; "
        f"all {found.windows_equal} windows equal the integer reference.",
        style="dim",
    )
    yield Text(cycle_basis(found), style="dim")
    if found.native_ms is not None:
        yield Text(f"Measured on this computer: {found.native_ms:.3f} ms per window.")
    yield _memory(found)
    yield _parts(found)
    yield Text("* sized as built for the target above, not for the part's own core", style="dim")


def _layers(found: Profile) -> StackingTable:
    figures = ("MACs", "instructions", "per\nMAC", "cycles\n(est.)", "ms\n(est.)")
    title = f"One window at {found.clock_mhz:g} MHz"
    table = StackingTable(title, Column("layer", words=True), *map(Column, figures))
    for layer in found.layers:
        row = _costs(found, layer.macs, layer.instructions, layer.cycles)
        table.add_row(layer.name, *row)
    table.add_section()
    table.add_row("all", *_costs(found, found.macs, found.instructions, found.cycles))
    return table


def _costs(
    found: Profile, macs: int | None, instructions: int, cycles: Cycles | None
) -> tuple[str, str, str, str, str]:
    return (
        f"{macs:,}" if macs else "",
        f"{instructions:,}",
        f"{instructions / macs:.2f}" if macs else "",
        f"{cycles.typical:,}" if cycles else "",
        f"{found.ms(cycles.typical):.3f}" if cycles else "",
    )


def _memory(found: Profile) -> StackingTable:
    memory = found.memory
    words = Column("memory", words=True), Column("bytes"), Column("of which", words=True)
    table = StackingTable("Memory", *words)
    flash = (
        f"code {memory.code_bytes:,}, tables {memory.tables_bytes:,}"
        f"{' (external)' if memory.external else ''}, compiler's runtime {memory.runtime_bytes:,}"
    )
    ram = (
        f"arena {memory.arena_bytes:,}, input {memory.input_bytes:,}, logits "
        f"{memory.logits_bytes:,}, variables {memory.data_bytes + memory.bss_bytes:,}"
    )
    table.add_row("flash", f"{memory.flash_bytes:,}", flash)
    table.add_row("RAM", f"{memory.ram_bytes:,}", ram)
    table.add_row("stack", f"{found.stack_bytes:,}", "deepest byte written, measured")
    return table


def _parts(found: Profile) -> StackingTable:
    named = Column("part", words=True), Column("core", words=True), Column("fits", words=True)
    table = StackingTable("Parts", *named, Column("flash"), Column("RAM +\nstack"))
    for fit in found.fits:
        table.add_row(
            fit.part.name,
            fit.part.core + ("" if fit.same_core else " *"),
            "yes" if fit.fits else "NO",
            f"{fit.flash_share:.1%}",
            f"{fit.ram_share:.1%}",
        )
    return table
