"""The one quantization: what it promises of every number, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import DataError, ModelFileError
from wearkit.integer import reference
from wearkit.integer.graph import Conv1D, Dense, QuantizedGraph
from wearkit.integer.graph_file import model_id
from wearkit.model.checkpoint import Checkpoint

ARCHS = ["mtl-net", "mtl-net-micro"]


def changed(checkpoint: Checkpoint, **tensors: NDArray[np.float32]) -> Checkpoint:
    """The checkpoint with tensors replaced; `__` stands for a dot in a name."""
    new = {name.replace("__", "."): values for name, values in tensors.items()}
    assert set(new) <= set(checkpoint.weights)
    return replace(checkpoint, weights={**checkpoint.weights, **new})


@pytest.mark.parametrize("arch", ARCHS)
def test_recipe(arch: str, graphs: Callable[[str], QuantizedGraph]) -> None:
    graph = graphs(arch)
    source = graph.tensor(graph.input)
    assert (source.scale, source.zero_point) == (1 / 64, 0)
    for op in graph.ops:
        before, after = graph.tensor(op.input), graph.tensor(op.output)
        if not isinstance(op, Conv1D | Dense):
            assert (before.scale, before.zero_point) == (after.scale, after.zero_point)
            continue
        assert op.weight_scale.size == (len(op.bias) if isinstance(op, Conv1D) else 1)
        rows = np.abs(op.weight.reshape(op.weight_scale.size, -1).astype(int)).max(axis=1)
        assert (rows == 127).all()
        assert (after.zero_point == -128) == (op.activation == "relu")


@pytest.mark.parametrize("arch", ARCHS)
def test_integers_stand_for_the_float_weights(
    arch: str,
    graphs: Callable[[str], QuantizedGraph],
    untrained_checkpoint: Callable[..., Checkpoint],
) -> None:
    """Every weight within half a step, every bias within half a step of its own scale."""
    from wearkit_export.quantization.float_graph import FloatConv, FloatDense, fold

    graph = graphs(arch)
    float_ops = {op.name: op for op in fold(untrained_checkpoint(arch)).ops}
    checked = 0
    for op in graph.ops:
        if not isinstance(op, Conv1D | Dense):
            continue
        exact = float_ops[op.name]
        assert isinstance(exact, FloatConv | FloatDense)
        scale = op.weight_scale.astype(np.float64).reshape(-1, *[1] * (op.weight.ndim - 1))
        assert (np.abs(op.weight * scale - exact.weight) <= 0.5001 * scale).all()
        step = graph.tensor(op.input).scale * op.weight_scale.astype(np.float64)
        assert (np.abs(op.bias * step - exact.bias) <= 0.5001 * step + 1e-6).all()
        checked += 1
    assert checked == len(float_ops) - sum(
        not isinstance(op, FloatConv | FloatDense) for op in float_ops.values()
    )


@pytest.mark.parametrize("arch", ARCHS)
def test_int8_answers_are_near_the_float_ones(
    arch: str,
    graphs: Callable[[str], QuantizedGraph],
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> None:
    from wearkit_export.quantization.float_graph import fold
    from wearkit_export.quantization.quantize import counts_to_g

    counts = made_counts(64, seed=1)
    exact = fold(untrained_checkpoint(arch)).run(counts_to_g(counts))
    found = reference.run(graphs(arch), counts_to_int8(counts))
    for task, logits in found.items():
        tensor = graphs(arch).head(task)
        real = tensor.scale * (logits.astype(float) - tensor.zero_point)
        assert np.abs(real - exact[task]).max() < 0.06 * np.ptp(exact[task])
        assert np.abs(real - exact[task]).mean() < 0.01 * np.ptp(exact[task])
        assert logits.min() == -128 or logits.max() == 127


def test_dense_per_channel(
    untrained_checkpoint: Callable[..., Checkpoint], made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    from wearkit_export.quantization.quantize import quantize

    graph = quantize(untrained_checkpoint("mtl-net"), made_counts(8), dense_per_channel=True)
    dense = [op for op in graph.ops if isinstance(op, Dense)]
    assert len(dense) == 4
    assert all(op.weight_scale.shape == op.bias.shape for op in dense)


def test_rounding_is_named_and_changes_nothing_else(
    untrained_checkpoint: Callable[..., Checkpoint], made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    from wearkit_export.quantization.quantize import quantize

    checkpoint, counts = untrained_checkpoint("mtl-net-micro"), made_counts(8)
    graph = quantize(checkpoint, counts, rounding="xnnpack")
    assert graph.rounding == "xnnpack"
    assert model_id(replace(graph, rounding="tflm")) == model_id(quantize(checkpoint, counts))


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (np.zeros((0, 100, 3), np.int16), "not a single"),
        (np.zeros((4, 99, 3), np.int16), "must be"),
        (np.zeros((4, 100, 3), np.float32), "must be"),
        (np.zeros((100, 3), np.int16), "must be"),
    ],
)
def test_unusable_calibration(
    counts: NDArray[np.int16], reason: str, untrained_checkpoint: Callable[..., Checkpoint]
) -> None:
    from wearkit_export.quantization.quantize import quantize

    with pytest.raises(DataError, match=reason):
        quantize(untrained_checkpoint("mtl-net-micro"), counts)


def dead_channel(checkpoint: Checkpoint) -> Checkpoint:
    gamma = checkpoint.weights["conv1.norm.weight"].copy()
    gamma[:5] = 0
    beta = checkpoint.weights["conv1.norm.bias"].copy()
    beta[:5] = [0.0, 1.0, -1.0, 30.0, -30.0]
    return changed(checkpoint, conv1__norm__weight=gamma, conv1__norm__bias=beta)


def nearly_dead_channel(checkpoint: Checkpoint) -> Checkpoint:
    gamma = checkpoint.weights["conv2.norm.weight"].copy()
    gamma[:4] = [1e-12, 1e-20, 1e-30, 1e-38]
    return changed(checkpoint, conv2__norm__weight=gamma)


def dead_layer(checkpoint: Checkpoint) -> Checkpoint:
    gamma = np.zeros_like(checkpoint.weights["conv3.norm.weight"])
    return changed(checkpoint, conv3__norm__weight=gamma, conv3__norm__bias=gamma - 1)


def dead_head(checkpoint: Checkpoint) -> Checkpoint:
    weight = np.zeros_like(checkpoint.weights["heads.placement.weight"])
    bias = np.array([0.5, 0.25, -7.0], np.float32)
    return changed(checkpoint, heads__placement__weight=weight, heads__placement__bias=bias)


def zero_head(checkpoint: Checkpoint) -> Checkpoint:
    weight = np.zeros_like(checkpoint.weights["heads.placement.weight"])
    bias = np.zeros(3, np.float32)
    return changed(checkpoint, heads__placement__weight=weight, heads__placement__bias=bias)


def one_huge_weight(checkpoint: Checkpoint) -> Checkpoint:
    weight = checkpoint.weights["heads.posture.weight"].copy()
    weight[0, 0] = 1e6
    return changed(checkpoint, heads__posture__weight=weight)


def never_positive(checkpoint: Checkpoint) -> Checkpoint:
    beta = np.full_like(checkpoint.weights["conv2.norm.bias"], -1000)
    return changed(checkpoint, conv2__norm__bias=beta)


def hopeless_bias(checkpoint: Checkpoint) -> Checkpoint:
    beta = checkpoint.weights["conv2.norm.bias"].copy()
    beta[7] = -1e12
    return changed(checkpoint, conv2__norm__bias=beta)


# How far off the float answer may be, in output steps. A weight of 1e6 makes half an input step
# worth more than the rest of the head.
DEGENERATE = [
    (dead_channel, 12),
    (nearly_dead_channel, 12),
    (dead_layer, 1),
    (dead_head, 12),
    (zero_head, 12),
    (one_huge_weight, 64),
    (never_positive, 12),
    (hopeless_bias, 12),
]


@pytest.mark.parametrize(("damage", "steps"), DEGENERATE)
def test_degenerate_networks_still_quantize_and_agree(
    damage: Callable[[Checkpoint], Checkpoint],
    steps: int,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> None:
    """In int8 they answer nearly as in float, and alike in every runtime."""
    from wearkit_export.bundle.equality import Models, check_int8, require_equal
    from wearkit_export.bundle.write import print_files
    from wearkit_export.quantization.float_graph import fold
    from wearkit_export.quantization.quantize import counts_to_g, quantize

    checkpoint = damage(untrained_checkpoint("mtl-net-micro"))
    counts = made_counts(64, seed=5)
    graph, exact = quantize(checkpoint, counts), fold(checkpoint)
    found, expected = reference.run(graph, counts_to_int8(counts)), exact.run(counts_to_g(counts))
    for task, logits in found.items():
        tensor = graph.head(task)
        real = tensor.scale * (logits.astype(float) - tensor.zero_point)
        assert np.abs(real - expected[task]).max() <= steps * tensor.scale
    files = print_files(graph, exact)
    models = Models(files.int8_tflite, files.int8_onnx, files.int8_s8_onnx)
    require_equal(check_int8(graph, models, counts_to_int8(counts)))


def test_a_bias_beyond_int32_is_refused(
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No layer of today's networks can get there; a larger one might."""
    from wearkit_export.quantization import quantize as module

    monkeypatch.setattr(module, "_BIAS_LIMIT", 100)
    with pytest.raises(ModelFileError, match="conv1, channel"):
        module.quantize(untrained_checkpoint("mtl-net-micro"), made_counts(8))


def test_weights_that_overflow_float32_are_refused(
    untrained_checkpoint: Callable[..., Checkpoint], made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    from wearkit_export.quantization.quantize import quantize

    checkpoint = untrained_checkpoint("mtl-net-micro")
    gamma = np.full_like(checkpoint.weights["conv1.norm.weight"], 3e38)
    variance = np.full_like(gamma, 1e-30)
    damaged = changed(checkpoint, conv1__norm__weight=gamma, conv1__norm__running_var=variance)
    with pytest.raises(ModelFileError, match="conv1"):
        quantize(damaged, made_counts(8))
