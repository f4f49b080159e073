"""The torch module against the architecture, and against an independent forward pass in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wearkit.model.architecture import ARCHITECTURES, EXPORTABLE, parameter_count, weight_shapes
from wearkit.model.network import Network, export_weights, inputs_g, load_weights, seeded_network
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

TASKS = (TaskSpec("posture", ("a", "b", "c", "d")), TaskSpec("placement", ("neck", "chest")))


def _spec(arch: str) -> ModelSpec:
    return ModelSpec(arch, WindowSpec(), TASKS)


def _inputs(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return inputs_g(torch.randint(-128, 128, (count, 100, 3), generator=generator).to(torch.int8))


def _stirred(spec: ModelSpec) -> Network:
    """A network whose batch-norm statistics and scales are not the identity."""
    network = seeded_network(spec, 5).train()
    for _ in range(3):
        network(_inputs(8))
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "norm" in name:
                value.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    return network.eval()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_sizes_come_from_the_architecture(arch: str) -> None:
    network = Network(_spec(arch))
    assert sum(value.numel() for value in network.parameters()) == parameter_count(_spec(arch))
    logits = network(_inputs(5))
    assert list(logits) == ["posture", "placement"]
    assert {name: tuple(value.shape) for name, value in logits.items()} == {
        "posture": (5, 4),
        "placement": (5, 2),
    }


@pytest.mark.parametrize("arch", EXPORTABLE)
def test_every_sample_of_every_axis_reaches_every_head(arch: str) -> None:
    network = _stirred(_spec(arch))
    inputs = _inputs(64).requires_grad_()
    for logits in network(inputs).values():
        (gradient,) = torch.autograd.grad(logits.square().sum(), inputs, retain_graph=True)
        assert (gradient.abs().sum(0) > 0).all()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_weights_alone_determine_the_answer(arch: str) -> None:
    """numpy, from `weight_shapes` names only: time-major flatten, eps, order of norm and ReLU."""
    network = _stirred(_spec(arch))
    weights = export_weights(network)
    assert {name: value.shape for name, value in weights.items()} == weight_shapes(_spec(arch))
    inputs = _inputs(4)
    with torch.no_grad():
        found = network(inputs)
    for number in range(4):
        features = _features(arch, weights, inputs[number].numpy().astype(np.float64))
        for task in TASKS:
            weight, bias = (weights[f"heads.{task.name}.{part}"] for part in ("weight", "bias"))
            expected = weight @ features + bias
            np.testing.assert_allclose(found[task.name][number], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("length", [100, 102])
def test_folding_changes_no_answer_but_by_rounding(arch: str, length: int) -> None:
    """Scales of either sign, and lengths whose last step no pool takes."""
    spec = ModelSpec(arch, WindowSpec(length=length, hop=60), TASKS)
    network = seeded_network(spec, 5).train()
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(16, length, 3, generator=generator)
    network(inputs)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "norm" in name:
                value.normal_(generator=generator)
    network.eval()
    found, expected = network.folded(inputs), network(inputs)
    assert list(found) == list(expected)
    for task, logits in found.items():
        torch.testing.assert_close(logits, expected[task].detach(), rtol=1e-4, atol=1e-5)
        assert not logits.requires_grad


def test_a_pool_before_the_relu_changes_no_bit_of_value_or_gradient() -> None:
    network = _stirred(_spec("mtl-net-micro")).train()
    inputs = _inputs(8).requires_grad_()
    block = network.trunk[0]
    x = inputs.unsqueeze(1).permute(0, 3, 1, 2)
    assert isinstance(block.conv, torch.nn.Conv1d) and block.pool == 2
    y = functional.conv2d(x, block.conv.weight.unsqueeze(2), block.conv.bias)
    assert isinstance(block.norm, torch.nn.BatchNorm2d)
    expected = functional.max_pool2d(functional.relu(block.norm(y)), (1, 2))
    found = block(x)
    assert torch.equal(found, expected)
    leaves = [inputs, *block.parameters()]
    gradients = [torch.autograd.grad(z.square().sum(), leaves) for z in (found, expected)]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def _features(
    arch: str, weights: dict[str, NDArray[np.float32]], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """x: (time, channels)."""
    if arch == "mtl-net-paper":
        x = x.reshape(-1)[: len(x), None]
    x = _pool(_conv(weights, "conv1", x))
    x = _pool(_conv(weights, "conv2", x))
    if arch == "mtl-net-micro":
        averaged: NDArray[np.float64] = _conv(weights, "conv3", x).mean(axis=0)
        return averaged
    flat = x.reshape(-1)  # step 0's channels first: time-major
    for name in ("fc1", "fc2"):
        flat = np.maximum(weights[f"{name}.weight"] @ flat + weights[f"{name}.bias"], 0)
    return flat


def _conv(
    weights: dict[str, NDArray[np.float32]], name: str, x: NDArray[np.float64]
) -> NDArray[np.float64]:
    kernel = weights[f"{name}.conv.weight"]
    steps = [
        np.einsum("oik,ki->o", kernel, x[start : start + kernel.shape[2]])
        for start in range(len(x) - kernel.shape[2] + 1)
    ]
    y = np.array(steps) + weights[f"{name}.conv.bias"]
    if f"{name}.norm.weight" not in weights:
        return np.asarray(np.maximum(y, 0), np.float64)
    norm = {part: weights[f"{name}.norm.{part}"] for part in ("weight", "bias")}
    mean, var = weights[f"{name}.norm.running_mean"], weights[f"{name}.norm.running_var"]
    scaled = (y - mean) / np.sqrt(var + 1e-5) * norm["weight"] + norm["bias"]
    return np.asarray(np.maximum(scaled, 0), np.float64)


def _pool(x: NDArray[np.float64]) -> NDArray[np.float64]:
    even = x[: len(x) // 2 * 2]
    return np.maximum(even[0::2], even[1::2])


def test_the_published_path_is_the_published_code_s_to_the_gradient() -> None:
    """Against the 2-D path spelt out: reshape to three rows, (1, 9) kernels, pools of (1, 2) with
    stride 2 both ways, channel-major flatten."""
    network = _stirred(_spec("mtl-net-paper"))
    weights = {name: torch.from_numpy(value) for name, value in export_weights(network).items()}
    inputs = _inputs(6).requires_grad_()
    x = inputs.reshape(6, 1, 3, 100)
    for name in ("conv1.conv", "conv2.conv"):
        kernel = weights[f"{name}.weight"].unsqueeze(2)
        x = functional.relu(functional.conv2d(x, kernel, weights[f"{name}.bias"]))
        x = functional.max_pool2d(x, (1, 2), stride=2)
    assert x.shape == (6, 64, 1, 19)
    x = x.squeeze(2).transpose(1, 2).flatten(1)  # to our order of fc1's columns
    for name in ("fc1", "fc2"):
        x = functional.relu(
            functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
        )
    head = "heads.posture"
    expected = functional.linear(x, weights[f"{head}.weight"], weights[f"{head}.bias"])
    found = network(inputs)["posture"]
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(y.square().sum(), inputs)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients)
    assert (gradients[0][:, 34:] == 0).all() and (gradients[0][:, :33] != 0).any()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_exported_weights_are_a_copy_and_come_back(arch: str) -> None:
    network = _stirred(_spec(arch))
    weights = export_weights(network)
    before = {name: value.copy() for name, value in weights.items()}
    inputs = _inputs(3)
    with torch.no_grad():
        answer = network(inputs)["posture"].clone()
        for value in [*network.parameters(), *network.buffers()]:
            value.add_(1)
    for name, exported in weights.items():
        np.testing.assert_array_equal(exported, before[name])
    other = Network(_spec(arch)).eval()
    load_weights(other, weights)
    with torch.no_grad():
        torch.testing.assert_close(other(inputs)["posture"], answer, rtol=0, atol=0)


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = export_weights(seeded_network(_spec("mtl-net-micro"), 11))
    assert torch.equal(torch.rand(4), expected)
    second = export_weights(seeded_network(_spec("mtl-net-micro"), 11))
    third = export_weights(seeded_network(_spec("mtl-net-micro"), 12))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["conv1.conv.weight"], third["conv1.conv.weight"])


def test_inputs_are_sixty_fourths_of_a_g() -> None:
    assert inputs_g(torch.tensor([[-128, 64, 127]], dtype=torch.int8)).tolist() == [
        [-2.0, 1.0, 127 / 64]
    ]
