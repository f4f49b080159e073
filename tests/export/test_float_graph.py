"""The folded float graph against the torch network the weights come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import ModelFileError
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import TaskSpec


@pytest.mark.parametrize("arch", ["mtl-net", "mtl-net-micro"])
def test_equals_torch(
    arch: str,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
    needs_module: Callable[[str, str], None],
) -> None:
    needs_module("torch", "pip install 'wearkit[train]'")
    import torch

    from wearkit.evaluation.scores import float_logits
    from wearkit_export.quantization.float_graph import fold
    from wearkit_export.quantization.quantize import counts_to_g

    torch.set_num_threads(1)
    checkpoint = untrained_checkpoint(arch)
    counts = made_counts(140, seed=7)
    expected = float_logits(checkpoint, counts_to_int8(counts))
    found = fold(checkpoint).run(counts_to_g(counts))
    for task, logits in expected.items():
        assert np.abs(found[task] - logits).max() < 2e-5 * max(1.0, np.abs(logits).max())


def test_ranges_hold_every_value(
    untrained_checkpoint: Callable[..., Checkpoint], made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    from wearkit_export.quantization.float_graph import fold
    from wearkit_export.quantization.quantize import counts_to_g

    graph = fold(untrained_checkpoint("mtl-net-micro"))
    acc_g = counts_to_g(made_counts(300))
    ranges = graph.ranges(acc_g)
    assert set(ranges) == set(graph.shapes) and len(ranges) == 9
    assert ranges["input"] == (float(acc_g.min()), float(acc_g.max()))
    for task, logits in graph.run(acc_g).items():
        assert ranges[task] == (float(logits.min()), float(logits.max()))
    assert ranges["conv1.out"][0] == 0.0


def test_a_negative_variance_is_refused(untrained_checkpoint: Callable[..., Checkpoint]) -> None:
    from wearkit_export.quantization.float_graph import fold

    checkpoint = untrained_checkpoint("mtl-net-micro")
    variance = checkpoint.weights["conv2.norm.running_var"].copy()
    variance[5] = -1
    weights = {**checkpoint.weights, "conv2.norm.running_var": variance}
    with pytest.raises(ModelFileError, match="negative variance"):
        fold(replace(checkpoint, weights=weights))


def test_the_published_path_has_no_exported_form(
    untrained_checkpoint: Callable[..., Checkpoint],
) -> None:
    from wearkit_export.quantization.float_graph import fold

    with pytest.raises(ModelFileError, match="comparing figures only"):
        fold(untrained_checkpoint("mtl-net-paper"))


def test_a_task_cannot_take_the_name_of_the_input(
    untrained_checkpoint: Callable[..., Checkpoint],
) -> None:
    from wearkit_export.quantization.float_graph import fold

    checkpoint = untrained_checkpoint("mtl-net-micro")
    tasks = (TaskSpec("input", checkpoint.model.tasks[0].labels), checkpoint.model.tasks[1])
    weights = {
        name.replace("heads.posture", "heads.input"): values
        for name, values in checkpoint.weights.items()
    }
    renamed = Checkpoint(replace(checkpoint.model, tasks=tasks), weights)
    with pytest.raises(ModelFileError, match="'input'"):
        fold(renamed)
