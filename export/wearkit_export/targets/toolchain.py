"""Compilers: ziglang (pip alone, every core), GCC cross compilers, the host's own cc.

A Toolchain is an argument list and a version; compiling and linking are plain subprocess calls
without a shell.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from wearkit.errors import MissingToolError, ModelFileError, StorageError
from wearkit.files.safe_write import require_writable
from wearkit_export.targets.target import Target

CompilerName = Literal["gcc", "zig", "clang"]
COMPILERS: tuple[CompilerName, ...] = get_args(CompilerName)

_GCC_PROGRAM = {
    "thumb": "arm-none-eabi-gcc",
    "riscv": "riscv64-unknown-elf-gcc",
    "avr": "avr-gcc",
    "x86-64": "gcc",
}
_COMPILE_LIMIT_S = 300
_MESSAGE_LIMIT = 2000

WARNINGS = (
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wconversion",
    "-Wshadow",
    "-pedantic",
)
"""What generated code must survive on every compiler."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """program: the start of every command line; flags: those of the target."""

    compiler: CompilerName
    target: Target
    program: tuple[str, ...]
    flags: tuple[str, ...]
    version: str

    @property
    def target_flags(self) -> tuple[str, ...]:
        """The part of `flags` that chooses the core."""
        return self.target.zig_flags if self.compiler == "zig" else self.target.gcc_flags

    def compile(self, source: Path, output: Path, flags: tuple[str, ...]) -> None:
        """One C file to one object. Raises ModelFileError with the compiler's first lines."""
        self._run((*self.flags, *flags, "-c", str(source), "-o", str(output)), source.name)

    def link(self, objects: list[Path], script: Path, output: Path) -> None:
        """Objects to an ELF, with the compiler's own arithmetic library and no C library."""
        # --specs brings a C library's headers, but at link time its own linker script too.
        flags = [flag for flag in self.flags if not flag.startswith("--specs")]
        arguments = [*flags, *(str(path) for path in objects), "-static"]
        arguments += [f"-Wl,-T,{script}", "-Wl,--gc-sections", "-Wl,--build-id=none"]
        if self.compiler != "zig":
            arguments += ["-nostdlib", "-nostartfiles", "-lgcc", "-Wl,--no-warn-rwx-segments"]
        self._run((*arguments, "-o", str(output)), output.name)

    def link_hosted(self, objects: list[Path], output: Path) -> None:
        """Objects to an ELF with the compiler's own start-up code, script and C library."""
        files = (str(path) for path in objects)
        self._run((*self.flags, *files, "-Wl,--gc-sections", "-o", str(output)), output.name)

    def _run(self, arguments: tuple[str, ...], subject: str) -> None:
        done = run_tool((*self.program, *arguments))
        if done.returncode != 0:
            message = (done.stderr or done.stdout)[:_MESSAGE_LIMIT].strip()
            raise ModelFileError(
                f"{self.version} cannot build {subject} for {self.target.name}: {message}"
            )


def run_tool(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run a compiler or a version query. Raises MissingToolError when it hangs or is absent."""
    try:
        return subprocess.run(
            command,
            env={**os.environ, **(_zig_settings() if "ziglang" in command else {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingToolError(f"{command[0]} cannot be run ({error}): reinstall it.") from error


@cache
def _zig_settings() -> dict[str, str]:
    """Where zig keeps what it builds of its libraries: its own place, or one that ends with this
    process where there is no home that can be written to, without which zig builds nothing."""
    name = "ZIG_GLOBAL_CACHE_DIR"
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or Path("~", ".cache").expanduser()
        folder = Path(os.environ.get(name) or Path(caches, "zig"))
        require_writable(folder)
    except (StorageError, RuntimeError):  # RuntimeError: nobody knows where home is
        folder = Path(tempfile.mkdtemp(prefix="wearkit-zig-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {name: str(folder)}


def find_toolchain(target: Target, compiler: CompilerName | None = None) -> Toolchain:
    """The compiler asked for, or the first found of gcc, zig (and clang for the host).

    Raises MissingToolError saying what to install.
    """
    order: tuple[CompilerName, ...] = (compiler,) if compiler else ("gcc", "zig", "clang")
    for name in order:
        found = _find(target, name)
        if found is not None:
            return found
    if target.isa == "avr":
        raise MissingToolError("AVR needs avr-gcc: apt-get install gcc-avr avr-libc simavr.")
    wanted = "ziglang" if compiler in (None, "zig") else f"{compiler} for {target.name}"
    raise MissingToolError(
        f"No compiler for {target.name} ({wanted} not found): pip install 'wearkit[profile]'."
    )


def find_program(compiler: CompilerName | None = None) -> tuple[tuple[str, ...], str]:
    """(command, version) of a compiler for programs of this computer: cc, clang or zig.

    Raises MissingToolError when there is none.
    """
    if compiler in (None, "gcc", "clang"):
        for name in {"gcc": ("gcc",), "clang": ("clang",), None: ("cc", "clang")}[compiler]:
            program = shutil.which(name)
            if program is not None:
                return (program,), run_tool((program, "--version")).stdout.partition("\n")[0]
    if compiler in (None, "zig") and importlib.util.find_spec("ziglang") is not None:
        command = (sys.executable, "-m", "ziglang")
        version = run_tool((*command, "version")).stdout.strip()
        return (*command, "cc", "-fno-sanitize=undefined"), f"zig {version} (clang)"
    raise MissingToolError("No C compiler on this computer: pip install 'wearkit[profile]'.")


def available_compilers(target: Target) -> list[CompilerName]:
    """Those of COMPILERS that can build for the target on this machine."""
    return [name for name in COMPILERS if _find(target, name) is not None]


def _find(target: Target, compiler: CompilerName) -> Toolchain | None:
    if compiler == "zig":
        return _find_zig(target)
    name = _GCC_PROGRAM[target.isa] if compiler == "gcc" else "clang"
    program = shutil.which(name)
    if program is None or (compiler == "clang" and target.isa != "x86-64"):
        return None
    flags = (*target.gcc_flags, "-ffunction-sections", "-fdata-sections")
    version = run_tool((program, "--version")).stdout.partition("\n")[0]
    return Toolchain(compiler, target, (program,), flags, version)


def _find_zig(target: Target) -> Toolchain | None:
    if not target.zig_flags or importlib.util.find_spec("ziglang") is None:
        return None
    program = (sys.executable, "-m", "ziglang")
    headers = Path(__file__).parent / "harness" / "freestanding"
    flags = (
        *target.zig_flags,
        f"-I{headers}",
        "-fomit-frame-pointer",
        "-fno-sanitize=undefined",
        "-ffunction-sections",
        "-fdata-sections",
        "-g0",  # unless a file asks for lines: zig's own default is full debug information
    )
    version = f"zig {run_tool((*program, 'version')).stdout.strip()} (clang)"
    return Toolchain("zig", target, (*program, "cc"), flags, version)
