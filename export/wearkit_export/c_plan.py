"""What repeats for every row of the input, and where every buffer of generated C lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from wearkit.errors import ModelFileError
from wearkit.graph import QuantizedGraph
from wearkit_export.c_arena import Arena, Block, Part, place
from wearkit_export.c_calls import Call, ConvCall, DenseCall, Names, calls, storage

Target = Literal["dsp", "other"]
"""Kernels with DSP instructions convert their inputs in scratch memory; the others need none."""

TARGETS: tuple[Target, ...] = ("dsp", "other")


@dataclass(frozen=True, slots=True)
class Buffer:
    """An activation in the arena. per_row: written again for every row, so it holds one."""

    name: str
    row_bytes: int
    rows: int
    per_row: bool

    @property
    def size(self) -> int:
        return self.row_bytes * (1 if self.per_row else self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Arena offsets of one target: of every buffer by its name, and of scratch by the call's."""

    size: int
    buffers: Mapping[str, int]
    scratch: Mapping[str, int]
    sums: Mapping[str, int]
    columns: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """row_calls run once for every row of the input, then calls run once.

    buffers: tensor name -> its buffer; the graph's input and the heads have none.
    head_at: tensor name -> its place in the logits.
    """

    graph: QuantizedGraph
    row_calls: tuple[ConvCall, ...]
    calls: tuple[Call, ...]
    buffers: Mapping[str, Buffer]
    head_at: Mapping[str, int]
    layouts: Mapping[Target, Layout]

    @property
    def rows(self) -> int:
        return self.graph.tensor(self.graph.input).shape[0]

    @property
    def every_call(self) -> tuple[Call, ...]:
        return (*self.row_calls, *self.calls)


def plan(graph: QuantizedGraph) -> Plan:
    """Raises ModelFileError when the graph holds what no kernel can do."""
    names = Names()
    found = list(calls(graph, names))
    repeated = graph.tensor(graph.input).shape[0] > 1
    row_calls = tuple(call for call in found if repeated and isinstance(call, ConvCall))
    rest = tuple(call for call in found if call not in row_calls)
    head_at = _head_offsets(graph)
    buffers = _buffers(row_calls, rest, head_at, names)
    moments = _Moments(row_calls, rest, buffers)
    layouts = {target: moments.layout(target) for target in TARGETS}
    return Plan(graph, row_calls, rest, buffers, head_at, layouts)


def _head_offsets(graph: QuantizedGraph) -> dict[str, int]:
    offsets: dict[str, int] = {}
    at = 0
    for head in graph.heads:
        if head.tensor in offsets or storage(graph, head.tensor) != head.tensor:
            raise ModelFileError(f"Head {head.task!r} shares its logits, which C cannot write.")
        offsets[head.tensor] = at
        at += graph.tensor(head.tensor).shape[2]
    return offsets


def _buffers(
    row_calls: tuple[ConvCall, ...],
    rest: tuple[Call, ...],
    head_at: Mapping[str, int],
    names: Names,
) -> dict[str, Buffer]:
    read_later = {call.reads for call in rest}
    found: dict[str, Buffer] = {}
    for call in (*row_calls, *rest):
        rows, steps, channels = call.target.shape
        if call.target.name in head_at:
            continue
        per_row = call in row_calls and call.target.name not in read_later
        label = names.take(f"{call.name}_out")
        found[call.target.name] = Buffer(label, steps * channels, rows, per_row)
    return found


class _Moments:
    """When each buffer is in use: a moment is the index of a call.

    Rows repeat the first moments, so what outlives a row is in use from moment 0.
    """

    def __init__(
        self,
        row_calls: tuple[ConvCall, ...],
        rest: tuple[Call, ...],
        buffers: Mapping[str, Buffer],
    ) -> None:
        self._calls: tuple[Call, ...] = (*row_calls, *rest)
        self._buffers = buffers
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        for moment, call in enumerate(self._calls):
            name = call.target.name
            outlives = moment < len(row_calls) and name in buffers and not buffers[name].per_row
            self._first[name] = 0 if outlives else moment
            self._last[name] = max(moment, len(row_calls) - 1 if outlives else 0)
            self._last[call.reads] = moment

    def layout(self, target: Target) -> Layout:
        halves = dict(self._halves()) if target == "dsp" else {}
        arena = place([*self._buffer_blocks(halves), *self._scratch_blocks(target)])
        scratch = {name: at for name, at in _ending(arena, "_scratch")}
        for reads, (call, _) in halves.items():
            scratch[call.name] = arena.starts[self._buffers[reads].name]
        return Layout(
            size=arena.size,
            buffers={
                buffer.name: arena.starts[buffer.name]
                + (halves[tensor][0].half_bytes if tensor in halves else 0)
                for tensor, buffer in self._buffers.items()
            },
            scratch=scratch,
            sums=dict(_ending(arena, "_sums")),
            columns=dict(_ending(arena, "_column")),
        )

    def _halves(self) -> Iterator[tuple[str, tuple[DenseCall, int]]]:
        """Buffers that a dense layer converts in place, so that scratch lies before them."""
        for moment, call in enumerate(self._calls):
            if isinstance(call, DenseCall) and call.in_place:
                yield call.reads, (call, moment)

    def _buffer_blocks(self, halves: Mapping[str, tuple[DenseCall, int]]) -> Iterator[Block]:
        for tensor, buffer in self._buffers.items():
            first, last = self._first[tensor], self._last[tensor]
            if tensor not in halves:
                yield Block(buffer.name, (Part(0, buffer.size, first, last),))
                continue
            call, moment = halves[tensor]
            below = call.half_bytes
            parts = (Part(0, below, moment, moment), Part(below, below, first, last))
            yield Block(buffer.name, parts)

    def _scratch_blocks(self, target: Target) -> Iterator[Block]:
        for now, call in enumerate(self._calls):
            size = 0
            if isinstance(call, ConvCall):
                size = call.scratch_bytes(1 if call.mean else call.steps)
                if call.mean:
                    channels = call.constants.outputs
                    yield Block(f"{call.name}_sums", (Part(0, 2 * channels, now, now),))
                    yield Block(f"{call.name}_column", (Part(0, channels, now, now),))
            elif not call.in_place:
                size = 2 * call.half_bytes
            if target == "dsp" and size:
                yield Block(f"{call.name}_scratch", (Part(0, size, now, now),))


def _ending(arena: Arena, suffix: str) -> Iterator[tuple[str, int]]:
    """Call name -> start, of the blocks that belong to a call."""
    for name, at in arena.starts.items():
        if name.endswith(suffix):
            yield name.removesuffix(suffix), at
