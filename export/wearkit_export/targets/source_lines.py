"""Which line of wk_model.c an instruction came from, by the image's own debug information."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Any

MODEL_SOURCE = "wk_model.c"


class SourceLines:
    """Instruction address -> statement of wk_model.c."""

    def __init__(self, elf_path: Path, source: Path) -> None:
        self._text = source.read_text(encoding="utf-8").splitlines()
        self._rows = sorted(_rows(elf_path))
        self._starts = [address for address, _ in self._rows]

    def statement(self, address: int) -> str:
        """The text from the instruction's line to the end of its statement, "" when unknown."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or not 1 <= self._rows[index][1] <= len(self._text):
            return ""
        first = self._rows[index][1] - 1
        text = ""
        for line in self._text[first : first + 8]:
            text += line.strip() + " "
            if ";" in line:
                break
        return text.strip()


def _rows(elf_path: Path) -> list[tuple[int, int]]:
    """(address, line) where a new line begins; line 0 where a sequence ends."""
    from elftools.elf.elffile import ELFFile

    found: list[tuple[int, int]] = []
    with elf_path.open("rb") as file:
        image = ELFFile(file)
        if not image.has_dwarf_info():
            return []
        dwarf = image.get_dwarf_info()
        for unit in dwarf.iter_CUs():
            name = unit.get_top_DIE().attributes.get("DW_AT_name")
            program = dwarf.line_program_for_CU(unit)
            if name is None or program is None or not _is_model(name.value):
                continue
            found += _states(program)
    return found


def _is_model(name: bytes | str) -> bool:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return text.rpartition("/")[2] == MODEL_SOURCE


def _states(program: Any) -> list[tuple[int, int]]:
    states = [entry.state for entry in program.get_entries() if entry.state is not None]
    return [(state.address, 0 if state.end_sequence else state.line) for state in states]
