"""A bundle is of a run's network when its integers are what quantizing that network gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.integer.graph import Conv1D
from wearkit.model.checkpoint import Checkpoint
from wearkit_export.quantization.quantize import quantize
from wearkit_export.quantization.same_network import quantized_from


@pytest.mark.parametrize("arch", ["mtl-net-micro", "mtl-net"])
@pytest.mark.parametrize("dense_per_channel", [False, True])
def test_any_export_of_a_network_is_known_as_its_own(
    arch: str,
    dense_per_channel: bool,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> None:
    """Whatever it was calibrated with."""
    ours, other = untrained_checkpoint(arch), untrained_checkpoint(arch, seed=1)
    for seed in (1, 2):
        graph = quantize(ours, made_counts(8, seed=seed), dense_per_channel=dense_per_channel)
        assert quantized_from(graph, ours)
        assert not quantized_from(graph, other)


def test_one_changed_bias_is_another_network(
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> None:
    ours = untrained_checkpoint("mtl-net-micro")
    graph = quantize(ours, made_counts(8))
    first = graph.ops[0]
    assert isinstance(first, Conv1D)
    changed = replace(first, bias=first.bias + np.int32(1))
    assert not quantized_from(replace(graph, ops=(changed, *graph.ops[1:])), ours)
