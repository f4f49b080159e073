"""What every emitted model file says about itself: plain text, the same in ONNX and TFLite."""

from __future__ import annotations

from typing import Any

from wearkit.integer.graph import QuantizedGraph
from wearkit.spec import trained
from wearkit_export.quantization.float_graph import FloatGraph

PRODUCER = "wearkit"


def model_metadata(graph: QuantizedGraph | FloatGraph, model_id: str) -> dict[str, str]:
    """Key -> text, in the order to write. No dates, no paths: same graph, same bytes.

    labels.<task> holds one label a line, in the order of that output's values.
    """
    model = trained(graph.model)
    window = model.window
    integers = isinstance(graph, QuantizedGraph)
    values = "int8 = clamp((count + 2) >> 2, -128, 127), 1/64 g a step" if integers else "g"
    entries = {
        "wearkit.model_id": model_id,
        "wearkit.arch": model.arch,
        "wearkit.input": f"{window.length} samples of {','.join(window.axes)} in {values}",
        "wearkit.rate_hz": f"{window.rate_hz:g}",
    }
    return entries | {f"labels.{task.name}": "\n".join(task.labels) for task in model.tasks}


def not_ours(op: Any) -> str:
    """Why an emitter refuses an operation that no network of ours holds."""
    return (
        f"{op.name} is a {type(op).__name__}, which only imported models hold: "
        "print no other model file from an imported one."
    )
