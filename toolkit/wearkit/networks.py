"""The torch module of a ModelSpec, built from `wearkit.architecture` and from nothing else.

Parameters are named as in `architecture.weight_shapes`, so weights travel as a plain mapping of
arrays between training, checkpoints and the quantizer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from wearkit import architecture
from wearkit.architecture import (
    BATCH_NORM_EPS,
    Conv,
    Dense,
    Flatten,
    LayerShape,
    MaxPool,
    MeanTime,
    PublishedRow,
)
from wearkit.counts import INPUT_SCALE_G
from wearkit.spec import ModelSpec


class _ConvBlock(nn.Module):
    """Valid convolution over time, batch norm or none, ReLU on (N, channels, 1, steps).

    The parameters are those of a 1-D convolution. It runs as a 2-D one of height 1 because only
    that has a channels-last kernel, in which memory order is (time, channels) all the way
    through: nothing is copied on the way in, nor by the time-major flatten.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel)
        self.norm = nn.BatchNorm2d(channels_out, eps=BATCH_NORM_EPS) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = functional.conv2d(x, self.conv.weight.unsqueeze(2), self.conv.bias)
        return functional.relu(self.norm(x))


class _PublishedRow(nn.Module):
    """See architecture.PublishedRow: (N, axes, 1, steps) -> (N, 1, 1, steps)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)[:, None, None, : x.shape[3]]


class _MaxPool(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, (1, self.size))


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


def _block(item: LayerShape) -> nn.Module:
    match item.layer:
        case PublishedRow():
            return _PublishedRow()
        case Conv(channels=channels, kernel=kernel, norm=norm):
            return _ConvBlock(item.shape_in[1], channels, kernel, norm)
        case MaxPool(size=size):
            return _MaxPool(size)
        case MeanTime():
            return _MeanTime()
        case Flatten():
            return _Flatten()
        case Dense(units=units):
            return _DenseBlock(item.shape_in[1], units)


class Network(nn.Module):
    """A trunk and one linear head per task.

    forward: (N, length, 3) float32 in g -> {task name: (N, labels) logits}, in task order.
    Raises ModelFileError when the architecture is unknown or does not fit the window.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        found = architecture.shapes(spec)
        blocks = OrderedDict(
            (getattr(item.layer, "name", f"layer{number}"), _block(item))
            for number, item in enumerate(found)
        )
        self.trunk = nn.Sequential(blocks)
        steps, channels = found[-1].shape_out
        self.heads = nn.ModuleDict(
            {task.name: nn.Linear(steps * channels, len(task.labels)) for task in spec.tasks}
        )

    def features(self, x: Tensor) -> Tensor:
        """(N, length, 3) in g -> (N, features): what every head is given."""
        found: Tensor = self.trunk(x.unsqueeze(1).permute(0, 3, 1, 2))
        return found

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.features(x)
        return {name: head(features) for name, head in self.heads.items()}


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
