"""What most export tests start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.checkpoint import Checkpoint
from wearkit.graph import QuantizedGraph


@pytest.fixture(scope="session", autouse=True)
def export_tools(needs_module: Callable[[str, str], None]) -> None:
    for module in ("onnx", "onnxruntime", "ai_edge_litert", "flatbuffers"):
        needs_module(module, "pip install 'wearkit[export]'")


@pytest.fixture(scope="session")
def graphs(
    export_tools: None,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> Callable[[str], QuantizedGraph]:
    """graphs(arch): quantized from 64 windows, made once."""
    from wearkit_export.quantize import quantize

    made: dict[str, QuantizedGraph] = {}

    def make(arch: str) -> QuantizedGraph:
        if arch not in made:
            made[arch] = quantize(untrained_checkpoint(arch), made_counts(64, seed=1))
        return made[arch]

    return make


@pytest.fixture
def real_tensorflow(needs_module: Callable[[str, str], None]) -> None:
    """For a test that wants TensorFlow's opinion."""
    needs_module("tensorflow", "pip install 'wearkit[tensorflow]'")


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """TensorFlow takes seconds to start, so only tests that ask for it get it."""
    if "real_tensorflow" not in request.fixturenames:
        from wearkit_export import equality

        monkeypatch.setattr(equality, "tensorflow_installed", lambda: False)
