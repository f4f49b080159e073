"""Proof that the graph, the int8 ONNX and the int8 TFLite file hold the same integers.

Each is read back into the same plain list of layers, with the layout of the format undone, and
hashed. Layers that only move bytes (transpose, reshape) carry no number and are left out: that
they move them to the right place is for the runtimes to show.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit.integer.graph import (
    Conv1D,
    Dense,
    MaxPool1D,
    MeanTime,
    QuantizedGraph,
    Reshape,
    Tensor,
    bias_scale,
)
from wearkit.spec import canonical_json

MODEL_INPUT = -1
"""The number of the layer that feeds the first one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale and zero point of an activation."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, eq=False)
class PrintedLayer:
    """One layer as any of the three says it.

    kind: conv, dense, max or mean; source: number of the layer it reads; numbers: stride of a
    convolution, size and stride of a pool; constants: weight (out, [kernel,] in) int8, weight
    scale, bias int32, bias scale, or nothing.
    """

    kind: str
    source: int
    before: Scale
    after: Scale
    relu: bool = False
    numbers: tuple[int, ...] = ()
    constants: tuple[NDArray[Any], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of everything above."""
        sha256 = hashlib.sha256(
            canonical_json(
                [
                    self.kind,
                    self.source,
                    [self.before.scale, self.before.zero_point],
                    [self.after.scale, self.after.zero_point],
                    self.relu,
                    list(self.numbers),
                    [[str(part.dtype), list(part.shape)] for part in self.constants],
                ]
            )
        )
        for part in self.constants:
            sha256.update(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).tobytes())
        return sha256.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Printed:
    """heads: task -> number of the layer that answers it."""

    layers: tuple[PrintedLayer, ...]
    heads: dict[str, int]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all layers and heads, 64 hex digits."""
        digests = [layer.digest for layer in self.layers]
        return hashlib.sha256(canonical_json([digests, self.heads])).hexdigest()


def read_graph(graph: QuantizedGraph) -> Printed:
    """The layers of a graph itself."""
    layers: list[PrintedLayer] = []
    writer = {graph.input: MODEL_INPUT}
    for op in graph.ops:
        source, target = graph.tensor(op.input), graph.tensor(op.output)
        if isinstance(op, Reshape):
            writer[op.output] = writer[op.input]
            continue
        writer[op.output] = len(layers)
        number, before, after = writer[op.input], _scale(source), _scale(target)
        if isinstance(op, Conv1D | Dense):
            step = bias_scale(source.scale, op.weight_scale)
            constants = (op.weight, op.weight_scale, op.bias, step)
            kind, stride = ("conv", (op.stride,)) if isinstance(op, Conv1D) else ("dense", ())
            layers.append(
                PrintedLayer(
                    kind, number, before, after, op.activation == "relu", stride, constants
                )
            )
        elif isinstance(op, MaxPool1D):
            sizes = (op.size, op.stride)
            layers.append(PrintedLayer("max", number, before, after, numbers=sizes))
        elif isinstance(op, MeanTime):
            layers.append(PrintedLayer("mean", number, before, after))
        else:
            raise VerificationError(f"{op.name} is in no network of ours and is not printed.")
    return Printed(tuple(layers), {head.task: writer[head.tensor] for head in graph.heads})


def check_same(expected: Printed, parsed: Printed, name: str) -> None:
    """Raises VerificationError, naming the first layer of the file `name` that differs."""
    if expected.fingerprint == parsed.fingerprint:
        return
    pairs = zip(expected.layers, parsed.layers, strict=False)
    differing = [number for number, (a, b) in enumerate(pairs) if a.digest != b.digest]
    where = f"layer {differing[0]}" if differing else "the number of layers or the heads"
    raise VerificationError(f"{name} does not hold the integers of the graph: see {where}.")


def _scale(tensor: Tensor) -> Scale:
    return Scale(tensor.scale, tensor.zero_point)
