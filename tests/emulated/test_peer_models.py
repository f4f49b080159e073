"""The two models others measured their engines on: every bit of TFLite Micro's, within the budget.

Instruction counts are exact and repeatable, so a budget is an assertion, not a benchmark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.emulated.conftest import Build
from tests.firmware.engine.peer_outputs import by_task

from wearkit.integer.graph import QuantizedGraph
from wearkit_export.c.emit import emit_c
from wearkit_export.profile.avr import run_avr
from wearkit_export.profile.profile import reference_logits
from wearkit_export.profile.run import run_image

Peer = Callable[[str], "PeerModel"]


@dataclass(frozen=True, slots=True, eq=False)
class PeerModel:
    """inputs: (200, values) int8; logits: (200, 15) int8 as TFLite Micro gave them."""

    graph: QuantizedGraph
    c_folder: Path
    inputs: NDArray[np.int8]
    logits: NDArray[np.int8]


@pytest.fixture(scope="module")
def peer(archive: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Peer:
    from wearkit_export.import_tflite import import_tflite

    @cache
    def make(name: str) -> PeerModel:
        imported = import_tflite(archive(f"peer-models/{name}_int8.tflite").read_bytes())
        graph = imported.graph
        folder = tmp_path_factory.mktemp(name) / "c"
        emit_c(graph, folder, model_id="0" * 16)
        vectors = np.load(archive(f"peer-models/{name}_vectors.npz"), allow_pickle=False)
        inputs = vectors["inputs"].reshape(200, -1)
        return PeerModel(graph, folder, inputs, by_task(vectors["tflm_outputs"], imported))

    return make


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32"])
def test_every_core_gives_the_bits_of_tflite_micro(
    target: str, compiler: str, peer: Peer, build: Build
) -> None:
    model = peer("compact")
    chosen = slice(None, None, 8)  # 25 windows, synthetic and random

    run = run_image(build(target, compiler, model.c_folder), model.inputs[chosen])

    assert np.array_equal(run.logits, model.logits[chosen])


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(
    ("name", "target", "instructions_max", "flash_bytes_max", "ram_bytes_max"),
    [
        ("compact", "cortex-m4", 850_000, 10_000, 1_600),
        ("compact", "cortex-m55", 250_000, 10_000, 1_600),
    ],
)
def test_the_budget_is_kept_in_one_build(
    name: str,
    target: str,
    instructions_max: int,
    flash_bytes_max: int,
    ram_bytes_max: int,
    peer: Peer,
    build: Build,
) -> None:
    model = peer(name)
    image = build(target, "gcc", model.c_folder)

    run = run_image(image, model.inputs[:1], count=1)

    assert run.trace is not None
    assert run.trace.instructions() <= instructions_max
    assert image.memory.flash_bytes <= flash_bytes_max
    assert image.memory.ram_bytes <= ram_bytes_max
    assert run.stack_bytes <= 300


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m55"])
def test_a_hop_of_the_stream_costs_6_percent_of_a_window(
    target: str, peer: Peer, build: Build, tmp_path: Path
) -> None:
    model = peer("compact")
    whole = build(target, "gcc", model.c_folder)
    window = run_image(whole, model.inputs[:1], count=1).trace
    image = build(target, "gcc", model.c_folder, mode="stream")
    signal = np.concatenate(list(model.inputs[:2].reshape(2, 3, 100)), axis=1)  # (3, 200)
    pushes = signal.T.reshape(50, 12)

    before = run_image(image, pushes[:40], count=25).trace
    run = run_image(image, pushes, count=35)

    starts = range(0, 101, 4)
    windows = np.stack([signal[:, start : start + 100, None] for start in starts])
    assert np.array_equal(run.logits[24:], reference_logits(model.graph, windows))
    assert not run.logits[:24].any()
    assert window is not None and before is not None and run.trace is not None
    hop = (run.trace.instructions() - before.instructions()) / 10
    assert hop <= 0.06 * window.instructions()
    assert image.memory.ram_bytes <= 3_100


def test_an_uno_runs_it(
    peer: Peer, tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    for program in ("avr-gcc", "simavr"):
        needs_program(program, "apt-get install gcc-avr avr-libc simavr")
    model = peer("compact")

    run = run_avr(model.c_folder, model.inputs[[0, 100]], tmp_path)

    assert np.array_equal(run.logits, model.logits[[0, 100]])
    assert run.flash_bytes < 12_000
    assert run.ram_bytes + run.stack_bytes < 2_048


@pytest.mark.soak
@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(
    ("target", "instructions_max", "ram_bytes_max"),
    [("cortex-m4", 9_900_000, 11_000), ("cortex-m55", 1_500_000, 7_000)],
)
def test_the_large_model(
    target: str, instructions_max: int, ram_bytes_max: int, peer: Peer, build: Build
) -> None:
    """4.3 MB of weights: in external memory, which the image says."""
    model = peer("mtlnet")
    image = build(target, "gcc", model.c_folder)

    run = run_image(image, model.inputs, count=1)

    assert np.array_equal(run.logits, model.logits)
    assert image.memory.external
    assert run.trace is not None and run.trace.instructions() <= instructions_max
    assert image.memory.ram_bytes <= ram_bytes_max


@pytest.mark.soak
@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize(
    "target", ["cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32"]
)
def test_all_windows_on_every_core(target: str, compiler: str, peer: Peer, build: Build) -> None:
    model = peer("compact")

    run = run_image(build(target, compiler, model.c_folder), model.inputs)

    assert np.array_equal(run.logits, model.logits)
