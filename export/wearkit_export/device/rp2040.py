"""Build the wearable's firmware around a bundle's model for a bare RP2040: ELF, BIN and UF2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit.errors import ModelFileError
from wearkit.files.safe_write import write_bytes
from wearkit_export.device.bare_image import compile_bare
from wearkit_export.device.sensor_rate import sensor_rate_mhz
from wearkit_export.device.uf2 import RP2040_FAMILY, to_uf2
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.elf import Elf, read_elf
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, Toolchain, find_toolchain

PORT = "ports/rp2040"
FLASH_ORIGIN = 0x1000_0000
BOOT2_BYTES = 256
_CRC_BYTES = 4
_CRC_POLYNOMIAL = 0x04C1_1DB7


@dataclass(frozen=True, slots=True)
class Rp2040Image:
    """path: the ELF; flash: all bytes from FLASH_ORIGIN on, as in bin_path and uf2_path;
    rate_mhz: samples in 1000 s it asks of its sensor. flash_bytes: boot code, code, tables,
    initial data; ram_bytes: without stack."""

    path: Path
    bin_path: Path
    uf2_path: Path
    elf: Elf
    flash: bytes
    compiler: str
    rate_mhz: int
    flash_bytes: int
    ram_bytes: int


def build_rp2040_image(
    bundle: Bundle, work: Path, *, compiler: CompilerName | None = None
) -> Rp2040Image:
    """Compile and link everything in `work`, and write wk_device_rp2040.elf, .bin and .uf2.

    Raises MissingToolError without a compiler for Cortex-M0+, ModelFileError when it refuses the
    code or the model does not fit the firmware.
    """
    toolchain = find_toolchain(find_target("cortex-m0plus"), compiler)
    port = firmware_dir() / PORT
    objects = compile_bare(bundle, toolchain, PORT, work)
    objects.append(_checked_boot2(toolchain, port / "wk_boot2.S", work))
    path = work / "wk_device_rp2040.elf"
    toolchain.link(objects, port / "wk_rp2040.ld", path)
    elf = read_elf(path)
    flash = _flash(elf)
    bin_path, uf2_path = path.with_suffix(".bin"), path.with_suffix(".uf2")
    write_bytes(bin_path, flash)
    write_bytes(uf2_path, to_uf2(flash, FLASH_ORIGIN, RP2040_FAMILY))
    return Rp2040Image(
        path=path,
        bin_path=bin_path,
        uf2_path=uf2_path,
        elf=elf,
        flash=flash,
        compiler=toolchain.version,
        rate_mhz=sensor_rate_mhz(bundle.model.window),
        flash_bytes=len(flash),
        ram_bytes=elf.size(".data") + elf.size(".bss"),
    )


def boot2_crc(data: bytes) -> int:
    """The ROM's CRC-32 of the boot code: most significant bit first, not inverted at the end
    (RP2040 data sheet 2.8.1.3.1)."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x8000_0000 else 0)
            crc &= 0xFFFF_FFFF
    return crc


def _checked_boot2(toolchain: Toolchain, source: Path, work: Path) -> Path:
    """An object with the boot code padded and its checksum behind it, in .wk_boot2."""
    assembled = work / "wk_boot2.o"
    toolchain.compile(source, assembled, ())
    code = read_elf(assembled).sections[".boot2"].data
    room = BOOT2_BYTES - _CRC_BYTES
    if len(code) > room:
        raise ModelFileError(f"The boot code has {len(code)} bytes; the ROM takes {room}.")
    padded = code.ljust(room, b"\0")
    whole = padded + boot2_crc(padded).to_bytes(_CRC_BYTES, "little")
    lines = "".join(
        f"    .byte {', '.join(map(str, whole[at : at + 16]))}\n" for at in range(0, 256, 16)
    )
    checked = work / "wk_boot2_checked.S"
    checked.write_text(f'    .section .wk_boot2, "a"\n{lines}', encoding="ascii")
    output = work / "wk_boot2_checked.o"
    toolchain.compile(checked, output, ())
    return output


def _flash(elf: Elf) -> bytes:
    """Boot code, program and initial data, each at its place."""
    flash = bytearray()
    places = [
        (FLASH_ORIGIN, elf.sections[".boot2"].data),
        (elf.sections[".text"].address, elf.sections[".text"].data),
        (elf.symbol("wk_data_load").address, elf.sections[".data"].data),
    ]
    for address, data in places:
        at = address - FLASH_ORIGIN
        assert at >= len(flash)
        flash += bytes(at - len(flash)) + data
    return bytes(flash)
