"""The cores a bundle's C can be built for, and the memory of the machine that stands in for each.

Memory maps and machine names are those of QEMU's boards (`qemu-system-arm -M help`): mps2-an386,
mps2-an500, mps2-an505 and mps3-an547; unicorn gets the same map so that one ELF runs on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wearkit.errors import DataError

Isa = Literal["thumb", "riscv", "x86-64", "avr"]
CycleModel = Literal["cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32"]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of emulated memory."""

    origin: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Target:
    """A core: how each compiler is told about it, where it runs, and its usual clock.

    external: memory for weights that do not fit the flash region (QSPI flash on a real board).
    unicorn_cpu / qemu_machine: None where that emulator has no such core.
    """

    name: str
    isa: Isa
    flash: Region
    ram: Region
    external: Region
    zig_flags: tuple[str, ...]
    gcc_flags: tuple[str, ...]
    clock_mhz: float
    cycles: CycleModel | None
    startup: str | None
    unicorn_cpu: str | None = None
    qemu_machine: str | None = None


_MB = 1 << 20
_ARM_ABI = ("-target", "thumb-freestanding-eabi")


def _cortex(
    name: str,
    *,
    zig_cpu: str,
    float_flags: tuple[str, ...] = ("-mfloat-abi=soft",),
    memory: tuple[Region, Region, Region],
    clock_mhz: float,
    cycles: CycleModel,
    unicorn_cpu: str | None,
    qemu_machine: str | None,
) -> Target:
    """A Cortex-M. Soft float on purpose: any float then shows up as a library call we refuse."""
    return Target(
        name=name,
        isa="thumb",
        flash=memory[0],
        ram=memory[1],
        external=memory[2],
        zig_flags=(*_ARM_ABI, f"-mcpu={zig_cpu}"),
        gcc_flags=(f"-mcpu={name}", "-mthumb", *float_flags),
        clock_mhz=clock_mhz,
        cycles=cycles,
        startup="wkharness_start_arm.c",
        unicorn_cpu=unicorn_cpu,
        qemu_machine=qemu_machine,
    )


_MPS2 = (
    Region(0x00000000, 4 * _MB),
    Region(0x20000000, 4 * _MB),
    Region(0x21000000, 16 * _MB),
)

_ALL = (
    _cortex(
        "cortex-m0plus",
        zig_cpu="cortex_m0plus",
        memory=_MPS2,
        clock_mhz=48,
        cycles="cortex-m0plus",
        unicorn_cpu="UC_CPU_ARM_CORTEX_M0",
        qemu_machine=None,
    ),
    _cortex(
        "cortex-m4",
        zig_cpu="cortex_m4+soft_float",
        memory=_MPS2,
        clock_mhz=64,
        cycles="cortex-m4",
        unicorn_cpu="UC_CPU_ARM_CORTEX_M4",
        qemu_machine="mps2-an386",
    ),
    _cortex(
        "cortex-m7",
        zig_cpu="cortex_m7+soft_float",
        memory=(_MPS2[0], _MPS2[1], Region(0x60000000, 16 * _MB)),
        clock_mhz=216,
        cycles="cortex-m7",
        unicorn_cpu="UC_CPU_ARM_CORTEX_M7",
        qemu_machine="mps2-an500",
    ),
    # zig's cortex_m33 leaves the DSP instructions out unless asked.
    _cortex(
        "cortex-m33",
        zig_cpu="cortex_m33+dsp+soft_float",
        memory=(
            Region(0x10000000, 4 * _MB),
            Region(0x38000000, 4 * _MB),
            Region(0x80000000, 16 * _MB),
        ),
        clock_mhz=64,
        cycles="cortex-m33",
        unicorn_cpu="UC_CPU_ARM_CORTEX_M33",
        qemu_machine="mps2-an505",
    ),
    # MVE registers exist only with the hard-float calling convention; unicorn has no such core.
    Target(
        name="cortex-m55",
        isa="thumb",
        flash=Region(0x10000000, 512 * 1024),
        ram=Region(0x31000000, 2 * _MB),
        external=Region(0x70000000, 256 * _MB),
        zig_flags=("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m55+mve_fp"),
        gcc_flags=("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        clock_mhz=160,
        cycles="cortex-m55",
        startup="wkharness_start_arm.c",
        qemu_machine="mps3-an547",
    ),
    Target(
        name="rv32",
        isa="riscv",
        flash=Region(0x80000000, 2 * _MB),
        ram=Region(0x80400000, 4 * _MB),
        external=Region(0x81000000, 16 * _MB),
        zig_flags=("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c"),
        gcc_flags=(
            "--specs=picolibc.specs",
            "-march=rv32imc",
            "-misa-spec=2.2",
            "-mabi=ilp32",
            "-msmall-data-limit=0",
        ),
        clock_mhz=160,
        cycles="rv32",
        startup="wkharness_start_rv32.c",
        unicorn_cpu="UC_CPU_RISCV32_ANY",
        qemu_machine="virt",
    ),
    Target(
        name="host",
        isa="x86-64",
        flash=Region(0x01000000, 16 * _MB),
        ram=Region(0x04000000, 4 * _MB),
        external=Region(0x08000000, 64 * _MB),
        zig_flags=("-target", "x86_64-freestanding-none", "-mcpu=x86_64", "-mno-red-zone"),
        gcc_flags=("-march=x86-64", "-fno-pie", "-fcf-protection=none", "-mno-red-zone"),
        clock_mhz=3000,
        cycles=None,
        startup=None,
        unicorn_cpu="UC_CPU_X86_QEMU64",
    ),
    # Harvard: the tables live in program memory, so the linker's own script is used.
    Target(
        name="avr",
        isa="avr",
        flash=Region(0, 32 * 1024),
        ram=Region(0x100, 2 * 1024),
        external=Region(0, 0),
        zig_flags=(),
        gcc_flags=("-mmcu=atmega328p",),
        clock_mhz=16,
        cycles=None,
        startup=None,
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in _ALL}


def find_target(name: str) -> Target:
    """The target of that name. Raises DataError naming the known ones."""
    try:
        return TARGETS[name]
    except KeyError:
        raise DataError(f"Unknown target {name!r}: use one of {', '.join(TARGETS)}.") from None
