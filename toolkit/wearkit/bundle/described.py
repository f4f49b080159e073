"""What a manifest says that its graph says too, and the comparison of both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wearkit.errors import ModelFileError
from wearkit.integer.graph import QuantizedGraph
from wearkit.spec import ImportedSpec, ModelSpec, canonical_json


def described(graph: QuantizedGraph) -> dict[str, Any]:
    """Manifest key -> what the graph says: the one place where either side comes from.

    `input` is without its `shape`, which of an imported model is that of its own file.
    """
    arch, spec = _arch_and_spec(graph.model)
    source = graph.tensor(graph.input)
    heads = [(head.task, graph.tensor(head.tensor)) for head in graph.heads]
    return {
        "arch": arch,
        "spec": spec,
        "labels": {task.name: list(task.labels) for task in graph.model.tasks},
        "input": {"scale": source.scale, "zero_point": source.zero_point},
        "outputs": {
            task: {"scale": tensor.scale, "zero_point": tensor.zero_point} for task, tensor in heads
        },
        "rounding": graph.rounding,
    }


def check_described(path: Path, manifest: Mapping[str, Any], graph: QuantizedGraph) -> None:
    """Raises ModelFileError, naming the first key in which manifest `path` and graph differ."""
    for key, expected in described(graph).items():
        stated = manifest.get(key)
        if key == "input":
            shape = stated.get("shape") if isinstance(stated, dict) else None
            if not _is_window(shape, graph):
                raise _differ(path, "input.shape")
            expected = expected | {"shape": shape}
        if canonical_json(stated) != canonical_json(expected):
            raise _differ(path, key)


def _is_window(shape: Any, graph: QuantizedGraph) -> bool:
    """Whether a caller who gives windows of this shape gives what the graph takes: (length, 3) of
    a network of ours; of an imported one its own axes, with or without those of one place."""
    if not isinstance(shape, list) or any(type(extent) is not int for extent in shape):
        return False
    wanted = graph.tensor(graph.input).shape
    if isinstance(graph.model, ModelSpec):
        return tuple(shape) == wanted[1:]
    return math.prod(shape) == math.prod(wanted) and all(extent > 0 for extent in shape)


def _differ(path: Path, key: str) -> ModelFileError:
    return ModelFileError(
        f"{path} and graph.json describe different models, see {key!r}: export again."
    )


def _arch_and_spec(model: ModelSpec | ImportedSpec) -> tuple[str | None, dict[str, Any] | None]:
    """Nothing is known of an imported network and its windows."""
    if isinstance(model, ImportedSpec):
        return None, None
    return model.arch, model.window.to_json()
