"""From the operations of a QuantizedGraph to the kernel calls of generated C: what is fused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wearkit.errors import ModelFileError
from wearkit.graph import Conv1D, Dense, Flatten, MaxPool1D, MeanTime, Op, QuantizedGraph, Tensor
from wearkit_export.c_constants import TILE, Constants, fits_wide, layer_constants, segment_tiles

MEAN_STEPS_MAX = 255  # WK_MEAN_STEPS_MAX of wk_mean.h
_NAME_LENGTH = 24


@dataclass(frozen=True, slots=True, eq=False)
class ConvCall:
    """Convolution, ReLU, max pool (size 1 is none) and, if `mean`, the mean over all steps.

    reads: the tensor whose buffer it reads. steps: outputs of a row, before the mean.
    """

    name: str
    op: Conv1D
    constants: Constants
    reads: str
    source: Tensor
    target: Tensor
    steps: int
    pool: int
    pool_stride: int
    mean: bool

    @property
    def step(self) -> int:
        """Values from one convolution to the next."""
        return self.op.stride * self.source.shape[2]

    @property
    def tiled(self) -> bool:
        """Windows start at multiples of four values, and 24 bits hold their sums."""
        return self.source.shape[2] % 4 == 0 and fits_wide(self.constants.weight)

    def scratch_bytes(self, steps: int) -> int:
        """WK_CONV1D_TILES_SCRATCH or WK_CONV1D_TAPS_SCRATCH of wk_conv1d.h."""
        window = self.constants.inputs
        if self.tiled:
            rest = (self.pool - 1 if self.pool > 1 else 1) * self.step
            return rest * 2 + -(-window // TILE) * 2 * TILE
        return ((steps - 1) * self.pool_stride + self.pool) * self.step * 2 + -(-window // 2) * 4


@dataclass(frozen=True, slots=True, eq=False)
class DenseCall:
    """in_place: nobody reads the inputs afterwards, so that they may be converted where they lie.

    segment: tiles between two emptyings of a 24-bit accumulator.
    """

    name: str
    op: Dense
    constants: Constants
    reads: str
    source: Tensor
    target: Tensor
    in_place: bool
    segment: int

    @property
    def half_bytes(self) -> int:
        """WK_DENSE_IN_PLACE of wk_dense.h."""
        return -(-self.constants.inputs // TILE) * TILE


Call = ConvCall | DenseCall


@dataclass(slots=True)
class Names:
    """C identifiers: short, unique, made of the names in the graph."""

    taken: set[str] = field(default_factory=lambda: {"arena", "base", "scratch", "row", "step"})

    def take(self, wanted: str) -> str:
        name = re.sub(r"[^0-9a-z]+", "_", wanted.lower()).strip("_")
        name = name[-_NAME_LENGTH:].strip("_") or "layer"
        if name[0].isdigit():
            name = f"layer_{name}"
        unique, count = name, 2
        while unique in self.taken:
            unique, count = f"{name}_{count}", count + 1
        self.taken.add(unique)
        return unique


def calls(graph: QuantizedGraph, names: Names) -> Iterator[Call]:
    """Every call in order. Raises ModelFileError for an operation no kernel can do."""
    done: set[str] = set()
    for op in graph.ops:
        if op.name in done or isinstance(op, Flatten):
            continue
        if isinstance(op, Conv1D):
            fused = _fused(graph, op)
            done |= {other.name for other in fused}
            yield _conv_call(graph, op, fused, names)
        elif isinstance(op, Dense):
            yield _dense_call(graph, op, names)
        else:
            raise ModelFileError(f"{op.name}: C has no kernel for {type(op).__name__} on its own.")


def storage(graph: QuantizedGraph, tensor: str) -> str:
    """The tensor whose bytes these are: a Flatten moves nothing."""
    for op in graph.ops:
        if op.output == tensor and isinstance(op, Flatten):
            return storage(graph, op.input)
    return tensor


def _only_reader(graph: QuantizedGraph, tensor: str) -> Op | None:
    """The one operation that reads a tensor nobody else needs."""
    readers = [op for op in graph.ops if op.input == tensor]
    if len(readers) != 1 or tensor in {head.tensor for head in graph.heads}:
        return None
    return readers[0]


def _fused(graph: QuantizedGraph, op: Conv1D) -> list[Op]:
    """The max pool and the mean that a convolution takes along."""
    found: list[Op] = []
    after = _only_reader(graph, op.output)
    if isinstance(after, MaxPool1D) and max(after.size, after.stride) <= 255:
        found.append(after)
        after = _only_reader(graph, after.output)
    last = found[-1].output if found else op.output
    if isinstance(after, MeanTime) and graph.tensor(last).shape[1] <= MEAN_STEPS_MAX:
        found.append(after)
    return found


def _conv_call(graph: QuantizedGraph, op: Conv1D, fused: list[Op], names: Names) -> ConvCall:
    pool = next((item for item in fused if isinstance(item, MaxPool1D)), None)
    mean = next((item for item in fused if isinstance(item, MeanTime)), None)
    last = fused[-1] if fused else op
    return ConvCall(
        name=names.take(op.name),
        op=op,
        constants=layer_constants(op, graph),
        reads=storage(graph, op.input),
        source=graph.tensor(op.input),
        target=graph.tensor(last.output),
        steps=graph.tensor(mean.input if mean else last.output).shape[1],
        pool=pool.size if pool else 1,
        pool_stride=pool.stride if pool else 1,
        mean=mean is not None,
    )


def _dense_call(graph: QuantizedGraph, op: Dense, names: Names) -> DenseCall:
    reads = storage(graph, op.input)
    aliases = {tensor.name for tensor in graph.tensors if storage(graph, tensor.name) == reads}
    readers = [
        other for other in graph.ops if other.input in aliases and not isinstance(other, Flatten)
    ]
    kept = aliases & {graph.input, *(head.tensor for head in graph.heads)}
    constants = layer_constants(op, graph)
    return DenseCall(
        name=names.take(op.name),
        op=op,
        constants=constants,
        reads=reads,
        source=graph.tensor(op.input),
        target=graph.tensor(op.output),
        in_place=readers[-1] is op and not kept,
        segment=segment_tiles(constants.weight),
    )
