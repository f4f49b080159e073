"""Build the wearable's firmware around a bundle's model as a bare-metal Cortex-M4 image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit_export.device.bare_image import compile_bare
from wearkit_export.device.sensor_rate import sensor_rate_mhz
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.elf import Elf, read_elf
from wearkit_export.targets.target import Target, find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

PORT = "ports/cortex-m4"


@dataclass(frozen=True, slots=True)
class M4Image:
    """path: the ELF. rate_mhz: samples in 1000 s it asks of its sensor. flash_bytes: code, tables
    and initial data; ram_bytes: without stack."""

    path: Path
    elf: Elf
    target: Target
    compiler: str
    rate_mhz: int
    flash_bytes: int
    ram_bytes: int


def build_m4_image(bundle: Bundle, work: Path, *, compiler: CompilerName | None = None) -> M4Image:
    """Compile and link everything in `work`.

    Raises MissingToolError without a compiler for Cortex-M4, ModelFileError when it refuses the
    code or the model does not fit the firmware.
    """
    toolchain = find_toolchain(find_target("cortex-m4"), compiler)
    objects = compile_bare(bundle, toolchain, PORT, work)
    path = work / "wk_device_m4.elf"
    toolchain.link(objects, firmware_dir() / PORT / "wk_m4.ld", path)
    elf = read_elf(path)
    return M4Image(
        path=path,
        elf=elf,
        target=toolchain.target,
        compiler=toolchain.version,
        rate_mhz=sensor_rate_mhz(bundle.model.window),
        flash_bytes=elf.size(".text") + elf.size(".data"),
        ram_bytes=elf.size(".data") + elf.size(".bss"),
    )
