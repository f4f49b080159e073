"""The integer reference against the runtimes it claims to equal: not one int8 value may differ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Runtime
from wearkit.bundle.runtimes.micro import MicroRuntime
from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.bundle.runtimes.tflite import open_tflite
from wearkit.integer import reference
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit.integer.logits import compare

ORACLES: dict[str, tuple[str, Rounding]] = {
    "tflm": ("tflite_micro", "tflm"),
    "litert": ("ai_edge_litert", "xnnpack"),
    "onnx": ("onnxruntime", "xnnpack"),
    "onnx-s8": ("onnxruntime", "xnnpack"),
}


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


@pytest.mark.parametrize("arch", ["mtl-net", "mtl-net-micro"])
@pytest.mark.parametrize("oracle", ORACLES)
def test_reference_equals_runtime(
    oracle: str,
    arch: str,
    quantized: Callable[..., QuantizedGraph],
    hard_windows: NDArray[np.int8],
    needs_module: Callable[[str, str], None],
) -> None:
    module, family = ORACLES[oracle]
    needs_module(module, "pip install 'wearkit[export,micro]'")
    graph = quantized(arch)
    runtime = open_oracle(oracle, graph)
    assert runtime.family == family
    agreement = compare(
        reference.run(graph, hard_windows, rounding=family), runtime.run(hard_windows)
    )
    assert agreement.windows >= 2000
    assert agreement.exact, agreement


@pytest.mark.parametrize("oracle", ORACLES)
def test_per_channel_dense_equals_runtime(
    oracle: str,
    quantized: Callable[..., QuantizedGraph],
    hard_windows: NDArray[np.int8],
    needs_module: Callable[[str, str], None],
) -> None:
    module, family = ORACLES[oracle]
    needs_module(module, "pip install 'wearkit[export,micro]'")
    graph = quantized("mtl-net", dense_per_channel=True)
    some = hard_windows[::8]
    agreement = compare(
        reference.run(graph, some, rounding=family), open_oracle(oracle, graph).run(some)
    )
    assert agreement.exact, agreement


def test_families_really_differ(
    quantized: Callable[..., QuantizedGraph], hard_windows: NDArray[np.int8]
) -> None:
    """Otherwise none of the tests above would tell which family is which."""
    graph = quantized("mtl-net-micro")
    some = hard_windows[:256]
    double = reference.run(graph, some, rounding="tflm")
    assert compare(double, reference.run(graph, some, rounding="xnnpack")).differing > 100


def test_single_windows_equal_the_batch(
    quantized: Callable[..., QuantizedGraph], hard_windows: NDArray[np.int8]
) -> None:
    """Live runs windows one at a time: BLAS may take another path, the integers may not."""
    graph = quantized("mtl-net")
    some = hard_windows[:: len(hard_windows) // 300]
    batch = reference.run(graph, some)
    for index in range(len(some)):
        one = reference.run(graph, some[index : index + 1])
        assert all(np.array_equal(one[task][0], batch[task][index]) for task in batch)
