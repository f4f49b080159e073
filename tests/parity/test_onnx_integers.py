"""ONNX Runtime must fuse every layer into an integer kernel: floats would only nearly agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.integer.graph import QuantizedGraph

# What may be left: integer kernels, and nodes that move, convert or select single values.
INTEGER_KERNELS = {"QLinearConv", "QGemm", "NhwcMaxPool", "MaxPool", "QLinearGlobalAveragePool"}
MOVES = {"Transpose", "Flatten", "Reshape", "QuantizeLinear", "DequantizeLinear"}


@pytest.mark.parametrize("arch", ["mtl-net", "mtl-net-micro"])
@pytest.mark.parametrize("level", ["ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("precision", ["0", "1"])
@pytest.mark.parametrize("signed", [False, True])
def test_every_layer_is_fused(
    arch: str,
    level: str,
    precision: str,
    signed: bool,
    quantized: Callable[..., QuantizedGraph],
    needs_module: Callable[[str, str], None],
    tmp_path: Path,
) -> None:
    needs_module("onnxruntime", "pip install 'wearkit[live]'")
    import onnx
    import onnxruntime

    from wearkit_export.formats.emit_onnx import emit_onnx

    graph = quantized(arch)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.add_session_config_entry("session.x64quantprecision", precision)
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(
        emit_onnx(graph, "id", signed=signed), options, providers=["CPUExecutionProvider"]
    )
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert set(kinds) <= INTEGER_KERNELS | MOVES
    convolutions = sum(op.name.startswith("conv") for op in graph.ops)
    linear = sum(hasattr(op, "weight") for op in graph.ops)
    assert kinds.count("QLinearConv") == convolutions
    assert kinds.count("QGemm") == linear - convolutions
