"""Axivity .cwa: what an AX3 (an ADXL345 inside) or AX6 writes. Read without Java.

Open Movement, "AX3 Technical Information", CWA file format: a 1024-byte "MD" header, then
512-byte "AX" blocks, each with a clock stamp for one of its samples, a rate, a scale, up to 120
packed or 80 plain samples, and a 16-bit word sum of zero. Sample times are interpolated between
the blocks' stamps, which is how the device's true rate is found; a block that is missing, or that
fails its sum, leaves a gap.
"""

from __future__ import annotations

import calendar
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.recording import UNLABELLED, LabelTrack, Recording
from wearkit.units import Unit

TASK = "activity"
HEADER_BYTES, BLOCK_BYTES, DATA_OFFSET, DATA_BYTES = 1024, 512, 30, 480
MAX_BLOCKS_HELD = 40_000  # 13 h at 100 Hz; longer stretches are cut, so memory stays bounded
BAD_SUM = "block with a wrong checksum"
BAD_BLOCK = "block that is not understood"
_BLOCK = struct.Struct("<2sHHIIIHHBBBBhH")
_RATE_HZ = 3200.0


@dataclass(frozen=True, slots=True)
class _Block:
    """anchor_s is the time of sample number `anchor` of the block (it may lie outside it)."""

    sequence: int
    session: int
    anchor_s: float
    anchor: float
    rate_hz: float
    acc_g: NDArray[np.float32]


def recognise(source: Source) -> bool:
    """Whether the source holds a .cwa file, by the names of its files alone."""
    return any(map(_is_cwa, source.names))


def open_cwa(source: Source, units: Unit | None) -> Dataset:
    """Raises DataError when units are asked for: the file says its own scale."""
    if units not in (None, Unit.G):
        raise DataError("A .cwa file says its own scale: leave out --units.")
    return Dataset(
        name=str(source.path),
        format="cwa",
        simulated=False,
        recordings=lambda: _recordings(source),
        notes=("A .cwa file has no labels and no placement.",),
    )


def _is_cwa(name: str) -> bool:
    return name.lower().endswith(".cwa")


def _recordings(source: Source) -> Iterator[Recording]:
    for name, stream in source.read(_is_cwa):
        full = f"{source.path}: {name}"
        header = stream.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(b"MD"):
            raise DataError(f"{full} does not begin as a .cwa file does: copy it again.")
        yield from _stretches(stream, full, PurePosixPath(name).stem)


def _stretches(stream: IO[bytes], source: str, subject: str) -> Iterator[Recording]:
    dropped: Counter[str] = Counter()
    held: list[_Block] = []
    while raw := stream.read(BLOCK_BYTES):
        block = _parsed(raw, dropped)
        if block is None:
            continue
        broken = held and (
            block.sequence != held[-1].sequence + 1
            or block.session != held[-1].session
            or block.rate_hz != held[-1].rate_hz
            or block.anchor_s <= held[-1].anchor_s
        )
        if broken or len(held) >= MAX_BLOCKS_HELD:
            yield _recording(held, source, subject, dropped)
            held, dropped = [], Counter()
        held.append(block)
    if not held:
        raise DataError(f"{source} holds no readable block of samples: copy it again.")
    yield _recording(held, source, subject, dropped)


def _parsed(raw: bytes, dropped: Counter[str]) -> _Block | None:
    if len(raw) < BLOCK_BYTES or not raw.startswith(b"AX"):
        dropped[BAD_BLOCK] += 1
        return None
    if int(np.frombuffer(raw, "<u2").sum(dtype=np.uint64)) & 0xFFFF:
        dropped[BAD_SUM] += 1
        return None
    (_, length, fraction, session, sequence, stamp, light, _, _, _, rate, layout, offset, count) = (
        _BLOCK.unpack_from(raw)
    )
    second = _seconds(stamp)
    acc_g = _samples(raw, layout, count, light >> 13)
    if length != BLOCK_BYTES - 4 or second is None or acc_g is None or not rate & 0xF:
        dropped[BAD_BLOCK] += 1
        return None
    rate_hz = _RATE_HZ / (1 << (15 - (rate & 0xF)))
    anchor = float(offset)
    if fraction & 0x8000:
        # Newer firmware keeps the fraction of a second and moves the offset by it, so that
        # readers of the older form stay right to a sample.
        part = (fraction & 0x7FFF) / 0x8000
        anchor += int(part * rate_hz)
        second += part
    return _Block(sequence, session, second, anchor, rate_hz, acc_g)


def _seconds(stamp: int) -> float | None:
    """Packed date and time -> seconds since 1970 on the device's own clock, or None."""
    year, month, day = 2000 + (stamp >> 26), (stamp >> 22) & 15, (stamp >> 17) & 31
    hour, minute, second = (stamp >> 12) & 31, (stamp >> 6) & 63, stamp & 63
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second)))


def _samples(raw: bytes, layout: int, count: int, scale: int) -> NDArray[np.float32] | None:
    """(count, 3) float32 in g, or None for a layout this is not for."""
    axes, packing = layout >> 4, layout & 15
    per_g = float(1 << (8 + scale))
    data = raw[DATA_OFFSET : DATA_OFFSET + DATA_BYTES]
    if axes == 3 and packing == 0 and 1 <= count <= DATA_BYTES // 4:
        words = np.frombuffer(data, "<u4", count)
        exponent = (words >> 30).astype(np.int32)
        # Ten bits each, sign-extended by way of the top of a 32-bit word.
        fields = np.stack([words << 22, words << 12, words << 2], axis=1).view(np.int32) >> 22
        return ((fields << exponent[:, None]) / per_g).astype(np.float32)
    if axes in (3, 6) and packing == 2 and 1 <= count <= DATA_BYTES // (2 * axes):
        values = np.frombuffer(data, "<i2", count * axes).reshape(count, axes)
        return (values[:, axes - 3 :] / per_g).astype(np.float32)
    return None


def _recording(blocks: list[_Block], source: str, subject: str, dropped: Counter[str]) -> Recording:
    acc_g = np.concatenate([block.acc_g for block in blocks])
    sizes = [len(block.acc_g) for block in blocks]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    anchor = first + [block.anchor for block in blocks]
    stamp_s = np.array([block.anchor_s for block in blocks]) - blocks[0].anchor_s
    if len(blocks) > 1:
        if np.ptp(anchor) < 1:
            raise DataError(f"{source}: all its clock stamps are of one and the same sample.")
        # Stamps jitter by a sample; the line through them is the clock.
        step_s, start_s = np.polyfit(anchor, stamp_s, 1)
    else:
        step_s, start_s = 1.0 / blocks[0].rate_hz, 0.0
    if not 0.5 < step_s * blocks[0].rate_hz < 2.0:
        raise DataError(f"{source}: its clock stamps and its sample counts do not fit together.")
    return Recording(
        acc_g=acc_g,
        time_s=start_s + step_s * np.arange(len(acc_g)),
        rate_hz=float(1.0 / step_s),
        subject=subject,
        placement="unknown",
        source=source,
        labels=LabelTrack(TASK, (), np.full(len(acc_g), UNLABELLED, np.int16)),
        dropped=dict(sorted(dropped.items())),
    )
