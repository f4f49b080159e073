"""What repeats for every row of an activation, and where every buffer of generated C lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from wearkit.errors import ModelFileError
from wearkit.integer.graph import QuantizedGraph
from wearkit_export.c.arena import Block, ByteSpan, place
from wearkit_export.c.calls import Call, DenseCall
from wearkit_export.c.limits import check_fits
from wearkit_export.c.lower import Names, lower, storage

ArenaTarget = Literal["dsp", "other"]
"""Kernels with DSP instructions convert their inputs in scratch memory; the others need none."""

TARGETS: tuple[ArenaTarget, ...] = ("dsp", "other")


@dataclass(frozen=True, slots=True, eq=False)
class RowGroup:
    """Calls that follow one another for every row, then for the next row."""

    rows: int
    calls: tuple[Call, ...]


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
class ArenaLayout:
    """Arena offsets of one target by name: <buffer>, <call>_scratch, <call>_<work>."""

    size: int
    starts: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """buffers: tensor name -> its buffer; the graph's input and the heads have none.

    head_at: tensor name -> its place in the logits.
    """

    graph: QuantizedGraph
    groups: tuple[RowGroup, ...]
    buffers: Mapping[str, Buffer]
    head_at: Mapping[str, int]
    layouts: Mapping[ArenaTarget, ArenaLayout]

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for group in self.groups for call in group.calls)


def plan_model(graph: QuantizedGraph) -> Plan:
    """Raises ModelFileError when the graph holds what no kernel can do, or a number that its C
    types do not."""
    names = Names()
    groups = tuple(_row_groups(_checked(lower(graph, names))))
    head_at = _head_offsets(graph)
    buffers = _buffers(groups, head_at, names)
    layouts = {target: layout(target, groups, buffers) for target in TARGETS}
    return Plan(graph, groups, buffers, head_at, layouts)


def _checked(calls: Iterable[Call]) -> Iterator[Call]:
    for call in calls:
        check_fits(call)
        yield call


def layout(
    target: ArenaTarget, groups: Iterable[RowGroup], buffers: Mapping[str, Buffer]
) -> ArenaLayout:
    """Place every buffer, and the work memory of every call, in one arena."""
    moments = _Moments(groups, buffers)
    halves = dict(moments.halves()) if target == "dsp" else {}
    arena = place([*moments.buffer_blocks(halves), *moments.work_blocks(target)])
    starts = dict(arena.starts)
    for tensor, (call, _) in halves.items():
        starts[f"{call.name}_scratch"] = starts[buffers[tensor].name]
        starts[buffers[tensor].name] += call.half_bytes
    return ArenaLayout(arena.size, starts)


def _row_groups(calls: Iterable[Call]) -> Iterator[RowGroup]:
    rows, group = 1, list[Call]()
    for call in calls:
        if group and (call.source.shape[0] != rows or rows == 1):
            yield RowGroup(rows, tuple(group))
            group = []
        rows = call.source.shape[0]
        group.append(call)
    yield RowGroup(rows, tuple(group))


def _head_offsets(graph: QuantizedGraph) -> dict[str, int]:
    offsets: dict[str, int] = {}
    at = 0
    for head in graph.heads:
        tensor = storage(graph, head.tensor)
        if tensor in offsets or tensor == graph.input:
            raise ModelFileError(f"Head {head.task!r} shares its logits, which C cannot write.")
        offsets[tensor] = at
        at += graph.tensor(head.tensor).shape[2]
    return offsets


def _buffers(
    groups: tuple[RowGroup, ...], head_at: Mapping[str, int], names: Names
) -> dict[str, Buffer]:
    buffers: dict[str, Buffer] = {}
    for index, group in enumerate(groups):
        later = {
            tensor for other in groups[index + 1 :] for call in other.calls for tensor in call.reads
        }
        for call in group.calls:
            tensor = call.target.name
            if tensor in head_at:
                continue
            per_row = group.rows > 1 and tensor not in later
            row_bytes = call.target.size // group.rows
            label = names.take(f"{call.name}_out")
            buffers[tensor] = Buffer(label, row_bytes, group.rows, per_row)
    return buffers


class _Moments:
    """When each buffer is in use: a moment is the index of a call.

    Rows repeat the moments of their group, so what outlives a row is in use from the group's
    first moment, and what rows read from before it is in use to the last.
    """

    def __init__(self, groups: Iterable[RowGroup], buffers: Mapping[str, Buffer]) -> None:
        self._buffers = buffers
        self._calls: list[Call] = []
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        for group in groups:
            start, end = len(self._calls), len(self._calls) + len(group.calls) - 1
            for moment, call in enumerate(group.calls, start):
                whole = group.rows > 1 and not self._per_row(call.target.name)
                self._first[call.target.name] = start if whole else moment
                self._last[call.target.name] = end if whole else moment
                for tensor in call.reads:
                    whole = group.rows > 1 and not self._per_row(tensor)
                    self._last[tensor] = end if whole else moment
                    self._first.setdefault(tensor, moment)
            self._calls += group.calls

    def _per_row(self, tensor: str) -> bool:
        return tensor in self._buffers and self._buffers[tensor].per_row

    def halves(self) -> Iterator[tuple[str, tuple[DenseCall, int]]]:
        """Buffers that a dense layer converts in place, so that scratch lies before them."""
        for moment, call in enumerate(self._calls):
            if isinstance(call, DenseCall) and call.in_place:
                yield call.reads[0], (call, moment)

    def buffer_blocks(self, halves: Mapping[str, tuple[DenseCall, int]]) -> Iterator[Block]:
        for tensor, buffer in self._buffers.items():
            first, last = self._first[tensor], self._last[tensor]
            if tensor not in halves:
                yield Block(buffer.name, (ByteSpan(0, buffer.size, first, last),))
                continue
            call, moment = halves[tensor]
            below = call.half_bytes
            parts = (ByteSpan(0, below, moment, moment), ByteSpan(below, below, first, last))
            yield Block(buffer.name, parts)

    def work_blocks(self, target: ArenaTarget) -> Iterator[Block]:
        for now, call in enumerate(self._calls):
            for use, size in call.work():
                yield Block(f"{call.name}_{use}", (ByteSpan(0, size, now, now),))
            size = call.scratch_bytes()
            if target == "dsp" and size:
                yield Block(f"{call.name}_scratch", (ByteSpan(0, size, now, now),))
