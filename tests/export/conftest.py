"""What most export tests start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.integer.graph import QuantizedGraph
from wearkit.model.checkpoint import Checkpoint


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
    from wearkit_export.quantization.quantize import quantize

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


@pytest.fixture
def real_compiler(needs_program: Callable[[str, str], str]) -> None:
    """For a test whose export is to build the C it wrote."""
    needs_program("cc", "apt-get install gcc")


@pytest.fixture(autouse=True)
def only_quick_oracles(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """TensorFlow and a compiler take seconds, so only tests that ask for them get them."""
    from wearkit_export.bundle import c_folder, equality
    from wearkit_export.bundle.tensorflow_oracle import tensorflow_installed
    from wearkit_export.targets.native import run_native

    quick_export(monkeypatch)
    if "real_tensorflow" in request.fixturenames:
        monkeypatch.setattr(equality, "tensorflow_installed", tensorflow_installed)
    if "real_compiler" in request.fixturenames:
        monkeypatch.setattr(c_folder, "run_native", run_native)
