"""Instruction lengths and cost classes, read from the image's own bytes.

Thumb: Armv7-M Architecture Reference Manual chapter A5, Armv8-M chapter C2 (MVE, loops).
RISC-V: the unprivileged specification, chapters "RV32I" and "C". Only what a cost estimate needs
is told apart; anything else is "alu". x86-64 blocks are handed over one instruction at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wearkit_export.targets.image import Image

InstructionKind = Literal[
    "alu", "load", "store", "multiple", "multiply", "divide", "branch", "loop", "vector"
]


@dataclass(frozen=True, slots=True)
class Instruction:
    """registers: words moved by a multiple load or store, 1 otherwise."""

    address: int
    size_bytes: int
    kind: InstructionKind
    registers: int = 1


def decode(image: Image, address: int, size_bytes: int) -> tuple[Instruction, ...]:
    """The instructions of a block of `size_bytes` bytes at `address`."""
    for section in image.elf.sections.values():
        if section.address <= address < section.address + section.size_bytes:
            start = address - section.address
            data = section.data[start : start + size_bytes]
            return _decode(image.target.isa, address, data)
    return ()


@lru_cache(maxsize=65536)
def _decode(isa: str, address: int, data: bytes) -> tuple[Instruction, ...]:
    if isa == "x86-64":
        return (Instruction(address, len(data), "alu"),)
    decoded = []
    offset = 0
    while offset + 2 <= len(data):
        first = int.from_bytes(data[offset : offset + 2], "little")
        wide = (first >> 11) >= 0b11101 if isa == "thumb" else first & 3 == 3
        size = 4 if wide else 2
        second = int.from_bytes(data[offset + 2 : offset + 4], "little") if wide else 0
        kind, registers = _CLASSIFY[isa, wide](first, second)
        decoded.append(Instruction(address + offset, size, kind, registers))
        offset += size
    return tuple(decoded)


def _thumb16(word: int, _: int) -> tuple[InstructionKind, int]:
    top = word >> 12
    if word >> 11 == 0b01001 or (top == 5 and (word >> 9) & 7 >= 3):
        return "load", 1
    if top == 5:
        return "store", 1
    if top in (6, 7, 8, 9):
        return ("load" if word & 0x0800 else "store"), 1
    if top == 12:
        return "multiple", (word & 0xFF).bit_count()
    if word & 0xF600 == 0xB400:  # push, pop
        return "multiple", (word & 0x1FF).bit_count()
    if word & 0xF500 == 0xB100:  # cbz, cbnz
        return "branch", 1
    if (top == 13 and (word >> 8) & 15 < 14) or word >> 11 == 0b11100 or word & 0xFF00 == 0x4700:
        return "branch", 1
    return ("multiply" if word & 0xFFC0 == 0x4340 else "alu"), 1


def _thumb32(first: int, second: int) -> tuple[InstructionKind, int]:
    if first & 0xEC00 == 0xEC00:
        return "vector", 1  # floating point and MVE, loads and stores of vectors among them
    if first & 0xFE40 == 0xE800:  # ldm, stm, push, pop
        return "multiple", second.bit_count()
    if first & 0xFE40 == 0xE840:
        return _thumb_dual(first, second)
    if first & 0xF800 == 0xF000 and second & 0x8000:
        return _thumb_branch(first, second), 1
    if first & 0xFE00 == 0xF800:
        return ("load" if first & 0x10 else "store"), 1
    if first & 0xFF80 == 0xFB00:
        return "multiply", 1
    if first & 0xFF80 == 0xFB80:
        divide = first & 0xFFD0 == 0xFB90 and second & 0xF0 == 0xF0
        return ("divide" if divide else "multiply"), 1
    return "alu", 1


def _thumb_dual(first: int, second: int) -> tuple[InstructionKind, int]:
    if first & 0xFFF0 == 0xE8D0 and second & 0xE0 == 0:  # table branch
        return "branch", 1
    if first & 0x0120:  # ldrd, strd
        return "multiple", 2
    return ("load" if first & 0x10 else "store"), 1


def _thumb_branch(first: int, second: int) -> InstructionKind:
    if second & 0xF001 == 0xC001 and first & 0xFF80 == 0xF000:
        return "loop"  # le, letp, wls: the low-overhead loops of Armv8.1-M
    if second & 0xF001 == 0xE001 and first & 0xFF80 == 0xF000:
        return "alu"  # dls, dlstp
    conditional = second & 0x5000 == 0
    return "alu" if conditional and (first >> 6) & 14 == 14 else "branch"


def _riscv32(first: int, second: int) -> tuple[InstructionKind, int]:
    opcode = first & 0x7F
    if opcode == 0x33 and second >> 9 == 1:
        return ("divide" if first & 0x4000 else "multiply"), 1
    kinds: dict[int, InstructionKind] = {0x03: "load", 0x23: "store", 0x63: "branch"}
    kinds |= {0x6F: "branch", 0x67: "branch"}
    return kinds.get(opcode, "alu"), 1


def _riscv16(word: int, _: int) -> tuple[InstructionKind, int]:
    quadrant, function = word & 3, word >> 13
    if quadrant in (0, 2) and function in (2, 3):
        return "load", 1
    if quadrant in (0, 2) and function in (6, 7):
        return "store", 1
    if quadrant == 1 and function in (1, 5, 6, 7):
        return "branch", 1
    jump_register = quadrant == 2 and function == 4 and word & 0x7C == 0 and word & 0xF80
    return ("branch" if jump_register else "alu"), 1


_CLASSIFY = {
    ("thumb", False): _thumb16,
    ("thumb", True): _thumb32,
    ("riscv", False): _riscv16,
    ("riscv", True): _riscv32,
}
