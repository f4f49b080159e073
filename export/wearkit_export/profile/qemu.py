"""Run an image on one of QEMU's boards: windows in and logits out by semihosting.

Counting uses our own plugin (harness/tcg_counter.c), compiled when first needed; QEMU must be
built with plugins, as Debian's is. Bulk runs without counting are several times faster.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, ModelFileError, VerificationError
from wearkit_export.profile.trace import OWN_CODE, BlockStep, ImageRun, Trace
from wearkit_export.targets.image import HARNESS, Image
from wearkit_export.targets.target import Target
from wearkit_export.targets.toolchain import run_tool

_PROGRAM = {"thumb": "qemu-system-arm", "riscv": "qemu-system-riscv32"}
_PACKAGE = {"thumb": "qemu-system-arm", "riscv": "qemu-system-misc"}
_RUN_LIMIT_S = 3600
_TRACE_LIMIT_BYTES = 64 << 20


def qemu_available(target: Target) -> bool:
    """Whether this machine has QEMU with a board of the target's core."""
    name = _PROGRAM.get(target.isa)
    return target.qemu_machine is not None and name is not None and shutil.which(name) is not None


def run_qemu(image: Image, windows: NDArray[np.int8], *, count: int = 0) -> ImageRun:
    """Run every window; count instructions of the first `count` of them, in a run of their own.

    windows: (N, inputs) int8; of a stream, what its pushes take. Raises MissingToolError without
    QEMU (or, to count, without a host C compiler), VerificationError when the model faults, hangs
    or returns an error.
    """
    program = _program(image)
    trace = None
    if count:
        counted = windows[:count]
        trace = Trace(image, len(counted))
        _execute(program, image, counted, _plugin_arguments(image))
        _read_steps(image.path.parent / "steps.txt", trace)
    logits, stack_bytes = _execute(program, image, windows, [])
    return ImageRun(logits, stack_bytes, trace, f"{_version(program)} {image.target.qemu_machine}")


def _program(image: Image) -> str:
    target = image.target
    program = shutil.which(_PROGRAM.get(target.isa, ""))
    if program is None or not qemu_available(target):
        package = _PACKAGE.get(target.isa, "qemu-system-arm")
        raise MissingToolError(f"{target.name} needs QEMU: apt-get install {package}.")
    return program


@cache
def _version(program: str) -> str:
    line = run_tool((program, "--version")).stdout.partition("\n")[0]
    words = line.split()
    return f"QEMU {words[3]}" if len(words) > 3 else line


def _execute(
    program: str, image: Image, windows: NDArray[np.int8], extra: list[str]
) -> tuple[NDArray[np.int8], int]:
    folder = image.path.parent
    (folder / "inputs.bin").write_bytes(np.ascontiguousarray(windows, np.int8).tobytes())
    for name in ("logits.bin", "stack.bin"):
        (folder / name).unlink(missing_ok=True)
    command = [
        *(program, "-M", str(image.target.qemu_machine), "-display", "none"),
        *("-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native"),
        *(("-bios", "none") if image.target.isa == "riscv" else ()),
        *("-kernel", image.path.name, *extra),
    ]
    try:
        completed = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_RUN_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VerificationError(f"The model did not end on {image.target.name}.") from None
    if completed.returncode != 0:
        detail = completed.stderr.strip().splitlines()[-1:] or [f"exit code {completed.returncode}"]
        raise VerificationError(f"The model failed on {image.target.name}: {detail[0]}.")
    logits = np.frombuffer((folder / "logits.bin").read_bytes(), np.int8)
    stack_bytes = int.from_bytes((folder / "stack.bin").read_bytes()[:4], "little")
    return logits.reshape(len(windows), image.memory.logits_bytes), stack_bytes


def _plugin_arguments(image: Image) -> list[str]:
    library = image.path.parent / "tcg_counter.so"
    if not library.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise MissingToolError("Counting under QEMU needs a host C compiler: install gcc.")
        source = HARNESS / "tcg_counter.c"
        flags = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden")
        completed = run_tool((compiler, *flags, str(source), "-o", str(library)))
        if completed.returncode != 0:
            raise MissingToolError(f"The QEMU plugin cannot be compiled: {completed.stderr[:500]}")
    entry = image.entry
    first, size = image.counted_range()
    stream = image.mode == "stream"
    arguments = {
        "entry": entry.address,
        "entry_size": entry.size_bytes,
        "second": image.elf.symbol("wk_model_stream_run").address if stream else 0,
        "model": first,
        "model_size": size,
        "riscv": image.target.isa == "riscv",
    }
    options = ",".join(f"{key}={value:x}" for key, value in arguments.items())
    return ["-plugin", f"{library},{options}"]


def _read_steps(path: Path, trace: Trace) -> None:
    """The plugin's lines into the trace. Raises ModelFileError on anything else."""
    if not path.is_file() or path.stat().st_size > _TRACE_LIMIT_BYTES:
        raise ModelFileError("QEMU left no usable count: it was built without plugins.")
    for line in path.read_text().splitlines():
        kind, *fields = line.split()
        values = [int(field, 16) for field in fields]
        if kind == "B":
            trace.block_bytes[values[0]] = values[1]
            continue
        site, previous, address, count = values
        trace.steps[BlockStep(site, previous, address)] += count
        if site != OWN_CODE and site not in trace.order:
            trace.order.append(site)
