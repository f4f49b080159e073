"""The models of the link's benches: a bundle's, or one that nobody trained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import open_bundle
from wearkit.integer.graph import QuantizedGraph
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec


@dataclass(frozen=True, slots=True)
class BenchModel:
    """model_id: 64 hex digits."""

    name: str
    graph: QuantizedGraph
    model_id: str


def bench_model(arch: str, bundle: Path | None = None) -> BenchModel:
    """The bundle's, whatever its net; else `arch` with random weights, the same every time."""
    if bundle is None:
        name = f"{arch}, untrained"
        return BenchModel(name, untrained(arch), hashlib.sha256(name.encode()).hexdigest())
    opened = open_bundle(bundle)
    return BenchModel(opened.path.name, opened.graph, opened.model_id)


def untrained(arch: str) -> QuantizedGraph:
    """As large and as slow as a trained one. Inputs of 1 g in any direction calibrate it."""
    from wearkit_export.quantization.quantize import quantize

    return quantize(*untrained_checkpoint(arch))


def untrained_checkpoint(arch: str) -> tuple[Checkpoint, NDArray[np.int16]]:
    """Random weights, and (64, 100, 3) counts to calibrate them with."""
    tasks = (
        TaskSpec("posture", tuple(f"posture-{number}" for number in range(12))),
        TaskSpec("placement", ("chest", "thigh", "wrist")),
    )
    model = ModelSpec(arch, WindowSpec(), tasks)
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in weight_shapes(model).items():
        spread = 0.1 if len(shape) == 1 else np.sqrt(2.0 / np.prod(shape[1:]))
        values = random.normal(0.0, spread, shape)
        if name.endswith(("running_var", "norm.weight")):
            values = random.uniform(0.4, 1.6, shape)
        weights[name] = values.astype(np.float32)
    gravity = random.normal(size=(64, 1, 3))
    gravity *= 256 / np.linalg.norm(gravity, axis=2, keepdims=True)
    counts = gravity + random.uniform(2.0, 150.0, (64, 1, 1)) * random.normal(size=(64, 100, 3))
    calibration = np.clip(np.rint(counts), -512, 511).astype(np.int16)
    return Checkpoint(model, weights), calibration
