"""Graphs of every shape the engine must compute, and windows that look for trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.integer.graph import (
    Activation,
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Head,
    MaxPool1D,
    MeanTime,
    Op,
    QuantizedGraph,
    Relu,
    Reshape,
    Rounding,
    Tensor,
)
from wearkit.spec import ImportedSpec, TaskSpec

Int8 = NDArray[np.int8]


@dataclass
class Maker:
    """Grows a graph operation by operation, with random weights and scales that keep the outputs
    inside int8 most of the time and let them saturate now and then."""

    seed: int
    shape: tuple[int, int, int]
    zero_point: int = -1
    weight_reach: int = 127
    input_reach: int = 128
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.tensors.append(Tensor("input", self.shape, _float32(0.0117), self.zero_point))

    @property
    def last(self) -> Tensor:
        return self.tensors[-1]

    def conv(self, channels: int, kernel: int, **options: Any) -> Maker:
        source = self._source(options)
        weight = self._weight((channels, kernel, source.shape[2]))
        stride, before, after = (
            options.get(name, default)
            for name, default in (("stride", 1), ("pad_before", 0), ("pad_after", 0))
        )
        steps = (source.shape[1] + before + after - kernel) // stride + 1
        return self._linear(Conv1D, weight, (source.shape[0], steps, channels), source, options)

    def depthwise(self, each: int, kernel: int, **options: Any) -> Maker:
        source = self._source(options)
        channels = each * source.shape[2]
        weight = self._weight((channels, kernel))
        steps = source.shape[1] + options.get("pad_before", 0) + options.get("pad_after", 0)
        steps = (steps - kernel) // options.get("stride", 1) + 1
        shape = (source.shape[0], steps, channels)
        return self._linear(DepthwiseConv1D, weight, shape, source, options)

    def dense(self, units: int, *, head: bool = False, **options: Any) -> Maker:
        source = self._source(options)
        weight = self._weight((units, source.shape[2]))
        self._linear(Dense, weight, (1, 1, units), source, options)
        if head:
            self.heads.append(self.last.name)
        return self

    def pool(self, size: int, stride: int, *, mean: bool = False, **pads: int) -> Maker:
        source = self.last
        steps = (source.shape[1] + sum(pads.values()) - size) // stride + 1
        kind = AveragePool1D if mean else MaxPool1D
        name = self._next((source.shape[0], steps, source.shape[2]), source)
        self.ops.append(kind(f"op_{name}", source.name, name, size, stride, **pads))
        return self

    def mean(self, *, scale: float = 1.0, over_image: bool = False) -> Maker:
        source = self.last
        shape = (source.shape[0], 1, source.shape[2])
        name = self._next(shape, source, scale, 3 if scale != 1.0 else None)
        self.ops.append(MeanTime(f"op_{name}", source.name, name, over_image))
        return self

    def relu(self, activation: Activation, scale: float = 1.0) -> Maker:
        source = self.last
        name = self._next(source.shape, source, scale)
        self.ops.append(Relu(f"op_{name}", source.name, name, activation))
        return self

    def add(self, first: str, second: str, **options: Any) -> Maker:
        table = {tensor.name: tensor for tensor in self.tensors}
        source = table[first]
        name = self._next(source.shape, source, 1.7, 11)
        self.ops.append(Add(f"op_{name}", first, second, name, **options))
        return self

    def reshape(self, *shape: int) -> Maker:
        source = self.last
        wanted = (shape[0], shape[1], shape[2]) if shape else (1, 1, source.size)
        name = self._next(wanted, source)
        self.ops.append(Reshape(f"op_{name}", source.name, name))
        return self

    def graph(self, rounding: Rounding = "tflm") -> QuantizedGraph:
        table = {tensor.name: tensor for tensor in self.tensors}
        tasks = tuple(
            TaskSpec(f"task_{at}", tuple(f"l{i}" for i in range(table[head].shape[2])))
            for at, head in enumerate(self.heads)
        )
        heads = tuple(Head(task.name, head) for task, head in zip(tasks, self.heads, strict=True))
        return QuantizedGraph(
            ImportedSpec(tasks), tuple(self.tensors), tuple(self.ops), "input", heads, rounding
        )

    def windows(self, count: int) -> Int8:
        """Noise, rails, constants and alternating extremes."""
        shape = (count, *self.shape)
        reach = self.input_reach
        made = self.random.integers(-reach, reach, shape)
        rails = self.random.choice([-reach, reach - 1], shape)
        flat = np.broadcast_to(self.random.integers(-reach, reach, (count, 1, 1, 1)), shape)
        slow = np.clip(np.cumsum(self.random.integers(-9, 10, shape), axis=2), -reach, reach - 1)
        kinds = np.arange(count) % 4
        chosen = np.select(
            [(kinds == kind)[:, None, None, None] for kind in range(4)], [made, rails, flat, slow]
        )
        return chosen.astype(np.int8)

    def _source(self, options: dict[str, Any]) -> Tensor:
        """The last tensor, or the one named by `of`."""
        name = options.pop("of", self.last.name)
        return next(tensor for tensor in self.tensors if tensor.name == name)

    def _weight(self, shape: tuple[int, ...]) -> Int8:
        return self.random.integers(-self.weight_reach, self.weight_reach + 1, shape).astype(
            np.int8
        )

    def _linear(
        self,
        kind: type[Conv1D | DepthwiseConv1D | Dense],
        weight: Int8,
        shape: tuple[int, int, int],
        source: Tensor,
        options: dict[str, Any],
    ) -> Maker:
        relu = options.get("activation", "none") != "none"
        per_tensor = options.pop("per_tensor", False)
        zero_point = options.pop("zero_point", -128 if relu else int(self.random.integers(-40, 40)))
        fan_in = int(np.prod(weight.shape[1:]))
        scales = self.random.uniform(0.5, 1.5, 1 if per_tensor else shape[2]) * 0.003
        reach = 60 if source.name != "input" or self.input_reach > 60 else self.input_reach
        sums = 0.6 * self.weight_reach * reach * fan_in**0.5
        spread = 0.003 * source.scale * sums
        scale = _float32(spread / options.pop("loudness", 50))
        bias = np.rint(self.random.uniform(-sums, sums, shape[2]) / 3).astype(np.int32)
        name = f"t{len(self.tensors)}"
        self.tensors.append(Tensor(name, shape, scale, zero_point))
        scale32 = scales.astype(np.float32)
        self.ops.append(kind(f"op_{name}", source.name, name, weight, scale32, bias, **options))
        return self

    def _next(
        self,
        shape: tuple[int, int, int],
        source: Tensor,
        scale: float = 1.0,
        zero_point: int | None = None,
    ) -> str:
        name = f"t{len(self.tensors)}"
        zero = source.zero_point if zero_point is None else zero_point
        self.tensors.append(Tensor(name, shape, _float32(source.scale * scale), zero))
        return name


def _float32(value: float) -> float:
    return float(np.float32(value))


def axes_pooled(seed: int) -> Maker:
    """Three rows through shared weights, pooled over time: the smallest net that streams."""
    maker = Maker(seed, (3, 100, 1)).conv(16, 9, activation="relu").pool(2, 2)
    maker.conv(32, 9, activation="relu").pool(2, 2).mean().reshape()
    features = maker.last.name
    return maker.dense(12, head=True).dense(3, head=True, of=features)


def three_convolutions(seed: int) -> Maker:
    """Axes as channels; the last convolution pools nothing; an odd number of outputs."""
    maker = Maker(seed, (1, 100, 3), zero_point=0).conv(32, 9, activation="relu").pool(2, 2)
    maker.conv(12, 9, activation="relu").pool(2, 2).conv(22, 5, activation="relu").mean()
    return maker.dense(5, head=True)


def odd_sizes(seed: int) -> Maker:
    """Nothing is a multiple of four: 5 and 7 channels, pools of 3 by 2, strides, odd windows."""
    maker = Maker(seed, (2, 61, 3), zero_point=17).conv(5, 4, stride=2).pool(3, 2)
    maker.conv(7, 3, activation="relu").reshape().dense(33, activation="relu", zero_point=-100)
    return maker.dense(9, head=True, per_tensor=True)


def padded_depthwise(seed: int) -> Maker:
    """SAME padding, depthwise with two outputs a channel, a residual sum, pools on their own."""
    maker = Maker(seed, (1, 50, 6), zero_point=-5).conv(8, 5, pad_before=2, pad_after=2)
    first = maker.last.name
    maker.depthwise(1, 3, pad_before=1, pad_after=1, activation="relu")
    maker.add(first, maker.last.name, activation="relu")
    maker.depthwise(2, 3, stride=2, pad_before=1).pool(3, 2, pad_before=1, pad_after=1)
    maker.pool(2, 2, mean=True, pad_after=1).relu("relu").reshape()
    return maker.dense(6, head=True)


def image_means(seed: int) -> Maker:
    """Means that change their scale or can tie, blocks of 8 and 16 channels with some left over."""
    maker = Maker(seed, (1, 31, 3)).conv(19, 4).depthwise(1, 3, zero_point=-7)
    before = maker.last.name
    maker.mean(scale=0.7, over_image=True).dense(4, head=True)
    maker.depthwise(2, 6, of=before, stride=2).mean(over_image=True)
    return maker.dense(7, head=True, per_tensor=True)


def long_dense(seed: int) -> Maker:
    """Sums that leave 24 bits unless they are split, a head that another layer reads."""
    maker = Maker(seed, (1, 700, 4)).reshape()
    maker.dense(37, activation="relu", loudness=90).dense(4, head=True)
    return maker.dense(3, head=True)


def loud(seed: int) -> Maker:
    """Factors of one and more, which shift left, and of a half and more, which do not shift."""
    maker = Maker(seed, (1, 40, 4), zero_point=0, weight_reach=2, input_reach=3)
    maker.conv(8, 3, activation="relu6", loudness=70).pool(2, 2).mean(scale=0.8)
    return maker.dense(6, head=True, loudness=90, zero_point=3)


NETS: dict[str, Callable[[int], Maker]] = {
    "axes_pooled": axes_pooled,
    "three_convolutions": three_convolutions,
    "odd_sizes": odd_sizes,
    "padded_depthwise": padded_depthwise,
    "image_means": image_means,
    "long_dense": long_dense,
    "loud": loud,
}


@pytest.fixture(params=sorted(NETS))
def net(request: pytest.FixtureRequest) -> Maker:
    """Every net in turn."""
    return NETS[request.param](5)


@pytest.fixture
def net_named() -> Callable[[str], Maker]:
    return lambda name: NETS[name](6)
