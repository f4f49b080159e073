"""An ATmega328P by avr-gcc and simavr: the smallest part here, and true cycles, not an estimate.

Tables stay in program memory; the few windows that are run lie there too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, ModelFileError, VerificationError
from wearkit_export.targets.elf import read_elf
from wearkit_export.targets.forbidden import forbidden_symbols
from wearkit_export.targets.image import HARNESS, compile_model
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import Toolchain, find_toolchain

_RUN_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class AvrRun:
    """logits: (N, outputs) int8; cycles: of the last window, exact but for the timer's overflows.

    flash_bytes: of the model's functions and tables; ram_bytes: arena, input, logits, variables.
    """

    logits: NDArray[np.int8]
    cycles: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    compiler: str


def run_avr(
    c_folder: Path, windows: NDArray[np.int8], work: Path, *, flags: tuple[str, ...] = ("-O2",)
) -> AvrRun:
    """Build and run a few windows, (N, inputs) int8, on a simulated ATmega328P.

    Raises MissingToolError without avr-gcc or simavr, ModelFileError when the compiler refuses or
    the image needs a forbidden symbol, VerificationError when the program does not finish.
    """
    toolchain = find_toolchain(find_target("avr"))
    simulator = shutil.which("simavr")
    if simulator is None:
        raise MissingToolError("AVR needs simavr: apt-get install simavr.")
    objects = compile_model(c_folder, toolchain, work, flags)
    own = {symbol.name for path in objects for symbol in read_elf(path).symbols if symbol.section}
    path = work / "model-avr.elf"
    _link(c_folder, toolchain, work, objects, windows, path)
    elf = read_elf(path)
    forbidden = forbidden_symbols(elf)
    if forbidden:
        raise ModelFileError(f"The image needs {', '.join(forbidden)}, which the device must not.")
    lines = _simulate(simulator, path)
    logits = np.frombuffer(bytes.fromhex("".join(lines["L"])), np.int8)
    return AvrRun(
        logits=logits.reshape(len(windows), -1),
        cycles=int(lines["C"][0], 16),
        flash_bytes=sum(symbol.size_bytes for symbol in elf.symbols if symbol.name in own),
        ram_bytes=elf.size(".data") + elf.size(".bss"),
        stack_bytes=int(lines["S"][0], 16),
        compiler=toolchain.version,
    )


def _link(
    c_folder: Path,
    toolchain: Toolchain,
    work: Path,
    objects: list[Path],
    windows: NDArray[np.int8],
    output: Path,
) -> None:
    rows = ",\n".join("{" + ", ".join(map(str, row)) + "}" for row in windows.tolist())
    (work / "wkharness_windows.h").write_text(
        f"#define WKHARNESS_WINDOWS {len(windows)}\n"
        f"static const int8_t wkharness_windows[][{windows.shape[1]}] PROGMEM = {{\n{rows}}};\n"
    )
    harness = work / "wkharness_avr.o"
    toolchain.compile(
        HARNESS / "wkharness_avr.c",
        harness,
        ("-std=gnu99", "-Os", f"-I{c_folder}", f"-I{work}"),
    )
    toolchain.link_hosted([*objects, harness], output)


def _simulate(simulator: str, path: Path) -> dict[str, list[str]]:
    command = [simulator, "-m", "atmega328p", "-f", "16000000", str(path)]
    try:
        completed = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # where simavr puts the UART's lines
            timeout=_RUN_LIMIT_S,
            check=False,
            cwd=path.parent,
        )
    except subprocess.TimeoutExpired:
        raise VerificationError("The model did not end on the ATmega328P.") from None
    printed: dict[str, list[str]] = {}
    for name, value in re.findall(
        r"([LCSE]) ([0-9a-f]+)", completed.stdout.decode("ascii", "replace")
    ):
        printed.setdefault(name, []).append(value)
    if "E" in printed or not {"L", "C", "S"} <= set(printed):
        raise VerificationError("The model failed on the ATmega328P: it printed no result.")
    return printed
