"""The kernels of the Cortex-M cores, on emulated cores, against the integer reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.firmware.engine.peer_outputs import by_task

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit_export.c.emit import emit_c
from wearkit_export.import_tflite import import_tflite
from wearkit_export.profile.run import run_image
from wearkit_export.targets.image import Image, build_image
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

Int8 = NDArray[np.int8]
Build = Callable[[QuantizedGraph, str, CompilerName], Image]
MODEL_ID = "0123456789abcdef"
# What a window of compact_int8.tflite may cost: instructions, flash, RAM with input and logits.
COMPACT_LIMITS = {"cortex-m4": (620_000, 10_000, 1_600), "cortex-m55": (140_000, 10_000, 1_600)}


@pytest.fixture
def build(
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
) -> Build:
    """build(graph, core, compiler): skips, or fails in CI, where a tool is missing."""

    def make(graph: QuantizedGraph, core: str, compiler: CompilerName) -> Image:
        if compiler == "zig":
            needs_module("ziglang", "pip install 'wearkit[profile]'")
        else:
            needs_program("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi")
        if core == "cortex-m55":
            needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
        else:
            needs_module("unicorn", "pip install 'wearkit[profile]'")
        work = tmp_path / f"{core}-{compiler}"
        work.mkdir()
        emit_c(graph, tmp_path / "c", model_id=MODEL_ID)
        return build_image(tmp_path / "c", find_toolchain(find_target(core), compiler), work)

    return make


def logits(graph: QuantizedGraph, windows: Int8) -> Int8:
    found = Reference(graph).run(windows)
    return np.concatenate([found[head.task] for head in graph.heads], axis=1)


def test_dsp_kernels(net: Any, build: Build) -> None:
    graph, windows = net.graph(), net.windows(24)
    run = run_image(build(graph, "cortex-m4", "gcc"), windows)
    assert np.array_equal(run.logits, logits(graph, windows))


def test_dsp_kernels_from_another_compiler(net: Any, build: Build) -> None:
    graph, windows = net.graph("ruy"), net.windows(24)
    run = run_image(build(graph, "cortex-m33", "zig"), windows)
    assert np.array_equal(run.logits, logits(graph, windows))


def test_mve_kernels(net: Any, build: Build) -> None:
    graph, windows = net.graph(), net.windows(24)
    run = run_image(build(graph, "cortex-m55", "gcc"), windows)
    assert np.array_equal(run.logits, logits(graph, windows))


def test_mve_kernels_in_another_family(net_named: Callable[[str], Any], build: Build) -> None:
    maker = net_named("axes_pooled")
    graph, windows = maker.graph("litert-ref"), maker.windows(24)
    run = run_image(build(graph, "cortex-m55", "gcc"), windows)
    assert np.array_equal(run.logits, logits(graph, windows))


@pytest.mark.parametrize("core", sorted(COMPACT_LIMITS))
def test_the_model_the_peers_were_measured_on(
    core: str, build: Build, archive: Callable[[str], Path]
) -> None:
    """200 windows with the answers TFLite Micro gave, and the cost of one."""
    model = archive("peer-models/compact_int8.tflite").read_bytes()
    with np.load(archive("peer-models/compact_vectors.npz")) as vectors:
        windows, expected = vectors["inputs"].reshape(200, -1), vectors["tflm_outputs"]
    imported = import_tflite(model)
    image = build(imported.graph, core, "gcc")
    run = run_image(image, windows, count=1)
    assert np.array_equal(run.logits, by_task(expected, imported))
    assert run.trace is not None
    instructions, flash_bytes, ram_bytes = COMPACT_LIMITS[core]
    assert run.trace.instructions() <= instructions
    assert image.memory.flash_bytes <= flash_bytes
    assert image.memory.ram_bytes <= ram_bytes


def test_a_dsp_kernel_that_is_wrong_is_seen(
    net_named: Callable[[str], Any], build: Build, tmp_path: Path
) -> None:
    maker = net_named("axes_pooled")
    graph, windows = maker.graph(), maker.windows(8)
    image = build(graph, "cortex-m4", "gcc")
    kernel = tmp_path / "c" / "wk_wide_dsp.c"
    text = kernel.read_text()
    assert "#0x7f" in text
    kernel.write_text(text.replace("#0x7f", "#0x7e"))
    work = tmp_path / "wrong"
    work.mkdir()
    wrong = build_image(tmp_path / "c", image.toolchain, work)
    assert not np.array_equal(run_image(wrong, windows).logits, logits(graph, windows))
