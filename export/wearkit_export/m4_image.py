"""Build the wearable's firmware around a bundle's model as a bare-metal Cortex-M4 image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wearkit.bundle import Bundle
from wearkit_export.device_build import PROGRAM_FOLDERS, firmware_sources, model_sources
from wearkit_export.emulate import EmulateOptions, Mode
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.elf import Elf, read_elf
from wearkit_export.targets.image import HARNESS
from wearkit_export.targets.target import Target, find_target
from wearkit_export.targets.toolchain import WARNINGS, CompilerName, Toolchain, find_toolchain

PORT = "ports/cortex-m4"
_STREAMS: dict[Mode, int] = {"text": 0, "samples": 1, "predictions": 2, "both": 3}


@dataclass(frozen=True, slots=True)
class M4Image:
    """path: the ELF. flash_bytes: code, tables and initial data; ram_bytes: without stack."""

    path: Path
    elf: Elf
    target: Target
    compiler: str
    flash_bytes: int
    ram_bytes: int


def build_m4_image(bundle: Bundle, work: Path, *, compiler: CompilerName | None = None) -> M4Image:
    """Compile and link everything in `work`.

    Raises MissingToolError without a compiler for Cortex-M4, ModelFileError when it refuses the
    code or the model does not fit the firmware.
    """
    toolchain = find_toolchain(find_target("cortex-m4"), compiler)
    model = model_sources(bundle, work)
    port = firmware_dir() / PORT
    sources = [*sorted(model.glob("*.c")), *firmware_sources(*PROGRAM_FOLDERS, PORT)]
    folders = (model, firmware_dir() / "include", port, HARNESS / "freestanding")
    flags = (*WARNINGS, "-O2", "-ffreestanding", *(f"-I{folder}" for folder in folders))
    objects = []
    for source in sources:
        objects.append(work / f"m4_{source.stem}.o")
        toolchain.compile(source, objects[-1], flags)
    objects.append(_memory_functions(toolchain, work))
    path = work / "wk_device_m4.elf"
    toolchain.link(objects, port / "wk_m4.ld", path)
    elf = read_elf(path)
    return M4Image(
        path=path,
        elf=elf,
        target=toolchain.target,
        compiler=toolchain.version,
        flash_bytes=elf.size(".text") + elf.size(".data"),
        ram_bytes=elf.size(".data") + elf.size(".bss"),
    )


def initial_data(image: M4Image, options: EmulateOptions) -> bytes:
    """The image's .data, with wk_m4_settings_t as asked for."""
    section = image.elf.sections[".data"]
    data = bytearray(section.data)
    at = image.elf.symbol("wk_m4_settings").address - section.address
    data[at : at + 4] = options.boot_id.to_bytes(4, "little")
    data[at + 4] = _STREAMS[options.mode]
    data[at + 5] = int(options.streaming)
    return bytes(data)


def _memory_functions(toolchain: Toolchain, work: Path) -> Path:
    """memcpy and its like; the flags keep gcc from making memcpy call itself."""
    output = work / "m4_memory.o"
    flags = ["-std=gnu11", "-Os", "-ffreestanding", "-fno-builtin"]
    if toolchain.compiler == "gcc":
        flags += ["-fno-tree-loop-distribute-patterns", f"-I{HARNESS / 'freestanding'}"]
    toolchain.compile(HARNESS / "wkruntime_memory.c", output, tuple(flags))
    return output
