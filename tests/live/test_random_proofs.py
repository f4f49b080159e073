"""Whatever a line and a device do, there is a certificate, and it passes its own check."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from tests.live.predicting_device import Device, classes_of

from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import (
    Ack,
    DeviceError,
    Feature,
    Hello,
    Prediction,
    Samples,
    Stats,
)
from wearkit.verification.certificate.check import checked
from wearkit.verification.certificate.conditions import EQUIVALENT

STREAMS = 25


def harmed(bench: Any, dice: random.Random) -> tuple[bytes, bool]:
    """A device's frames, and what happened to them; whether anything did."""
    frames = bench._frames(Device(bench.made_bundle(), bench.made_counts(), first=6000))
    wires: list[bytes] = []
    happened = False
    for wire, message in frames:
        kind = dice.choice(KINDS) if dice.random() < 0.02 else None
        if kind is None:
            wires.append(wire)
        else:
            happened = True
            wires += kind(wire, message, dice, bench)
    return b"".join(wires), happened


def lost(*_: Any) -> list[bytes]:
    return []


def twice(wire: bytes, *_: Any) -> list[bytes]:
    return [wire, wire]


def flipped(wire: bytes, _message: Any, dice: random.Random, *_: Any) -> list[bytes]:
    data = bytearray(wire)
    data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
    return [bytes(data)]


def beside(wire: bytes, _message: Any, dice: random.Random, bench: Any) -> list[bytes]:
    """Another frame before it, of any kind."""
    own = bytes.fromhex(bench.made_bundle().model_id)[:8]
    classes = classes_of(bench.made_bundle())
    hello = Hello(
        boot_id=7, uid=b"device-A", firmware=(0, 2, 0), model_id=own, classes=classes,
        features=Feature.SAMPLES | Feature.PREDICTIONS,
    )  # fmt: skip
    other = dice.choice((
        hello,
        replace(hello, boot_id=dice.randrange(6, 9)),
        replace(hello, uid=b"device-B"),
        replace(hello, model_id=bytes(7) + b"x"),
        replace(hello, classes=()),
        replace(hello, hop=50),
        Stats(1, 1, tx_dropped=dice.randrange(3)),
        DeviceError(3, "sensor"),
        Ack(1, 2, 0),
        Samples(dice.choice((0, 60, 6000, 6120, 70_000, 2**32 - 5)), 0, ((1, 2, 3),) * 9),
    ))  # fmt: skip
    return [encode_message(other, dice.randrange(65_536)), wire]


def changed(wire: bytes, message: Any, dice: random.Random, bench: Any) -> list[bytes]:
    """Another answer, where it is one."""
    if not isinstance(message, Prediction):
        return [wire]
    other = dice.choice((
        bench._off_by_one(message),
        replace(message, window_crc=1),
        replace(message, heads=message.heads[:1]),
        replace(message, model_id=bytes(8)),
        replace(message, window_first_index=dice.randrange(0, 2**32)),
    ))  # fmt: skip
    return [encode_message(other, dice.randrange(65_536))] + ([wire] if dice.random() < 0.5 else [])


KINDS: tuple[Callable[..., list[bytes]], ...] = (lost, lost, twice, flipped, beside, changed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_certificate_passes_its_own_check(
    bench_script: Callable[[str], ModuleType], seed: int
) -> None:
    bench = bench_script("hostile_sessions")
    dice = random.Random(seed)
    for _ in range(STREAMS):
        data, happened = harmed(bench, dice)
        certificate = bench.proved(data, any_model=dice.random() < 0.2)
        value = json.loads(json.dumps(certificate.to_json()))
        assert checked(value).result == certificate.result
        if not happened:
            assert certificate.result == EQUIVALENT
