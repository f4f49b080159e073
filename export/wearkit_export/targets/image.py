"""Build a model's C folder into an ELF for a target, harness and model kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wearkit.errors import ModelFileError
from wearkit_export.targets.elf import Elf, Symbol, read_elf
from wearkit_export.targets.forbidden import forbidden_symbols
from wearkit_export.targets.source_lines import MODEL_SOURCE, SourceLines
from wearkit_export.targets.target import Region, Target
from wearkit_export.targets.toolchain import WARNINGS, Toolchain

HARNESS = Path(__file__).parent / "harness"
HarnessMode = Literal["window", "stream"]
ENTRIES: dict[HarnessMode, tuple[str, ...]] = {
    "window": ("wk_model_run",),
    "stream": ("wk_model_stream_push", "wk_model_stream_run", "wk_model_stream_begin"),
}
"""What is called, and so kept by the linker; calls are told apart inside the first."""
_MODEL_SECTIONS = (".wk_code", ".wk_runtime")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes by use. Flash of the model = code + tables + runtime + initialised data.

    external: True when the tables were put into external memory, because they exceed the
    target's flash region. RAM of the model = arena + input + logits + data + bss.
    """

    code_bytes: int
    tables_bytes: int
    runtime_bytes: int
    data_bytes: int
    bss_bytes: int
    arena_bytes: int
    input_bytes: int
    logits_bytes: int
    harness_bytes: int
    external: bool

    @property
    def flash_bytes(self) -> int:
        return self.code_bytes + self.tables_bytes + self.runtime_bytes + self.data_bytes

    @property
    def ram_bytes(self) -> int:
        """Without stack."""
        buffers = self.arena_bytes + self.input_bytes + self.logits_bytes
        return buffers + self.data_bytes + self.bss_bytes


@dataclass(frozen=True, slots=True)
class Image:
    """A linked model: the file, its parsed form, and what it was built from and with."""

    path: Path
    source: Path
    elf: Elf
    target: Target
    toolchain: Toolchain
    flags: tuple[str, ...]
    memory: Memory
    mode: HarnessMode

    @property
    def entry(self) -> Symbol:
        """The function whose calls are told apart."""
        return self.elf.symbol(ENTRIES[self.mode][0])

    def source_lines(self) -> SourceLines:
        """The lines of wk_model.c; only while the image's file exists."""
        return SourceLines(self.path, self.source / MODEL_SOURCE)

    def counted_range(self) -> tuple[int, int]:
        """(address, bytes) that hold the model's code and the library functions it needs."""
        sections = [self.elf.sections[name] for name in _MODEL_SECTIONS if self.elf.size(name)]
        first = min(section.address for section in sections)
        return first, max(section.address + section.size_bytes for section in sections) - first


def build_image(
    c_folder: Path,
    toolchain: Toolchain,
    work: Path,
    *,
    flags: tuple[str, ...] = ("-O2",),
    mode: HarnessMode = "window",
) -> Image:
    """Compile every C file of `c_folder` with house warnings and link it for the target.

    work: an existing folder for objects and the ELF. mode: what the harness calls, and so what is
    linked; a stream's arena is its wk_model_stream_t. Raises ModelFileError when the folder has
    no wk_model.h, the compiler refuses it, or the result needs a forbidden symbol.
    """
    if mode == "stream" and not (c_folder / "wk_model_stream.h").is_file():
        raise ModelFileError("The model cannot stream: its C has no wk_model_stream.h.")
    target = toolchain.target
    model = compile_model(c_folder, toolchain, work, flags)
    objects = model + _compile_harness(c_folder, toolchain, work, mode)
    constants = sum(
        section.size_bytes
        for path in model
        for section in read_elf(path).sections.values()
        if section.name.startswith(".rodata")
    )
    external = constants > target.flash.size_bytes - (64 << 10)
    script = work / "wk.ld"
    script.write_text(_link_script(target, external, mode))
    path = work / f"model-{target.name}-{toolchain.compiler}.elf"
    toolchain.link(objects, script, path)
    elf = read_elf(path)
    forbidden = forbidden_symbols(elf)
    if forbidden:
        raise ModelFileError(f"The image needs {', '.join(forbidden)}, which the device must not.")
    return Image(path, c_folder, elf, target, toolchain, flags, _memory(elf, external), mode)


def compile_model(
    c_folder: Path, toolchain: Toolchain, work: Path, flags: tuple[str, ...]
) -> list[Path]:
    """Every C file of the folder as an object in `work`, with house warnings as errors.

    Raises ModelFileError when there is no model, the compiler refuses, or a forbidden symbol is
    asked for.
    """
    sources = sorted(c_folder.glob("*.c"))
    if not (c_folder / "wk_model.h").is_file() or not sources:
        raise ModelFileError(f"{c_folder} has no wk_model.h and C files: export with --int8 first.")
    objects = []
    for source in sources:
        output = work / f"wkmodel_{source.stem}.o"
        debug = ("-g1",) if source.name == MODEL_SOURCE else ()
        toolchain.compile(source, output, (*WARNINGS, *flags, *debug, f"-I{c_folder}"))
        objects.append(output)
    _refuse_forbidden(objects)
    return objects


def _refuse_forbidden(objects: list[Path]) -> None:
    for path in objects:
        forbidden = forbidden_symbols(read_elf(path))
        if forbidden:
            name = path.stem.removeprefix("wkmodel_")
            raise ModelFileError(
                f"{name}.c needs {', '.join(forbidden)}, which the device must not."
            )


def _compile_harness(
    c_folder: Path, toolchain: Toolchain, work: Path, mode: HarnessMode
) -> list[Path]:
    names = ["wkharness_buffers.c", "wkruntime_memory.c"]
    if toolchain.target.startup is not None:
        names += ["wkharness_main.c", toolchain.target.startup]
    # -fno-builtin and the loop option keep gcc from turning memcpy's loop into a call of memcpy.
    flags = ["-std=gnu11", "-Os", "-ffreestanding", "-fno-builtin", f"-I{c_folder}", f"-I{HARNESS}"]
    if mode == "stream":
        flags.append("-DWKHARNESS_STREAM")
    if toolchain.compiler == "gcc":
        flags.append("-fno-tree-loop-distribute-patterns")
        flags.append(f"-I{HARNESS / 'freestanding'}")
    objects = []
    for name in names:
        output = work / f"{Path(name).stem}.o"
        toolchain.compile(HARNESS / name, output, tuple(flags))
        objects.append(output)
    return objects


def _link_script(target: Target, external: bool, mode: HarnessMode) -> str:
    text = (HARNESS / "link.ld.in").read_text()
    values = {
        "ENTRY": "wk_reset" if target.startup else ENTRIES[mode][0],
        "KEPT": " ".join(ENTRIES[mode]),
        "CONST_REGION": "EXTERNAL" if external else "FLASH",
        "DATA_LOAD_REGION": "FLASH" if target.isa == "thumb" else "RAM",
    }
    regions: dict[str, Region] = {
        "FLASH": target.flash,
        "RAM": target.ram,
        "EXTERNAL": target.external,
    }
    for name, region in regions.items():
        values[f"{name}_ORIGIN"] = hex(region.origin)
        values[f"{name}_SIZE"] = hex(region.size_bytes)
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _memory(elf: Elf, external: bool) -> Memory:
    return Memory(
        code_bytes=elf.size(".wk_code"),
        tables_bytes=elf.size(".wk_const"),
        runtime_bytes=elf.size(".wk_runtime"),
        data_bytes=elf.size(".wk_data"),
        bss_bytes=elf.size(".wk_bss"),
        arena_bytes=elf.symbol("wkharness_arena").size_bytes,
        input_bytes=elf.symbol("wkharness_input").size_bytes,
        logits_bytes=elf.symbol("wkharness_logits").size_bytes,
        harness_bytes=elf.size(".wk_harness"),
        external=external,
    )
