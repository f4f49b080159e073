"""Networks as data: one list of layers from which the torch net, the float graph, the parameter
count and the quantizer are all built, so that no two of them can disagree.

Layers work on (time, channels). Convolutions and pools are valid (no padding).
"""

from __future__ import annotations

from dataclasses import dataclass

from wearkit.errors import ModelFileError
from wearkit.spec import ModelSpec

BATCH_NORM_EPS = 1e-5


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """(time, axes) -> (time, 1): the first `time` of the window's time * axes numbers, read
    sample by sample, which for three axes is x, y, z of its first third.

    This is all that the code published with arXiv 2507.00061 lets through: it reshapes the window
    to (axes, time) where a transpose was meant, and both of its pools step over rows too, so that
    only row 0 is left at the end. What happened to the other rows cannot reach the answer.
    """


@dataclass(frozen=True, slots=True)
class Conv:
    """1-D convolution over time, batch norm where `norm`, ReLU. Weights: `<name>.conv.weight`
    (O, I, K), `<name>.conv.bias` (O,), `<name>.norm.{weight,bias,running_mean,running_var}` (O,).
    """

    name: str
    channels: int
    kernel: int
    norm: bool = True


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over `size` time steps, stride `size`."""

    size: int


@dataclass(frozen=True, slots=True)
class MeanTimeLayer:
    """Mean over all time steps, which must be odd in number: integer means then never tie."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """(time, channels) -> time * channels, time-major: the order of the bytes on the device."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """Linear, ReLU. Weights: `<name>.weight` (O, I), `<name>.bias` (O,)."""

    name: str
    units: int


Layer = PublishedRow | Conv | MaxPool | MeanTimeLayer | Flatten | DenseLayer

# A head for task T is linear without ReLU: `heads.T.weight` (labels, features), `heads.T.bias`.

_TRUNKS: dict[str, tuple[Layer, ...]] = {
    # Smooth-Distill's MTL-net with the axes as input channels, so that every sample is seen.
    "mtl-net": (
        Conv("conv1", 32, 9),
        MaxPool(2),
        Conv("conv2", 64, 9),
        MaxPool(2),
        Flatten(),
        DenseLayer("fc1", 1024),
        DenseLayer("fc2", 512),
    ),
    # 100 -> 92 -> 46 -> 38 -> 19 -> 15 steps: odd, and a total stride of 4, so it can stream.
    "mtl-net-micro": (
        Conv("conv1", 32, 9),
        MaxPool(2),
        Conv("conv2", 48, 9),
        MaxPool(2),
        Conv("conv3", 64, 5),
        MeanTimeLayer(),
    ),
    # The published code's tensor path, whose paper speaks of batch norm and whose code has none.
    "mtl-net-paper": (
        PublishedRow(),
        Conv("conv1", 32, 9, norm=False),
        MaxPool(2),
        Conv("conv2", 64, 9, norm=False),
        MaxPool(2),
        Flatten(),
        DenseLayer("fc1", 1024),
        DenseLayer("fc2", 512),
    ),
}

ARCHITECTURES = tuple(_TRUNKS)
REPRODUCTIONS = {
    "mtl-net-paper": "mtl-net-paper is the published network with its layout faults, for comparing "
    "figures only: it sees the first third of a window and cannot be exported; use mtl-net."
}
"""Architectures that are no product: why, in a sentence."""

EXPORTABLE = tuple(arch for arch in ARCHITECTURES if arch not in REPRODUCTIONS)


def trunk(arch: str) -> tuple[Layer, ...]:
    """The layers before the heads. Raises ModelFileError for an unknown name."""
    try:
        return _TRUNKS[arch]
    except KeyError:
        known = ", ".join(ARCHITECTURES)
        raise ModelFileError(f"Unknown architecture {arch!r}: choose one of {known}.") from None


@dataclass(frozen=True, slots=True)
class LayerShape:
    """A layer with the (time, channels) it takes and gives; a flat vector is (1, features)."""

    layer: Layer
    shape_in: tuple[int, int]
    shape_out: tuple[int, int]


def shapes(spec: ModelSpec) -> tuple[LayerShape, ...]:
    """Every trunk layer with its shapes for this window. Raises ModelFileError if it cannot fit."""
    steps, channels = spec.window.length, len(spec.window.axes)
    layer_shapes: list[LayerShape] = []
    for layer in trunk(spec.arch):
        before = (steps, channels)
        match layer:
            case PublishedRow():
                channels = 1
            case Conv(channels=out, kernel=kernel):
                steps, channels = steps - kernel + 1, out
            case MaxPool(size=size):
                steps //= size
            case MeanTimeLayer():
                if steps % 2 == 0:
                    raise ModelFileError(
                        f"A window of {spec.window.length} leaves {spec.arch} an even number of "
                        f"steps ({steps}) to average; choose another window length."
                    )
                steps = 1
            case Flatten():
                steps, channels = 1, steps * channels
            case DenseLayer(units=units):
                channels = units
        if steps < 1:
            raise ModelFileError(
                f"A window of {spec.window.length} samples is too short for {spec.arch}."
            )
        layer_shapes.append(LayerShape(layer, before, (steps, channels)))
    return tuple(layer_shapes)


def weight_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor a checkpoint of this model holds, in order."""
    shape_of: dict[str, tuple[int, ...]] = {}
    features = spec.window.length * len(spec.window.axes)
    for item in shapes(spec):
        match item.layer:
            case Conv(name=name, channels=out, kernel=kernel, norm=norm):
                shape_of[f"{name}.conv.weight"] = (out, item.shape_in[1], kernel)
                shape_of[f"{name}.conv.bias"] = (out,)
                for part in ("weight", "bias", "running_mean", "running_var") if norm else ():
                    shape_of[f"{name}.norm.{part}"] = (out,)
            case DenseLayer(name=name, units=units):
                shape_of[f"{name}.weight"] = (units, item.shape_in[1])
                shape_of[f"{name}.bias"] = (units,)
        features = item.shape_out[0] * item.shape_out[1]
    for task in spec.tasks:
        shape_of[f"heads.{task.name}.weight"] = (len(task.labels), features)
        shape_of[f"heads.{task.name}.bias"] = (len(task.labels),)
    return shape_of


def parameter_count(spec: ModelSpec) -> int:
    """Trainable numbers (running statistics are not counted)."""
    total = 0
    for name, shape in weight_shapes(spec).items():
        if "running_" in name:
            continue
        size = 1
        for extent in shape:
            size *= extent
        total += size
    return total


def mac_count(spec: ModelSpec) -> int:
    """Multiply-accumulates for one window, heads included."""
    total, features = 0, 0
    for item in shapes(spec):
        match item.layer:
            case Conv(kernel=kernel):
                total += item.shape_out[0] * item.shape_out[1] * item.shape_in[1] * kernel
            case DenseLayer():
                total += item.shape_in[1] * item.shape_out[1]
        features = item.shape_out[0] * item.shape_out[1]
    return total + sum(features * len(task.labels) for task in spec.tasks)
