"""The rounding itself, on graphs made to corner it; and the proof that these tests can fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Runtime
from wearkit.bundle.runtimes.micro import MicroRuntime
from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.bundle.runtimes.tflite import open_tflite
from wearkit.integer import requantize
from wearkit.integer.graph import Conv1D, Dense, Head, QuantizedGraph, Reshape, Rounding, Tensor
from wearkit.integer.logits import compare
from wearkit.integer.reference import Reference
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

ORACLES: dict[str, tuple[str, Rounding]] = {
    "tflm": ("tflite_micro", "tflm"),
    "litert": ("ai_edge_litert", "xnnpack"),
    "onnx": ("onnxruntime", "xnnpack"),
    "onnx-s8": ("onnxruntime", "xnnpack"),
}

_CHANNELS = 8
_LABELS = 2000


def _float32(value: float) -> float:
    return float(np.float32(value))


def random_graph(seed: int) -> tuple[QuantizedGraph, NDArray[np.int8]]:
    """A convolution with scales over five decades, then a dense layer of 2000 outputs whose
    biases spread the accumulators over the whole int8 range and past both ends; and 10 windows."""
    generator = np.random.default_rng(seed)
    task = TaskSpec("task", tuple(map(str, range(_LABELS))))
    model = ModelSpec("random", WindowSpec(length=3, hop=1), (task,))
    relu = bool(generator.integers(2))
    source = Tensor("input", (1, 3, 3), 1 / 64, 0)
    scales = (10 ** generator.uniform(-6, -1, _CHANNELS)).astype(np.float32)
    middle_scale = _float32(max(10 ** generator.uniform(-4, 1), float(scales.max()) / 64))
    middle_zero = -128 if relu else int(generator.integers(-128, 128))
    middle = Tensor("middle", (1, 3, _CHANNELS), middle_scale, middle_zero)
    flat = Tensor("flat", (1, 1, 3 * _CHANNELS), middle_scale, middle_zero)
    steps = generator.uniform(-300, 300, _CHANNELS) * middle_scale * 64 / scales
    convolution = Conv1D(
        "convolution",
        "input",
        "middle",
        generator.integers(-127, 128, (_CHANNELS, 1, 3)).astype(np.int8),
        scales,
        np.clip(np.rint(steps), -(2**29), 2**29).astype(np.int32),
        activation="relu" if relu else "none",
    )
    weight_scale = (10 ** generator.uniform(-4, 0, 1)).astype(np.float32)
    product = middle_scale * float(weight_scale[0])
    last = Tensor(
        "task",
        (1, 1, _LABELS),
        _float32(product * 10 ** generator.uniform(0, 6)),
        int(generator.integers(-128, 128)),
    )
    biases = generator.uniform(-200, 200, _LABELS) * last.scale / product
    dense = Dense(
        "dense",
        "flat",
        "task",
        generator.integers(-127, 128, (_LABELS, 3 * _CHANNELS)).astype(np.int8),
        weight_scale,
        np.clip(np.rint(biases), -(2**30), 2**30).astype(np.int32),
    )
    graph = QuantizedGraph(
        model,
        (source, middle, flat, last),
        (convolution, Reshape("flatten", "middle", "flat"), dense),
        "input",
        (Head("task", "task"),),
    )
    windows = np.clip(generator.normal(0, 60, (10, 3, 3)), -128, 127).astype(np.int8)
    return graph, windows


def tie_graph() -> tuple[QuantizedGraph, NDArray[np.int8]]:
    """Accumulators that lie exactly half way between two outputs, of both signs: the multiplier
    is 2**-4, the biases are all integers in reach and the inputs are nothing but zeros."""
    biases = np.arange(-(1 << 11), 1 << 11, dtype=np.int32)
    task = TaskSpec("task", tuple(map(str, range(len(biases)))))
    model = ModelSpec("ties", WindowSpec(length=1, hop=1), (task,))
    dense = Dense(
        "dense",
        "flat",
        "task",
        np.zeros((len(biases), 3), np.int8),
        np.ones(1, np.float32),
        biases,
    )
    graph = QuantizedGraph(
        model,
        (
            Tensor("input", (1, 1, 3), 1 / 64, 0),
            Tensor("flat", (1, 1, 3), 1 / 64, 0),
            Tensor("task", (1, 1, len(biases)), 1 / 4, 0),
        ),
        (Reshape("flatten", "input", "flat"), dense),
        "input",
        (Head("task", "task"),),
    )
    return graph, np.zeros((1, 1, 3), np.int8)


def open_oracle(name: str, graph: QuantizedGraph) -> Runtime:
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.emit_tflite import emit_tflite

    match name:
        case "tflm":
            return MicroRuntime(emit_tflite(graph, "id"))
        case "litert":
            return open_tflite("litert", emit_tflite(graph, "id"), package="ai_edge_litert")
        case "onnx-s8":
            return OnnxRuntime(emit_onnx(graph, "id", signed=True))
        case _:
            return OnnxRuntime(emit_onnx(graph, "id"), default_options=True)


@pytest.fixture(params=ORACLES)
def oracle(request: pytest.FixtureRequest, needs_module: Callable[[str, str], None]) -> str:
    for module in ("onnx", "ai_edge_litert", ORACLES[request.param][0]):
        needs_module(module, "pip install 'wearkit[export,micro]'")
    return str(request.param)


def differing(oracle: str, graph: QuantizedGraph, windows: NDArray[np.int8]) -> int:
    # A fresh Reference, as reference.run would remember one prepared before a constant changed.
    expected = Reference(graph, ORACLES[oracle][1]).run(windows)
    return compare(expected, open_oracle(oracle, graph).run(windows)).differing


def test_random_graphs(oracle: str) -> None:
    """24 graphs, 480,000 values, multipliers from 1e-6 to above 1."""
    for seed in range(24):
        graph, windows = random_graph(seed)
        assert differing(oracle, graph, windows) == 0, f"seed {seed}"


def test_exact_ties(oracle: str) -> None:
    assert differing(oracle, *tie_graph()) == 0


def test_ties_tell_all_three_rules_apart() -> None:
    """Half away from zero and half to even must disagree somewhere on them."""
    graph, windows = tie_graph()
    away = Reference(graph, "tflm").run(windows)
    even = Reference(graph, "xnnpack").run(windows)
    assert compare(away, even).differing > 50


@pytest.mark.parametrize(
    ("constant", "wrong"), [("_TIES_AWAY", 0), ("_HIGH_MUL_NUDGE", 0), ("_HIGH_MUL_NUDGE", 1 << 31)]
)
def test_a_wrong_rounding_constant_is_seen(
    constant: str,
    wrong: int,
    monkeypatch: pytest.MonkeyPatch,
    needs_module: Callable[[str, str], None],
) -> None:
    needs_module("tflite_micro", "pip install 'wearkit[micro]' (Linux x86-64)")
    needs_module("ai_edge_litert", "pip install 'wearkit[export]'")
    graph, windows = tie_graph()
    assert differing("tflm", graph, windows) == 0
    monkeypatch.setattr(requantize, constant, wrong)
    assert differing("tflm", graph, windows) > 0


def test_a_wrong_rounding_constant_is_seen_on_a_real_network(
    quantized: Callable[..., QuantizedGraph],
    hard_windows: NDArray[np.int8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ties are rare in a real network, but the windows of test_runtimes.py hold some."""
    graph = quantized("mtl-net-micro")
    right = Reference(graph).run(hard_windows)
    monkeypatch.setattr(requantize, "_TIES_AWAY", 0)
    assert compare(right, Reference(graph).run(hard_windows)).differing > 0


def test_dense_multiplier_is_a_double_product(
    needs_module: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A float32 product of the scales would be off in a few of these values in TFLite Micro."""
    needs_module("tflite_micro", "pip install 'wearkit[micro]' (Linux x86-64)")
    needs_module("ai_edge_litert", "pip install 'wearkit[export]'")
    for seed in (91, 93, 374, 376, 406, 439):
        graph, windows = random_graph(seed)
        with monkeypatch.context() as changed:
            changed.setattr(requantize, "multipliers", float32_multipliers)
            other = Reference(graph).run(windows)
        assert not compare(Reference(graph).run(windows), other).exact
        assert differing("tflm", graph, windows) == 0


def float32_multipliers(op: Conv1D | Dense, source: Tensor, target: Tensor) -> NDArray[np.float64]:
    product = np.float32(source.scale) * op.weight_scale
    return np.asarray(product.astype(np.float64) / target.scale)
