"""wearkit profile as a library: layers add up, estimates are called so, differences are refused."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import DataError, MissingToolError, ModelFileError, VerificationError
from wearkit.integer.graph import Conv1D, QuantizedGraph
from wearkit_export.c.emit import emit_c
from wearkit_export.import_tflite import import_tflite
from wearkit_export.profile.parts import PARTS, fits
from wearkit_export.profile.profile import Profile, owner, profile
from wearkit_export.profile.report import cycle_basis, profile_to_json
from wearkit_export.targets import toolchain
from wearkit_export.targets.image import build_image
from wearkit_export.targets.target import TARGETS, find_target

ZOO = Path(__file__).resolve().parents[1] / "export" / "import_tflite" / "zoo"


@pytest.fixture(scope="module")
def graph() -> QuantizedGraph:
    """Rows that share weights, and two heads."""
    return import_tflite((ZOO / "rows_two_heads.tflite").read_bytes()).graph


@pytest.fixture(scope="module")
def c_folder(graph: QuantizedGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile") / "c"
    emit_c(graph, folder, model_id="0" * 16)
    return folder


@pytest.fixture
def pip_tools(needs_module: Callable[[str, str], None]) -> None:
    for module in ("ziglang", "unicorn", "elftools"):
        needs_module(module, "pip install 'wearkit[profile]'")


@pytest.fixture
def found(graph: QuantizedGraph, c_folder: Path, pip_tools: None) -> Profile:
    return profile(graph, c_folder, find_target("cortex-m4"), compiler="zig")


def test_layers_add_up(found: Profile, graph: QuantizedGraph) -> None:
    names = [layer.name for layer in found.layers]

    weighted = [op.name for op in graph.ops if hasattr(op, "weight")]
    assert [name for name in names if name in weighted] == weighted
    assert set(names) <= {op.name for op in graph.ops} | {"(calls)"}
    assert names[-1] == "(calls)"
    assert sum(layer.instructions for layer in found.layers) == found.instructions
    assert sum(layer.macs or 0 for layer in found.layers) == found.macs > 1000
    assert found.cycles is not None
    parts = [layer.cycles for layer in found.layers if layer.cycles is not None]
    assert abs(sum(part.typical for part in parts) - found.cycles.typical) <= len(parts)


@pytest.mark.parametrize("name", ["cortex-m7", "cortex-m33", "cortex-m0plus", "rv32", "host"])
def test_every_core_of_pip_alone(
    name: str, graph: QuantizedGraph, c_folder: Path, pip_tools: None
) -> None:
    found = profile(graph, c_folder, find_target(name), compiler="zig")

    assert found.windows_equal == 8
    assert found.layers[0].instructions > found.layers[-1].instructions
    assert (found.native_ms is not None) == (name == "host")
    assert (found.cycles is None) == (name == "host")


def test_an_estimate_has_a_range_and_says_that_it_is_one(found: Profile) -> None:
    assert found.cycles is not None
    assert found.instructions < found.cycles.low <= found.cycles.typical <= found.cycles.high
    assert "never compared with silicon" in cycle_basis(found)
    assert f"{found.cycles.error:.0%}" in cycle_basis(found)
    values = profile_to_json(found)
    assert values["estimate"]["cycles"] == found.cycles.typical
    assert values["estimate"]["ms"] == pytest.approx(found.cycles.typical / 64e3, abs=1e-4)


def test_a_clock_changes_milliseconds_only(
    found: Profile, graph: QuantizedGraph, c_folder: Path
) -> None:
    slow = profile(graph, c_folder, find_target("cortex-m4"), compiler="zig", clock_mhz=32)

    assert slow.cycles == found.cycles
    assert slow.ms(64_000) == 2.0 and found.ms(64_000) == 1.0


def test_memory_is_that_of_the_linked_image(found: Profile, c_folder: Path, tmp_path: Path) -> None:
    compiler = toolchain.find_toolchain(find_target("cortex-m4"), "zig")
    elf = build_image(c_folder, compiler, tmp_path).elf

    loaded = sum(len(section.data) for section in elf.sections.values())
    assert found.memory.flash_bytes + found.memory.harness_bytes == loaded
    reserved = elf.size(".wk_bss") + elf.size(".wk_data") + elf.size(".wk_harness_bss")
    assert 0 <= reserved - found.memory.ram_bytes < 32  # alignment of three buffers


def test_c_of_another_graph_is_refused(
    graph: QuantizedGraph, tmp_path: Path, pip_tools: None
) -> None:
    first = next(op for op in graph.ops if isinstance(op, Conv1D))
    shifted = dataclasses.replace(first, bias=(first.bias + 900).astype(np.int32))
    other = dataclasses.replace(
        graph, ops=tuple(shifted if op is first else op for op in graph.ops)
    )
    emit_c(other, tmp_path / "c", model_id="0" * 16)

    with pytest.raises(VerificationError, match="differ from the reference"):
        profile(graph, tmp_path / "c", find_target("cortex-m4"), compiler="zig")


def test_a_bundle_without_c_is_refused(
    graph: QuantizedGraph, tmp_path: Path, pip_tools: None
) -> None:
    with pytest.raises(ModelFileError, match=r"no wk_model\.h"):
        profile(graph, tmp_path, find_target("cortex-m4"))


def test_missing_tools_are_named(
    graph: QuantizedGraph, c_folder: Path, pip_tools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingToolError, match=r"cortex-m55 needs QEMU: apt-get install qemu"):
        profile(graph, c_folder, find_target("cortex-m55"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"pip install 'wearkit\[profile\]'"):
        profile(graph, c_folder, find_target("cortex-m4"))


def test_unknown_targets_are_named() -> None:
    with pytest.raises(DataError, match="cortex-m4"):
        find_target("z80")


def test_parts_are_of_known_cores_and_fit_by_both_memories() -> None:
    assert {part.core for part in PARTS} <= set(TARGETS)
    by_name = {fit.part.name: fit for fit in fits(20_000, 3_000, "cortex-m4")}

    assert by_name["nRF52840"].fits and by_name["nRF52840"].same_core
    uno = by_name["ATmega328P (Uno)"]
    assert uno.flash_share < 1 < uno.ram_share and not uno.fits and not uno.same_core
    assert not by_name["CH32V003F4"].fits


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("wk_dense(&wk_fc1, conv2_out, out_logits);", "fc1"),
        ("memset(base + CONV_2_SUMS_AT, 0, 64);", "conv_2"),
        ("wk_pool(conv_out, 4, conv_2_out);", "conv_2"),
        ("return WK_OK;", None),
        ("", None),
    ],
)
def test_a_call_is_owned_by_the_layer_it_names(statement: str, name: str | None) -> None:
    assert owner(statement, ["conv", "conv_2", "conv2", "fc1"]) == name
