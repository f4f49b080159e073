"""Every operation in every rounding family against the runtimes, where rounding is hardest.

A linear operator with zero weights writes its requantized biases, so that its accumulators can be
put beside every rounding edge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.integer import requantize
from wearkit.integer.graph import ROUNDINGS, Rounding
from wearkit.integer.logits import Agreement

Agreements = Callable[..., dict[Rounding, Agreement]]
SAME, VALID = 0, 1
CHANNELS = 1021  # leaves a rest in whatever vectors a runtime computes
SEEDS = range(6)


def check(found: dict[Rounding, Agreement], families: int = len(ROUNDINGS)) -> None:
    assert len(found) == families
    assert all(agreement.exact for agreement in found.values()), found


def edges(
    generator: np.random.Generator, channels: int, per_channel: bool, ties: bool
) -> tuple[float, float, NDArray[np.float32], NDArray[np.int32]]:
    """Input scale, output scale, weight scales, and biases beside the edges between two outputs.

    ties: the multiplier is a power of two, so that edges are hit exactly.
    """
    count = channels if per_channel else 1
    if ties:
        scale = np.full(count, 2.0 ** -int(generator.integers(2, 9)), np.float32)
        before = after = 1.0
    else:
        before, after = (float(np.float32(np.exp(value))) for value in generator.uniform(-6, 0, 2))
        size = np.exp(generator.uniform(np.log(2**-17), np.log(1.5)))
        spread = np.exp(generator.uniform(-0.5, 0.5, count))
        scale = (spread * size * after / before).astype(np.float32)
    multiplier = before * scale.astype(np.float64) / after
    steps = generator.integers(-130, 130, channels) + 0.5
    near = np.rint(steps / multiplier) + (0 if ties else generator.integers(-1, 2, channels))
    return before, after, scale, np.clip(near, -(2**27), 2**27).astype(np.int32)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_dense(file_builder: Any, agreements: Agreements, per_channel: bool, ties: bool) -> None:
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        before, after, scale, bias = edges(generator, CHANNELS, per_channel, ties)
        file = file_builder()
        source = file.activation((1, 2), before, 0)
        target = file.activation((1, CHANNELS), after, int(generator.integers(-9, 9)))
        file.dense(source, target, np.zeros((CHANNELS, 2), np.int8), scale, bias)
        check(agreements(file.finish([source], [target]), np.zeros((1, 1, 2), np.int8)))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("activation", [0, 1, 3])
def test_convolution(
    file_builder: Any, agreements: Agreements, activation: int, ties: bool
) -> None:
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        before, after, scale, bias = edges(generator, CHANNELS, True, ties)
        file = file_builder()
        source = file.activation((1, 1, 3, 2), before, 5)
        target = file.activation((1, 1, 2, CHANNELS), after, int(generator.integers(-9, 9)))
        weight = np.zeros((CHANNELS, 1, 2, 2), np.int8)
        file.convolution(source, target, weight, scale, bias, activation=activation)
        windows = generator.integers(-128, 128, (1, 1, 3, 2)).astype(np.int8)
        check(agreements(file.finish([source], [target]), windows))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("channels", "multiplier"), [(1, 31), (3, 5), (8, 1), (12, 1), (9, 4)])
def test_depthwise(
    file_builder: Any, agreements: Agreements, channels: int, multiplier: int, ties: bool
) -> None:
    """The ruy family rounds whole blocks of eight channels in another way than the rest."""
    out = channels * multiplier
    for seed in range(20):
        generator = np.random.default_rng(seed)
        before, after, scale, bias = edges(generator, out, True, ties)
        file = file_builder()
        source = file.activation((1, 2, 5, channels), before, -3)
        target = file.activation((1, 2, 3, out), after, 4)
        weight = np.zeros((1, 1, 3, out), np.int8)
        file.depthwise(source, target, weight, scale, bias, multiplier)
        windows = generator.integers(-128, 128, (1, 2, 5, channels)).astype(np.int8)
        check(agreements(file.finish([source], [target]), windows))


@pytest.mark.parametrize("kind", ["convolution", "depthwise", "max", "average"])
@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize(
    ("size", "stride"), [(1, 1), (2, 2), (3, 1), (4, 2), (5, 2), (3, 2), (2, 3)]
)
def test_windows_over_time(
    file_builder: Any, agreements: Agreements, kind: str, padding: int, size: int, stride: int
) -> None:
    """Where a window starts, how many there are, and what padded steps hold."""
    generator = np.random.default_rng(size)
    for steps in (16, 17):
        count = -(-steps // stride) if padding == SAME else (steps - size) // stride + 1
        file = file_builder()
        source = file.activation((1, 2, steps, 3), 0.05, 77)
        move = {"stride": (1, stride), "padding": padding}
        scale = np.full(6, 0.01, np.float32)
        bias = generator.integers(-900, 900, 6).astype(np.int32)
        weight = generator.integers(-127, 128, (6, 1, size, 3)).astype(np.int8)
        if kind == "convolution":
            target = file.activation((1, 2, count, 6), 0.11, -20)
            file.convolution(source, target, weight, scale, bias, **move)
        elif kind == "depthwise":
            target = file.activation((1, 2, count, 6), 0.07, -20)
            narrow = weight[..., 0].transpose(1, 2, 0)[np.newaxis]
            file.depthwise(source, target, narrow, scale, bias, 2, **move)
        else:
            target = file.activation((1, 2, count, 3), 0.05, 77)
            file.pool(source, target, (1, size), average=kind == "average", **move)
        windows = generator.integers(-128, 128, (40, 2, steps, 3)).astype(np.int8)
        check(agreements(file.finish([source], [target]), windows))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("activation", [1, 3])
def test_pool_with_activation(
    file_builder: Any, agreements: Agreements, average: bool, activation: int
) -> None:
    file = file_builder()
    source = file.activation((1, 1, 16, 5), 0.1, -30)
    target = file.activation((1, 1, 8, 5), 0.1, -30)
    file.pool(source, target, (1, 2), (1, 2), activation=activation, average=average)
    windows = np.random.default_rng(0).integers(-128, 128, (200, 1, 16, 5)).astype(np.int8)
    check(agreements(file.finish([source], [target]), windows))


def scales(seed: int) -> tuple[np.random.Generator, list[float], list[int]]:
    generator = np.random.default_rng(seed)
    return (
        generator,
        [float(np.float32(np.exp(value))) for value in generator.uniform(-4, 0, 3)],
        [int(value) for value in generator.integers(-128, 128, 3)],
    )


@pytest.mark.parametrize("activation", [0, 1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_add(file_builder: Any, agreements: Agreements, seed: int, activation: int) -> None:
    """16,384 pairs of a window's value and another channel's value in another scale."""
    generator, (first, _, total), (zero, _, zero_out) = scales(seed)
    if seed % 4 == 0:
        total = first
    file = file_builder()
    source = file.activation((1, 1, 256, 2), first, zero)
    other = file.activation((1, 1, 256, 2), float(np.float32(first * 0.37)), -zero // 2)
    swap = np.zeros((2, 1, 1, 2), np.int8)
    swap[[0, 1], 0, 0, [1, 0]] = 100
    file.convolution(
        source, other, swap, np.full(2, 0.0071, np.float32), np.array([50, -70], np.int32)
    )
    target = file.activation((1, 1, 256, 2), total, zero_out)
    file.add(source, other, target, activation)
    values = np.arange(-128, 128)
    pairs = np.stack([np.stack([values, np.roll(values, shift)], axis=1) for shift in range(256)])
    windows = pairs[generator.permutation(256)[:64], np.newaxis].astype(np.int8)
    check(agreements(file.finish([source], [target]), windows))


def test_sums_past_16_bits_are_not_defined_for_ruy(
    file_builder: Any, agreements: Agreements
) -> None:
    file = file_builder()
    source = file.activation((1, 1, 64, 1), 1.0, 3)
    target = file.activation((1, 1, 64, 1), float(np.float32(1 / 200)), 3)
    file.add(source, source, target)
    windows = np.arange(-128, 128).reshape(4, 1, 64, 1).astype(np.int8)
    found = agreements(file.finish([source], [target]), windows)
    assert set(found) == {"tflm", "litert-ref", "xnnpack"}
    check(found, 3)


def test_sums_of_far_scales_are_not_defined_for_xnnpack(
    file_builder: Any, agreements: Agreements
) -> None:
    file = file_builder()
    source = file.activation((1, 1, 64, 1), 1.0, 3)
    small = file.activation((1, 1, 64, 1), 2.0**-12, 3)
    target = file.activation((1, 1, 64, 1), 1.0, 3)
    weight, scale = np.full((1, 1, 1, 1), 127, np.int8), np.full(1, 2.0**-19, np.float32)
    file.convolution(source, small, weight, scale, np.zeros(1, np.int32))
    file.add(source, small, target)
    windows = np.arange(-128, 128).reshape(4, 1, 64, 1).astype(np.int8)
    found = agreements(file.finish([source], [target]), windows)
    assert set(found) == {"tflm", "ruy", "litert-ref"}
    check(found, 3)


FORMS = {
    "rank 3": ((1, 20, 18), [1], False, (1, 18)),
    "rank 3 kept": ((1, 20, 18), [-2], True, (1, 1, 18)),
    "width": ((1, 3, 20, 6), [2], False, (1, 3, 6)),
    "height": ((1, 20, 1, 18), [1], False, (1, 1, 18)),
    "image": ((1, 4, 5, 18), [1, 2], False, (1, 18)),
    "image kept": ((1, 4, 5, 18), [2, 1], True, (1, 1, 1, 18)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("same_scale", [False, True])
def test_mean(file_builder: Any, agreements: Agreements, form: str, same_scale: bool) -> None:
    shape, axes, keep, result = FORMS[form]
    families = set()
    for seed in range(8):
        generator, (first, second, _), (zero, zero_out, _) = scales(seed)
        second, zero_out = (first, zero) if same_scale else (second, zero_out)
        file = file_builder()
        source = file.activation(shape, first, zero)
        target = file.activation(result, second, zero_out)
        file.mean(source, target, axes, keep)
        windows = generator.integers(-128, 128, (150, *shape[1:])).astype(np.int8)
        windows[75:] = np.clip(zero + generator.integers(-4, 5, windows[75:].shape), -128, 127)
        found = agreements(file.finish([source], [target]), windows)
        check(found, len(found))
        families |= set(found)
    # An even number of steps ties where the scale stays, and there XNNPACK is not defined.
    assert families == set(ROUNDINGS) - ({"xnnpack"} if same_scale else set())


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("same_scale", [False, True])
def test_relu_alone(file_builder: Any, agreements: Agreements, six: bool, same_scale: bool) -> None:
    for seed in range(8):
        _, (first, second, _), (zero, zero_out, _) = scales(seed)
        second, zero_out = (first, zero) if same_scale else (second, zero_out)
        file = file_builder()
        source = file.activation((1, 1, 256, 1), first, zero)
        target = file.activation((1, 1, 256, 1), second, zero_out)
        file.relu(source, target, six)
        windows = np.arange(-128, 128).reshape(1, 1, 256, 1).astype(np.int8)
        found = agreements(file.finish([source], [target]), windows)
        # TFLite Micro's RELU6 does not change the scale, whatever the file says.
        check(found, 3 if six and not same_scale else 4)


CHANGES: list[tuple[str, object, Rounding]] = [
    ("DEPTHWISE_BLOCK", 4, "ruy"),
    ("DEPTHWISE_BLOCK", 16, "ruy"),
    ("_TIES_AWAY", 0, "tflm"),
]


@pytest.mark.parametrize(("constant", "wrong", "family"), CHANGES)
def test_a_wrong_constant_is_seen(
    file_builder: Any,
    agreements: Agreements,
    monkeypatch: pytest.MonkeyPatch,
    constant: str,
    wrong: object,
    family: Rounding,
) -> None:
    """The proof that the tests above can fail."""
    monkeypatch.setattr(requantize, constant, wrong)
    differing = 0
    for seed in range(8):
        generator = np.random.default_rng(seed)
        before, after, scale, bias = edges(generator, 12, True, ties=True)
        file = file_builder()
        source = file.activation((1, 1, 5, 12), before, -3)
        target = file.activation((1, 1, 3, 12), after, 4)
        file.depthwise(source, target, np.zeros((1, 1, 3, 12), np.int8), scale, bias, 1)
        windows = np.zeros((1, 1, 5, 12), np.int8)
        found = agreements(file.finish([source], [target]), windows, (family,))
        differing += found[family].differing
    assert differing > 0
