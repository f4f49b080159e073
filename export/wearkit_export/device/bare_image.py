"""What all bare-metal images have in common: everything compiled, and no C library."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit_export.device.build import PROGRAM_FOLDERS, firmware_sources, model_sources
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.image import HARNESS
from wearkit_export.targets.toolchain import WARNINGS, Toolchain


def compile_bare(bundle: Bundle, toolchain: Toolchain, port: str, work: Path) -> list[Path]:
    """Objects of the firmware, the bundle's model and the port's folder, in `work`.

    Raises ModelFileError when the compiler refuses the code or the model does not fit.
    """
    model = model_sources(bundle, work)
    sources = [*sorted(model.glob("*.c")), *firmware_sources(*PROGRAM_FOLDERS, port)]
    # The model's folder first: its wk/wk_engine_config.h is the one its kernels were chosen for.
    folders = (model, firmware_dir() / "include", firmware_dir() / port, HARNESS / "freestanding")
    flags = (*WARNINGS, "-O2", "-ffreestanding", *(f"-I{folder}" for folder in folders))
    objects = []
    for source in sources:
        objects.append(work / f"{toolchain.target.name}_{source.stem}.o")
        toolchain.compile(source, objects[-1], flags)
    return [*objects, _memory_functions(toolchain, work)]


def _memory_functions(toolchain: Toolchain, work: Path) -> Path:
    """memcpy and its like; the flags keep gcc from making memcpy call itself."""
    output = work / f"{toolchain.target.name}_memory.o"
    flags = ["-std=gnu11", "-Os", "-ffreestanding", "-fno-builtin"]
    if toolchain.compiler == "gcc":
        flags += ["-fno-tree-loop-distribute-patterns", f"-I{HARNESS / 'freestanding'}"]
    toolchain.compile(HARNESS / "wkruntime_memory.c", output, tuple(flags))
    return output
