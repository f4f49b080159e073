"""The torch module of a ModelSpec, built from `wearkit.model.architecture` and from nothing else.

Parameters are named as in `architecture.weight_shapes`, so weights travel as a plain mapping of
arrays between training, checkpoints and the quantizer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from wearkit.counts import INPUT_SCALE_G
from wearkit.model import architecture
from wearkit.model.architecture import (
    BATCH_NORM_EPS,
    Conv,
    DenseLayer,
    Flatten,
    LayerShape,
    MaxPool,
    MeanTimeLayer,
    PublishedRow,
)
from wearkit.spec import ModelSpec


class _ConvBlock(nn.Module):
    """Valid convolution over time, batch norm or none, ReLU, max pool on (N, channels, 1, steps).

    The parameters are those of a 1-D convolution. It runs as a 2-D one of height 1 because only
    that has a channels-last kernel, in which memory order is (time, channels) all the way
    through: nothing is copied on the way in, nor by the time-major flatten. The pool goes before
    the ReLU, which leaves every value and gradient as it is and the ReLU half as much to do.
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, norm: bool, pool: int
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel)
        self.norm = nn.BatchNorm2d(channels_out, eps=BATCH_NORM_EPS) if norm else nn.Identity()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(functional.conv2d(x, self.conv.weight.unsqueeze(2), self.conv.bias))
        if self.pool > 1:
            x = functional.max_pool2d(x, (1, self.pool))
        return functional.relu(x)

    def folded(self, x: Tensor) -> Tensor:
        """`forward` in eval mode to rounding, without gradients: the batch norm is a part of the
        convolution's weights, and the pool notes no places to send gradients to."""
        weight, bias = self.conv.weight, self.conv.bias
        assert bias is not None
        if isinstance(self.norm, nn.BatchNorm2d):
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None and variance is not None
            scale = self.norm.weight * (variance + self.norm.eps).rsqrt()
            weight = weight * scale[:, None, None]
            bias = (bias - mean) * scale + self.norm.bias
        x = functional.conv2d(x, weight.unsqueeze(2), bias)
        used = x.shape[3] // self.pool * self.pool
        return reduce(
            torch.maximum, [x[..., k : used : self.pool] for k in range(self.pool)]
        ).relu_()


class _PublishedRow(nn.Module):
    """See architecture.PublishedRow: (N, axes, 1, steps) -> (N, 1, 1, steps)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)[:, None, None, : x.shape[3]]


class _MeanTime(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class _Flatten(nn.Module):
    """Time-major, as the bytes lie on the device; torch's own flatten is channel-major."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class _DenseBlock(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x))


def _blocks(layer_shapes: tuple[LayerShape, ...]) -> Iterator[tuple[str, nn.Module]]:
    """A pool is a part of the convolution before it, where every architecture has its pools."""
    for number, item in enumerate(layer_shapes):
        match item.layer:
            case PublishedRow():
                yield f"layer{number}", _PublishedRow()
            case Conv(name=name, channels=channels, kernel=kernel, norm=norm):
                after = layer_shapes[number + 1].layer
                pool = after.size if isinstance(after, MaxPool) else 1
                yield name, _ConvBlock(item.shape_in[1], channels, kernel, norm, pool)
            case MeanTimeLayer():
                yield f"layer{number}", _MeanTime()
            case Flatten():
                yield f"layer{number}", _Flatten()
            case DenseLayer(name=name, units=units):
                yield name, _DenseBlock(item.shape_in[1], units)


class Network(nn.Module):
    """A trunk and one linear head per task.

    forward: (N, length, 3) float32 in g -> {task name: (N, labels) logits}, in task order.
    Raises ModelFileError when the architecture is unknown or does not fit the window.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        layer_shapes = architecture.shapes(spec)
        self.trunk = nn.Sequential(OrderedDict(_blocks(layer_shapes)))
        steps, channels = layer_shapes[-1].shape_out
        self.heads = nn.ModuleDict(
            {task.name: nn.Linear(steps * channels, len(task.labels)) for task in spec.tasks}
        )

    def features(self, x: Tensor) -> Tensor:
        """(N, length, 3) in g -> (N, features): what every head is given."""
        values: Tensor = self.trunk(_channels_last(x))
        return values

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, length, 3) float32 in g -> task -> (N, labels) float32 logits."""
        features = self.features(x)
        return {name: head(features) for name, head in self.heads.items()}

    @torch.no_grad()
    def folded(self, x: Tensor) -> dict[str, Tensor]:
        """What `forward` gives in eval mode, to rounding, in half its passes over memory."""
        x = _channels_last(x)
        for block in self.trunk:
            x = block.folded(x) if isinstance(block, _ConvBlock) else block(x)
        return {name: head(x) for name, head in self.heads.items()}


def _channels_last(x: Tensor) -> Tensor:
    """(N, length, 3) -> (N, 3, 1, length), the same memory."""
    return x.unsqueeze(1).permute(0, 3, 1, 2)


def seeded_network(spec: ModelSpec, seed: int) -> Network:
    """A new network on the CPU whose weights depend on `seed` alone.

    torch initialises from its global generator; that is set for the moment and put back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(spec)


def inputs_g(inputs: Tensor) -> Tensor:
    """(..., 3) int8 model inputs -> float32 in g: exact, a power of two times an integer."""
    return inputs.to(torch.float32).mul_(INPUT_SCALE_G)


def export_weights(network: Network) -> dict[str, NDArray[np.float32]]:
    """A copy of every tensor of `architecture.weight_shapes`, on the host, in that order.

    The arrays share no memory with the network: training on does not change them.
    """
    state = {name.removeprefix("trunk."): value for name, value in network.state_dict().items()}
    return {
        name: state[name].detach().to("cpu", torch.float32).numpy().copy()
        for name in architecture.weight_shapes(network.spec)
    }


def load_weights(network: Network, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Put exported weights (see `export_weights`) into the network, in place."""
    own = network.state_dict()
    for name in architecture.weight_shapes(network.spec):
        key = name if name.startswith("heads.") else f"trunk.{name}"
        own[key].copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))
