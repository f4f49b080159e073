"""What an ELF says about itself: section sizes, functions and tables, bytes to load."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wearkit.errors import ModelFileError
from wearkit.optional_packages import require_packages

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A function, a table, or (section None) a name that is only asked for.

    address: the Thumb bit is removed. kind: "func", "object" or "other".
    """

    address: int
    size_bytes: int
    name: str
    kind: str
    section: str | None


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    address: int
    size_bytes: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Elf:
    """A parsed image or object: allocated sections by name, all symbols in address order."""

    sections: dict[str, Section]
    symbols: tuple[Symbol, ...]

    def symbol(self, name: str) -> Symbol:
        """The defined symbol of that name. Raises ModelFileError when there is none."""
        for symbol in self.symbols:
            if symbol.name == name and symbol.section is not None:
                return symbol
        raise ModelFileError(f"The image has no symbol {name}.")

    def size(self, section: str) -> int:
        """Bytes of a section, 0 when absent."""
        found = self.sections.get(section)
        return 0 if found is None else found.size_bytes

    def functions(self) -> list[Symbol]:
        """Defined functions in address order, one a place (aliases: the first by name)."""
        seen: dict[int, Symbol] = {}
        for symbol in self.symbols:
            if symbol.kind == "func" and symbol.section is not None and symbol.size_bytes:
                seen.setdefault(symbol.address, symbol)
        return [seen[address] for address in sorted(seen)]


class FunctionIndex:
    """Address -> function name."""

    def __init__(self, elf: Elf) -> None:
        self._functions = elf.functions()
        self._starts = [symbol.address for symbol in self._functions]

    def name(self, address: int) -> str:
        """The function that holds the address, or "?" between functions."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return "?"
        symbol = self._functions[index]
        return symbol.name if address < symbol.address + symbol.size_bytes else "?"


def read_elf(path: Path) -> Elf:
    """Parse an ELF file. Raises ModelFileError when it is none, MissingToolError without
    pyelftools: the C of a model can be run on this computer without it."""
    require_packages("Reading an image", "elftools")
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            image = ELFFile(file)
            thumb = image["e_machine"] == "EM_ARM"
            sections = {}
            for section in image.iter_sections():
                if section["sh_flags"] & 2:  # SHF_ALLOC
                    empty = section["sh_type"] == "SHT_NOBITS"
                    data = b"" if empty else section.data()
                    sections[section.name] = Section(
                        section.name, section["sh_addr"], section["sh_size"], data
                    )
            return Elf(sections, tuple(sorted(_symbols(image, thumb))))
    except (ELFError, OSError) as error:
        raise ModelFileError(f"{path.name} is not a readable ELF file ({error}).") from error


def _symbols(image: ELFFile, thumb: bool) -> list[Symbol]:
    from elftools.elf.sections import SymbolTableSection

    found = []
    for table in image.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for entry in table.iter_symbols():
            place = entry["st_shndx"]
            if not entry.name or entry.name.startswith("$"):
                continue
            kind = {"STT_FUNC": "func", "STT_OBJECT": "object"}.get(entry["st_info"]["type"])
            name = image.get_section(place).name if isinstance(place, int) else None
            if place == "SHN_ABS":
                name = "absolute"
            address = entry["st_value"]
            if thumb and kind == "func":
                address &= ~1
            found.append(Symbol(address, entry["st_size"], entry.name, kind or "other", name or ""))
            if place == "SHN_UNDEF":
                found[-1] = Symbol(address, 0, entry.name, "other", None)
    return found
