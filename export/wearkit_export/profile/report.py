"""A Profile as plain data, for --json and for tables of results."""

from __future__ import annotations

from typing import Any

from wearkit_export.profile.cycles import PUBLISHED, Cycles
from wearkit_export.profile.profile import LayerCost, Profile


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """Names carry their units; every estimate stands under a key that says so."""
    memory = profile.memory
    return {
        "target": profile.target.name,
        "compiler": profile.compiler,
        "flags": list(profile.flags),
        "emulator": profile.emulator,
        "windows_equal_to_reference": profile.windows_equal,
        "macs": profile.macs,
        "instructions": profile.instructions,
        "instructions_per_mac": _per_mac(profile.instructions, profile.macs),
        "clock_mhz": profile.clock_mhz,
        "estimate": _estimate(profile, profile.cycles),
        "measured_on_this_computer_ms": profile.native_ms,
        "flash_bytes": memory.flash_bytes,
        "ram_bytes": memory.ram_bytes,
        "stack_bytes": profile.stack_bytes,
        "flash": {
            "code_bytes": memory.code_bytes,
            "tables_bytes": memory.tables_bytes,
            "runtime_bytes": memory.runtime_bytes,
            "data_bytes": memory.data_bytes,
        },
        "ram": {
            "arena_bytes": memory.arena_bytes,
            "input_bytes": memory.input_bytes,
            "logits_bytes": memory.logits_bytes,
            "data_bytes": memory.data_bytes,
            "bss_bytes": memory.bss_bytes,
        },
        "harness_flash_bytes": memory.harness_bytes,
        "tables_in_external_memory": memory.external,
        "layers": [_layer(profile, layer) for layer in profile.layers],
        "parts": [
            {
                "name": fit.part.name,
                "core": fit.part.core,
                "fits": fit.fits,
                "flash_share": round(fit.flash_share, 6),
                "ram_share": round(fit.ram_share, 6),
                "sized_for_this_core": fit.same_core,
            }
            for fit in profile.fits
        ],
    }


def cycle_basis(profile: Profile) -> str:
    """One sentence on what the cycle estimate rests on and how wrong it may be."""
    if profile.cycles is None or profile.target.cycles is None:
        return "No estimate of cycles for this core."
    source = (
        "the core's published instruction timings"
        if profile.target.cycles in PUBLISHED
        else "the M4's timings and the pipeline's description, as this core's are not published"
    )
    return (
        f"Estimate from {source}, +-{profile.cycles.error:.0%}, memory without wait states; "
        "never compared with silicon."
    )


def _layer(profile: Profile, layer: LayerCost) -> dict[str, Any]:
    return {
        "name": layer.name,
        "macs": layer.macs,
        "instructions": layer.instructions,
        "instructions_per_mac": _per_mac(layer.instructions, layer.macs),
        "estimate": _estimate(profile, layer.cycles),
    }


def _estimate(profile: Profile, cycles: Cycles | None) -> dict[str, Any] | None:
    if cycles is None:
        return None
    return {
        "cycles": cycles.typical,
        "cycles_low": cycles.low,
        "cycles_high": cycles.high,
        "ms": round(profile.ms(cycles.typical), 4),
        "error_share": round(cycles.error, 3),
    }


def _per_mac(instructions: int, macs: int | None) -> float | None:
    return round(instructions / macs, 3) if macs else None
