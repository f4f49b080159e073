"""The tables `wearkit profile` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from wearkit.cli.tables.stacking import Column, StackingTable

if TYPE_CHECKING:
    from wearkit_export.profile.cycles import Cycles
    from wearkit_export.profile.profile import Profile


def tables(profile: Profile) -> Iterator[StackingTable | Text]:
    """Layers, memory, parts, each followed by what its figures rest on."""
    from wearkit_export.profile.report import cycle_basis

    yield _layers(profile)
    yield Text(
        f"Instructions are exact: {profile.emulator}, {profile.compiler}, "
        f"{' '.join(profile.flags)}; all {profile.windows_equal} windows "
        "equal the integer reference.",
        style="dim",
    )
    yield Text(cycle_basis(profile), style="dim")
    if profile.native_ms is not None:
        yield Text(f"Measured on this computer: {profile.native_ms:.3f} ms per window.")
    yield _memory(profile)
    yield _parts(profile)
    yield Text("* sized as built for the target above, not for the part's own core", style="dim")


def _layers(profile: Profile) -> StackingTable:
    figures = ("MACs", "instructions", "per\nMAC", "cycles (est.)", "ms\n(est.)")
    title = f"One window at {profile.clock_mhz:g} MHz"
    table = StackingTable(title, Column("layer", words=True), *map(Column, figures))
    for layer in profile.layers:
        row = _costs(profile, layer.macs, layer.instructions, layer.cycles)
        table.add_row(layer.name, *row)
    table.add_section()
    table.add_row("all", *_costs(profile, profile.macs, profile.instructions, profile.cycles))
    return table


def _costs(
    profile: Profile, macs: int | None, instructions: int, cycles: Cycles | None
) -> tuple[str, str, str, str, str]:
    return (
        f"{macs:,}" if macs else "",
        f"{instructions:,}",
        f"{instructions / macs:.2f}" if macs else "",
        f"{cycles.typical:,}" if cycles else "",
        f"{profile.ms(cycles.typical):.3f}" if cycles else "",
    )


def _memory(profile: Profile) -> StackingTable:
    memory = profile.memory
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
    table.add_row("stack", f"{profile.stack_bytes:,}", "deepest byte written, measured")
    return table


def _parts(profile: Profile) -> StackingTable:
    named = Column("part", words=True), Column("core", words=True), Column("fits", words=True)
    table = StackingTable("Parts", *named, Column("flash"), Column("RAM +\nstack"))
    for fit in profile.fits:
        table.add_row(
            fit.part.name,
            fit.part.core + ("" if fit.same_core else " *"),
            "yes" if fit.fits else "NO",
            f"{fit.flash_share:.1%}",
            f"{fit.ram_share:.1%}",
        )
    return table
