"""A device whose predictions are the reference's, and what live --verify makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle
from wearkit.counts import counts_to_int8
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import Feature, HeadLogits, Hello, Prediction, Samples
from wearkit.link.options import StreamOptions
from wearkit.link.ports.reader import Chunk
from wearkit.live.loop import live
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession
from wearkit.verification.verifier import Verifier

Counts = NDArray[np.int16]


@dataclass
class Device:
    """Computes with the reference, frames ten samples, and may be made to err. said_model: the
    model id of its predictions, where it is not that of its HELLO."""

    bundle: Bundle
    counts: Counts
    boot_id: int = 7
    first: int = 0
    model_id: bytes | None = None
    change: Callable[[Prediction], Prediction] = lambda said: said
    early: bool = False
    lost_frames: frozenset[int] = frozenset()
    features: Feature = Feature.SAMPLES | Feature.PREDICTIONS
    uid: bytes = b"device-A"
    firmware: tuple[int, int, int] = (0, 2, 0)
    said_model: bytes | None = None
    seq: int = 0
    wire: list[bytes] = field(default_factory=list)

    def run(self) -> bytes:
        model_id = bytes.fromhex(self.bundle.model_id)[:8]
        shown = model_id if self.model_id is None else self.model_id
        self.send(
            Hello(
                boot_id=self.boot_id,
                uid=self.uid,
                firmware=self.firmware,
                model_id=shown,
                features=self.features,
                classes=classes_of(self.bundle),
            )
        )
        for position in range(0, len(self.counts) - 9, 10):
            end = position + 10
            index = self.first + position
            rows = tuple((x, y, z) for x, y, z in self.counts[position:end].tolist())
            samples = Samples(index, (index + 9) * 20_000 % 2**32, rows)
            said = self.prediction(end) if end >= 100 and (end - 100) % 60 == 0 else None
            if said is not None and self.early:
                self.send(said)
            self.send(samples, lost=position // 10 in self.lost_frames)
            if said is not None and not self.early:
                self.send(said)
        return b"".join(self.wire)

    def prediction(self, end: int) -> Prediction:
        window = self.counts[end - 100 : end]
        logits = Reference(self.bundle.graph).run(counts_to_int8(window[None]))
        heads = []
        for head in self.bundle.graph.heads:
            tensor = self.bundle.graph.tensor(head.tensor)
            row = tuple(int(value) for value in logits[head.task][0])
            heads.append(HeadLogits(float(np.float32(tensor.scale)), tensor.zero_point, row))
        model_id = self.said_model or self.model_id or bytes.fromhex(self.bundle.model_id)[:8]
        said = Prediction(self.first + end - 100, window_crc(window), model_id, 900, tuple(heads))
        return self.change(said)

    def send(self, message: Message, *, lost: bool = False) -> None:
        if not lost:
            self.wire.append(encode_message(message, self.seq % 65536))
        self.seq += 1


def classes_of(bundle: Bundle) -> tuple[int, ...]:
    """As a device's HELLO says them."""
    labels = {task.name: len(task.labels) for task in bundle.graph.model.tasks}
    return tuple(labels[head.task] for head in bundle.graph.heads)


class Once:
    """A byte source with one chunk."""

    is_away = False

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, timeout_s: float) -> list[Chunk]:
        from wearkit.errors import LinkLostError

        if not self._data:
            raise LinkLostError("over")
        data, self._data = self._data, b""
        import time

        return [Chunk(data, time.monotonic())]

    def reopen(self) -> bool:
        return False


@dataclass(frozen=True)
class Run:
    report: LiveReport
    verifier: Verifier
    session: LiveSession


def verify(
    bundle: Bundle, data: bytes, *, any_model: bool = False, limit: int | None = None
) -> Run:
    faults = FaultLog()
    verifier = Verifier(bundle.graph, bundle.model_id, faults, any_model=any_model)
    session = LiveSession(
        bundle.graph,
        Reference(bundle.graph),
        StreamOptions(50.0),
        max_windows=limit,
        faults=faults,
        verifier=verifier,
    )
    report = live(Once(data), session, on_update=lambda _: None)
    return Run(report, verifier, session)


def flip_one(said: Prediction) -> Prediction:
    """The last logit of the second head is one off, in the window at sample 240."""
    if said.window_first_index != 240:
        return said
    first, second = said.heads
    row = (*second.logits[:-1], second.logits[-1] ^ 1)
    return replace(said, heads=(first, replace(second, logits=row)))
