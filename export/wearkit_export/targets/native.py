"""Run a model's C on this computer: bulk equality without an emulator, and a wall clock."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.targets.image import HARNESS
from wearkit_export.targets.toolchain import WARNINGS, CompilerName, find_program, run_tool

_RUN_LIMIT_S = 3600


@dataclass(frozen=True, slots=True)
class NativeRun:
    """logits: (N, outputs) int8; ms: of one window, the mean over all of them."""

    logits: NDArray[np.int8]
    ms: float
    compiler: str


def run_native(
    c_folder: Path,
    windows: NDArray[np.int8],
    *,
    compiler: CompilerName | None = None,
    flags: tuple[str, ...] = ("-O2",),
    warnings: tuple[str, ...] = WARNINGS,
) -> NativeRun:
    """Build the folder beside our main with this computer's compiler and run every window.

    flags may ask for sanitizers; warnings: none where a compiler of tomorrow must not stop the
    work. Raises MissingToolError without a compiler, or with one that builds nothing at all;
    VerificationError when it refuses the code or the program fails.
    """
    program, version = find_program(compiler)
    with tempfile.TemporaryDirectory(prefix="wearkit-native-") as name:
        work = Path(name)
        sources = [*sorted(c_folder.glob("*.c")), HARNESS / "wkharness_native.c"]
        arguments = (
            "-std=c99",
            *warnings,
            *flags,
            f"-I{c_folder}",
            *(str(path) for path in sources),
        )
        built = run_tool((*program, *arguments, "-o", str(work / "model")))
        if built.returncode != 0:
            _require_working(program, work)
            raise VerificationError(f"{version} refuses the C of the model: {built.stderr[:1000]}")
        (work / "windows.bin").write_bytes(np.ascontiguousarray(windows, np.int8).tobytes())
        ran = subprocess.run(
            [str(work / "model")],
            cwd=work,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_RUN_LIMIT_S,
            check=False,
        )
        if ran.returncode != 0:
            detail = (ran.stderr.strip() or f"exit code {ran.returncode}")[:1000]
            raise VerificationError(f"The model failed on this computer: {detail}")
        logits = np.fromfile(work / "logits.bin", np.int8).reshape(len(windows), -1)
    return NativeRun(logits, float(ran.stdout), version)


def _require_working(program: tuple[str, ...], work: Path) -> None:
    """Raises MissingToolError when the compiler cannot build the least of programs, as on a
    computer where only a stand-in for it or no C library is installed."""
    source = work / "least.c"
    source.write_text('#include <stdio.h>\nint main(void)\n{\n    return puts("") < 0;\n}\n')
    if run_tool((*program, str(source), "-o", str(work / "least"))).returncode != 0:
        raise MissingToolError(
            f"{program[0]} cannot build any C program here: pip install 'wearkit[profile]', or "
            "install a C library."
        )
