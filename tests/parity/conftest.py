"""One quantized graph per architecture, and windows that look for trouble."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.integer.graph import QuantizedGraph
from wearkit.model.checkpoint import Checkpoint

ORACLES = {
    "tflm": ("tflite_micro", "pip install 'wearkit[micro]' (Linux x86-64)"),
    "litert": ("ai_edge_litert", "pip install 'wearkit[live]'"),
    "onnx": ("onnxruntime", "pip install 'wearkit[live]'"),
}


@pytest.fixture(scope="session")
def quantized(
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
    needs_module: Callable[[str, str], None],
) -> Callable[..., QuantizedGraph]:
    """quantized(arch, dense_per_channel=False)."""
    needs_module("onnx", "pip install 'wearkit[export]'")
    needs_module("ai_edge_litert", "pip install 'wearkit[export]'")
    from wearkit_export.quantization.quantize import quantize

    def make(arch: str, dense_per_channel: bool = False) -> QuantizedGraph:
        counts = made_counts(128, seed=1)
        return quantize(untrained_checkpoint(arch), counts, dense_per_channel=dense_per_channel)

    return make


@pytest.fixture(scope="session")
def hard_windows(made_counts: Callable[..., NDArray[np.int16]]) -> NDArray[np.int8]:
    """2048 windows (N, 100, 3) int8: 1200 a body could make, the rest none could."""
    generator = np.random.default_rng(11)
    noise = generator.integers(-128, 128, (500, 100, 3))
    rails = generator.choice([-128, 127], (200, 100, 3))
    constants = np.broadcast_to(generator.integers(-128, 128, (128, 1, 3)), (128, 100, 3))
    alternating = np.where(np.arange(100) % 2 == 0, -128, 127)[:, None] * np.ones(3, int)
    one_axis = [np.where(np.arange(3) == axis, alternating, 0) for axis in range(3)]
    extremes = [
        *(np.full((100, 3), value) for value in (-128, 127, 0, 1, -1)),
        *(alternating, -1 - alternating, *one_axis),
        *(np.roll(alternating, 1, axis=0) // divisor for divisor in range(2, 12)),
    ]
    made = np.concatenate([noise, rails, constants, np.stack(extremes)]).astype(np.int8)
    return np.concatenate([counts_to_int8(made_counts(2048 - len(made), seed=4)), made])
