"""The models and the windows that c_engine.py and c_equality.py measure with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import INT8_ONNX, INT8_S8_ONNX, INT8_TFLITE, open_bundle
from wearkit.integer.graph import QuantizedGraph
from wearkit.recordings.formats import open_dataset
from wearkit.spec import WindowSpec
from wearkit.windows.cut import cut
from wearkit_export.bundle.equality import Models
from wearkit_export.import_tflite import import_tflite

Int8 = NDArray[np.int8]

ADVERSARIAL_WINDOWS = 1000


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    graph: QuantizedGraph
    files: Models


def models(peers: Path | None, bundles: list[Path]) -> Iterator[Model]:
    """The .tflite files of a folder, imported, and bundles of ours."""
    for path in sorted(peers.glob("*_int8.tflite")) if peers else ():
        data = path.read_bytes()
        imported = import_tflite(data)
        files = Models(int8_tflite=data, outputs=imported.output_places)
        yield Model(path.name.removesuffix("_int8.tflite"), imported.graph, files)
    for path in bundles:
        bundle = open_bundle(path)
        onnx, s8_onnx = (bundle.path / name for name in (INT8_ONNX, INT8_S8_ONNX))
        files = Models(
            int8_tflite=bundle.read(INT8_TFLITE),
            int8_onnx=onnx.read_bytes() if onnx.is_file() else None,
            int8_s8_onnx=s8_onnx.read_bytes() if s8_onnx.is_file() else None,
        )
        yield Model(path.name.removesuffix("-int8"), bundle.graph, files)


def adversarial(graph: QuantizedGraph, count: int = ADVERSARIAL_WINDOWS) -> Int8:
    """Constants, alternating extremes, rails, single spikes, and noise, in equal shares."""
    shape = graph.tensor(graph.input).shape
    random = np.random.default_rng(5)
    share = count // 5
    rows, steps, channels = shape
    constants = np.broadcast_to(
        np.linspace(-128, 127, share).round()[:, None, None, None], (share, *shape)
    )
    period = random.integers(1, 9, (share, 1, 1, 1))
    phase = np.arange(steps)[:, None] // period % 2
    alternating = np.where(phase == 0, -128, 127) * np.ones((share, rows, steps, channels), int)
    rails = random.choice([-128, 127], (share, *shape))
    spikes = np.full((share, *shape), random.integers(-128, 128, (share, 1, 1, 1)))
    at = (np.arange(share), *(random.integers(0, extent, share) for extent in shape))
    spikes[at] = random.choice([-128, 127], share)
    noise = random.integers(-128, 128, (count - 4 * share, *shape))
    made: Int8 = np.concatenate([constants, alternating, rails, spikes, noise]).astype(np.int8)
    return made


def real(graph: QuantizedGraph, data: Path, count: int) -> Int8:
    """`count` windows spread over the recordings, quantized as the model's input asks."""
    found = cut(open_dataset(str(data)), WindowSpec())
    if len(found) < count:
        sys.exit(f"{data} has only {len(found)} windows.")
    chosen = found.counts[np.linspace(0, len(found) - 1, count).astype(int)]
    entry = graph.tensor(graph.input)
    if (entry.scale, entry.zero_point) == (1 / 64, 0):
        ours: Int8 = found.inputs[np.linspace(0, len(found) - 1, count).astype(int)][:, None]
        return ours
    steps = np.rint(chosen / 256 / entry.scale) + entry.zero_point
    values: Int8 = np.clip(steps, -128, 127).astype(np.int8)
    if entry.shape[0] == 3:
        return values.transpose(0, 2, 1)[..., None].copy()
    return values[:, None]
