"""Folders of C to build, and builders that skip (in CI: fail) where a tool is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit_export.targets.image import HarnessMode, Image, build_image
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

STANDIN = Path(__file__).parent / "standin"
GCC = {
    "cortex-m0plus": "arm-none-eabi-gcc",
    "cortex-m4": "arm-none-eabi-gcc",
    "cortex-m7": "arm-none-eabi-gcc",
    "cortex-m33": "arm-none-eabi-gcc",
    "cortex-m55": "arm-none-eabi-gcc",
    "rv32": "riscv64-unknown-elf-gcc",
    "host": "gcc",
}

Build = Callable[..., Image]


@pytest.fixture
def standin_windows() -> NDArray[np.int8]:
    """20 windows of the stand-in, rails among them."""
    windows = np.random.default_rng(7).integers(-128, 128, (20, 24)).astype(np.int8)
    windows[0], windows[1] = -128, 127
    return windows


_RAMP = [1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12]
_RAMP += [12, -11, 10, -9, 8, -7, 6, -5, 4, -3, 2, -1]


def standin_logits(windows: NDArray[np.int8]) -> NDArray[np.int8]:
    """What standin/ computes, in numpy."""
    weights = np.array(
        [
            [
                *(n if n % 2 else -n for n in range(1, 13)),
                *(n if n % 2 == 0 else -n for n in range(12, 0, -1)),
            ],
            [3] * 24,
            [127] + [0] * 22 + [-127],
            [-1] * 12 + [1] * 12,
        ]
    )
    sums = windows.astype(np.int64) @ weights.T
    scaled = np.clip(np.trunc(sums / 256), -128, 127)
    halved: NDArray[np.int8] = np.trunc(scaled / 2).astype(np.int8)
    return halved


@pytest.fixture
def edited_standin(tmp_path: Path) -> Callable[[str, str], Path]:
    """edited_standin(old, new): a copy of the stand-in with one edit in its kernels."""

    def edit(old: str, new: str) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(STANDIN, folder)
        kernels = folder / "wk_standin.c"
        text = kernels.read_text()
        assert old in text
        kernels.write_text(text.replace(old, new, 1))
        return folder

    return edit


@pytest.fixture
def build(
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
    needs_module: Callable[[str, str], None],
) -> Build:
    """build(target, compiler, folder=STANDIN, flags=("-O2",), mode="window")."""

    def make(
        target: str,
        compiler: CompilerName = "zig",
        folder: Path = STANDIN,
        flags: tuple[str, ...] = ("-O2",),
        mode: HarnessMode = "window",
    ) -> Image:
        needs_module("elftools", "pip install pyelftools")
        if compiler == "zig":
            needs_module("ziglang", "pip install ziglang")
        elif compiler == "clang":
            needs_program("clang", "apt-get install clang")
        else:
            needs_program(GCC[target], f"apt-get install the package of {GCC[target]}")
        work = tmp_path / f"{target}-{compiler}-{mode}"
        work.mkdir(exist_ok=True)
        chosen = find_toolchain(find_target(target), compiler)
        return build_image(folder, chosen, work, flags=flags, mode=mode)

    return make


@pytest.fixture(scope="module")
def emulators(
    needs_module: Callable[[str, str], None], needs_program: Callable[[str, str], str]
) -> None:
    needs_module("unicorn", "pip install unicorn")
    needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
