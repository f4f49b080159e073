"""The bare-metal Cortex-M4 image on an emulated core, sensor model and pseudo-terminal attached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, play

from wearkit.bundle.bundle import Bundle
from wearkit.counts import counts_to_int8
from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit_export.c.emit import emit_c
from wearkit_export.emulate.device import EmulateOptions
from wearkit_export.profile.run import run_image
from wearkit_export.targets.image import build_image
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, available_compilers, find_toolchain

FAST = EmulateOptions(speed=0.0, boot_id=41)


@pytest.fixture(scope="module")
def moving(made_counts: Callable[..., Counts]) -> Counts:
    """(T, 3): 14 s of windows made one after the other."""
    counts: Counts = made_counts(7, seed=8).reshape(-1, 3)
    return counts


@pytest.fixture(scope="module", params=["first", pytest.param("zig", marks=pytest.mark.soak)])
def device(
    request: pytest.FixtureRequest,
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
) -> object:
    for module in ("unicorn", "elftools"):
        needs_module(module, "pip install 'wearkit[profile]'")
    from wearkit_export.device.cortex_m4 import build_m4_image
    from wearkit_export.emulate.cortex_m4 import M4Device

    compilers = available_compilers(find_target("cortex-m4"))
    if not compilers:
        needs_module("ziglang", "pip install 'wearkit[profile]'")
    compiler = compilers[0] if request.param == "first" else request.param
    work = tmp_path_factory.mktemp(f"m4-{request.param}")
    return M4Device(build_m4_image(bundle, work, compiler=compiler), work)


@pytest.mark.parametrize("streaming", [False, True])
def test_the_image_computes_what_the_reference_computes(
    device: object, bundle: Bundle, moving: Counts, streaming: bool
) -> None:
    heard = play(device, moving, replace(FAST, streaming=streaming))  # type: ignore[arg-type]
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, moving[1:])  # to the end, though frames hold ten
    assert_predictions(heard, bundle, run)
    assert heard.errors == []
    assert heard.seqs == list(range(len(heard.seqs)))
    result = heard.result
    assert (result.taken, result.lost) == (len(moving), 0)
    assert (result.short_reads, result.early_reads, result.live_writes) == (0, 0, 0)


def test_time_is_counted_in_instructions(
    device: object, bundle: Bundle, moving: Counts, tmp_path: Path
) -> None:
    """`wearkit profile` counts the model alone, in another image and by another counter."""
    from wearkit_export.emulate.cortex_m4 import CLOCK_HZ, M4Device

    assert isinstance(device, M4Device)
    heard = play(device, moving, FAST)
    per_us = CLOCK_HZ // 1_000_000
    spent = [int.from_bytes(body[8:12], "little") * per_us for *_, body in heard.predictions]
    emit_c(bundle.graph, tmp_path, model_id=bundle.model_id)
    compiler: CompilerName = "gcc" if "gcc" in device._image.compiler else "zig"
    image = build_image(tmp_path, find_toolchain(device._image.target, compiler), tmp_path)
    windows = counts_to_int8(moving[1:101]).reshape(1, -1)
    trace = run_image(image, windows, count=1).trace
    assert trace is not None
    # Around the model: 300 counts become int8, and the timer is read.
    assert 0 < spent[0] - trace.instructions() < 300 * 40
    assert max(spent) - min(spent) < 10 * per_us
    seconds = heard.result.device_s
    assert seconds == pytest.approx(len(moving) / 50, rel=0.1)
    assert 0.001 < device.blocks.instructions / (seconds * CLOCK_HZ) < 0.2
    assert sum(device.blocks.by_function().values()) == device.blocks.instructions


def test_the_device_reports_its_deepest_stack(device: object, moving: Counts) -> None:
    from wearkit_export.emulate.cortex_m4 import M4Device

    assert isinstance(device, M4Device)
    deepest = []
    for streaming in (False, True):
        heard = play(device, moving[:300], replace(FAST, streaming=streaming))
        free = int.from_bytes(heard.stats[-1][28:32], "little")
        assert free == 0x4000 - device.stack_bytes
        deepest.append(device.stack_bytes)
    assert all(300 < depth < 4096 for depth in deepest)


def test_a_fault_begins_a_new_run(device: object, moving: Counts) -> None:
    options = replace(FAST, faults="6000:burst=40", mode="samples")
    heard = play(device, moving, options)  # type: ignore[arg-type]
    before, after = heard.runs()

    assert heard.errors == ["The sensor's buffer was full, samples were lost: read more"]
    assert heard.predictions == []
    np.testing.assert_array_equal(before, moving[1 : len(before) + 1])
    assert len(before) > 250 and len(after) > 200


def test_the_same_run_gives_the_same_bytes(device: object, moving: Counts) -> None:
    first = play(device, moving[:300], FAST)  # type: ignore[arg-type]
    second = play(device, moving[:300], FAST)  # type: ignore[arg-type]

    assert first.text == second.text and len(first.text) > 2000


def test_an_error_behind_a_peripheral_is_raised(
    device: object, moving: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wearkit_export.emulate.sensor import SensorLibrary

    def fail(_self: SensorLibrary, _now_us: int) -> None:
        raise VerificationError("The sensor broke.")

    monkeypatch.setattr(SensorLibrary, "until", fail)
    with pytest.raises(VerificationError, match="The sensor broke"):
        play(device, moving, FAST)  # type: ignore[arg-type]


def test_what_is_missing_or_wrong_is_said(
    device: object, moving: Counts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import importlib.util

    from wearkit_export.emulate.cortex_m4 import M4Device

    assert isinstance(device, M4Device)
    with pytest.raises(DataError, match="character 12"):
        device._sensor.begin([moving], faults="5:absent=1,")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match="unicorn is not installed"):
        M4Device(device._image, tmp_path)
