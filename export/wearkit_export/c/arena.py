"""Where the buffers of generated C lie in its arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALIGNMENT = 4


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """`size` bytes, `offset` bytes after the start of their block, in use from moment `first` to
    moment `last` inclusive."""

    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes that keep their distances: one buffer, or a buffer and the scratch just before it."""

    name: str
    parts: tuple[ByteSpan, ...]

    @property
    def size(self) -> int:
        return max(part.offset + part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Arena:
    """Start of every block, and the bytes they need together."""

    starts: Mapping[str, int]
    size: int


def place(blocks: Iterable[Block]) -> Arena:
    """Give every block the lowest start where it meets no other block that is in use with it.

    Largest first, then by name: the same blocks always get the same places.
    """
    starts: dict[str, int] = {}
    placed: list[tuple[int, ByteSpan]] = []
    for block in sorted(blocks, key=lambda block: (-block.size, block.name)):
        start = _lowest_start(block, placed)
        starts[block.name] = start
        placed += [(start + part.offset, part) for part in block.parts if part.size]
    return Arena(starts, max((at + _aligned(part.size) for at, part in placed), default=0))


def _lowest_start(block: Block, placed: list[tuple[int, ByteSpan]]) -> int:
    # The lowest free start touches zero or the end of a placed part with one of the block's parts.
    candidates = {0} | {
        _aligned(max(0, at + other.size - part.offset))
        for at, other in placed
        for part in block.parts
    }
    return next(
        start
        for start in sorted(candidates)
        if not any(
            _meet(start + part.offset, part, at, other)
            for part in block.parts
            for at, other in placed
        )
    )


def _meet(at: int, part: ByteSpan, other_at: int, other: ByteSpan) -> bool:
    in_time = part.first <= other.last and other.first <= part.last
    in_space = at < other_at + other.size and other_at < at + part.size
    return in_time and in_space


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
