"""Exact instruction counts of an image while it runs on unicorn, cheap enough to leave on."""

from __future__ import annotations

import ctypes
from collections import Counter
from pathlib import Path
from typing import Any

from wearkit.errors import VerificationError
from wearkit_export.targets.elf import Elf, FunctionIndex
from wearkit_export.targets.image import HARNESS
from wearkit_export.targets.toolchain import WARNINGS, find_program, run_tool


class _Blocks(ctypes.Structure):
    """As wk_blocks_t of harness/block_counter.c."""

    _fields_ = (
        ("instructions", ctypes.c_uint64),
        ("code", ctypes.c_char_p),
        ("spent", ctypes.POINTER(ctypes.c_uint64)),
        ("bytes", ctypes.POINTER(ctypes.c_uint32)),
        ("lengths", ctypes.POINTER(ctypes.c_uint32)),
        ("code_bytes", ctypes.c_uint32),
    )


class BlockCounter:
    """Counts whole blocks as they are entered. An instruction skipped inside an IT block counts.

    elf: an image whose .text begins at address 0. work: an existing folder for the library.
    Raises MissingToolError without a C compiler, VerificationError when it refuses the counter.
    """

    def __init__(self, elf: Elf, work: Path) -> None:
        self._elf = elf
        self._code = elf.sections[".text"].data
        self._library = ctypes.CDLL(str(_build(work)))
        self.clear()

    def clear(self) -> None:
        """Begin at 0 again."""
        slots = len(self._code) // 2 + 1
        self._spent = (ctypes.c_uint64 * slots)()
        self._bytes = (ctypes.c_uint32 * slots)()
        self._lengths = (ctypes.c_uint32 * slots)()
        self._blocks = _Blocks(
            0, self._code, self._spent, self._bytes, self._lengths, len(self._code)
        )

    @property
    def instructions(self) -> int:
        """Executed since `clear`, up to the end of the block that is running."""
        return int(self._blocks.instructions)

    def by_function(self) -> Counter[str]:
        """Instructions by the function in which their block begins, callees apart."""
        index = FunctionIndex(self._elf)
        total: Counter[str] = Counter()
        for slot, spent in enumerate(self._spent):
            if spent:
                total[index.name(2 * slot)] += spent
        return total

    def attach(self, machine: Any) -> None:
        """Count what this unicorn machine runs, which must not have begun."""
        import unicorn
        from unicorn.unicorn_py3.unicorn import uclib

        handle = ctypes.c_size_t()
        # unicorn's Python would wrap a Python function; it cannot pass on one of C.
        status = uclib.uc_hook_add(
            machine._uch,
            ctypes.byref(handle),
            unicorn.UC_HOOK_BLOCK,
            ctypes.cast(self._library.wk_block_ran, ctypes.c_void_p),
            ctypes.cast(ctypes.byref(self._blocks), ctypes.c_void_p),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
        )
        if status != unicorn.UC_ERR_OK:
            raise VerificationError(f"unicorn does not take the counter (error {status}).")


def _build(work: Path) -> Path:
    program, version = find_program()
    output = work / "wk_block_counter.so"
    flags = (*WARNINGS, "-O2", "-shared", "-fPIC")
    completed = run_tool((*program, *flags, str(HARNESS / "block_counter.c"), "-o", str(output)))
    if completed.returncode != 0:
        raise VerificationError(f"{version} refuses the counter: {completed.stderr[:1000]}")
    return output
