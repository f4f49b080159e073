"""From the operations of a QuantizedGraph to the kernel calls of generated C: what is fused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wearkit.errors import ModelFileError
from wearkit.graph import (
    Conv1D,
    Dense,
    MaxPool1D,
    MeanTime,
    Op,
    QuantizedGraph,
    Reshape,
    Tensor,
    inputs_of,
    mean_is_plain,
)
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
    rounding_twice: bool

    @property
    def step(self) -> int:
        """Values from one convolution to the next."""
        return self.op.stride * self.source.shape[2]

    @property
    def tiled(self) -> bool:
        """Windows start at multiples of four values, and 24 bits hold their sums."""
        return self.source.shape[2] % 4 == 0 and fits_wide(self.constants.weight)

    @property
    def kernel(self) -> str:
        """The function that runs it."""
        fast = (
            self.pool == 2
            and self.constants.outputs % 4 == 0
            and self.constants.small
            and self.rounding_twice
        )
        return f"wk_conv1d_{'tiles' if self.tiled else 'taps'}{'_max2' if fast else ''}"

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
        if op.name in done or isinstance(op, Reshape):
            continue
        if isinstance(op, Conv1D):
            fused = _fused(graph, op)
            _check_kernel(op, graph, fused)
            done |= {other.name for other in fused}
            yield _conv_call(graph, op, fused, names)
        elif isinstance(op, Dense):
            yield _dense_call(graph, op, names)
        else:
            raise ModelFileError(f"{op.name}: C has no kernel for {type(op).__name__} on its own.")


def storage(graph: QuantizedGraph, tensor: str) -> str:
    """The tensor whose bytes these are: a Reshape moves nothing."""
    for op in graph.ops:
        if op.output == tensor and isinstance(op, Reshape):
            return storage(graph, op.input)
    return tensor


def _only_reader(graph: QuantizedGraph, tensor: str) -> Op | None:
    """The one operation that reads a tensor nobody else needs."""
    readers = [op for op in graph.ops if tensor in inputs_of(op)]
    if len(readers) != 1 or tensor in {head.tensor for head in graph.heads}:
        return None
    return readers[0]


def _check_kernel(op: Conv1D, graph: QuantizedGraph, fused: list[Op]) -> None:
    """Raises ModelFileError for what only imported models hold and no kernel does yet."""
    for item in [op, *fused]:
        if isinstance(item, Conv1D | MaxPool1D) and (item.pad_before or item.pad_after):
            raise ModelFileError(f"{item.name}: C has no kernel for padded steps: use VALID.")
    for item in fused:
        plain = mean_is_plain(graph.tensor(item.input), graph.tensor(item.output))
        if isinstance(item, MeanTime) and not plain:
            raise ModelFileError(f"{item.name}: C has no kernel for a mean that can tie.")


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
        rounding_twice=graph.rounding != "xnnpack",
    )


def _dense_call(graph: QuantizedGraph, op: Dense, names: Names) -> DenseCall:
    reads = storage(graph, op.input)
    aliases = {tensor.name for tensor in graph.tensors if storage(graph, tensor.name) == reads}
    readers = [
        other
        for other in graph.ops
        if aliases.intersection(inputs_of(other)) and not isinstance(other, Reshape)
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
