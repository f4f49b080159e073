"""A QuantizedGraph refuses what no device could run, and survives its own files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.errors import ModelFileError
from wearkit.integer import reference
from wearkit.integer.graph import Conv1D, Dense, Head, QuantizedGraph, Tensor, check_range
from wearkit.integer.graph_file import load_graph, model_id, save_graph


@pytest.fixture
def micro(graphs: Callable[[str], QuantizedGraph]) -> QuantizedGraph:
    return graphs("mtl-net-micro")


def with_tensor(graph: QuantizedGraph, name: str, **changes: Any) -> QuantizedGraph:
    changed = (replace(t, **changes) if t.name == name else t for t in graph.tensors)
    return replace(graph, tensors=tuple(changed))


def with_op(graph: QuantizedGraph, name: str, **changes: Any) -> QuantizedGraph:
    changed = (replace(op, **changes) if op.name == name else op for op in graph.ops)
    return replace(graph, ops=tuple(changed))


def constant(graph: QuantizedGraph, name: str, part: str) -> Any:
    (op,) = (op for op in graph.ops if op.name == name)
    return getattr(op, part)


def test_round_trip(micro: QuantizedGraph, tmp_path: Path) -> None:
    save_graph(micro, tmp_path)
    loaded = load_graph(tmp_path)
    assert model_id(loaded) == model_id(micro)
    windows = np.random.default_rng(0).integers(-128, 128, (8, 100, 3)).astype(np.int8)
    a, b = reference.run(micro, windows), reference.run(loaded, windows)
    assert all(np.array_equal(a[task], b[task]) for task in a)


def test_constants_cannot_be_changed(micro: QuantizedGraph) -> None:
    with pytest.raises(ValueError, match="read-only"):
        constant(micro, "conv1", "weight")[0, 0, 0] = 1


@pytest.mark.parametrize("change", ["weight", "bias", "scale", "zero_point", "label", "rounding"])
def test_model_id_sees_every_change(micro: QuantizedGraph, change: str) -> None:
    match change:
        case "weight":
            weight = constant(micro, "conv2", "weight").copy()
            weight[3, 2, 1] ^= 1
            other = with_op(micro, "conv2", weight=weight)
        case "bias":
            bias = constant(micro, "heads.posture", "bias").copy()
            bias[-1] += 1
            other = with_op(micro, "heads.posture", bias=bias)
        case "scale":
            scale = float(np.nextafter(np.float32(micro.tensor("conv3.out").scale), np.float32(9)))
            other = rescaled(micro, scale)
        case "zero_point":
            other = with_tensor(micro, "posture", zero_point=micro.tensor("posture").zero_point - 1)
        case "label":
            task = micro.model.tasks[1]
            renamed = replace(task, labels=("chest", "thigh", "ankle"))
            other = replace(
                micro, model=replace(micro.model, tasks=(micro.model.tasks[0], renamed))
            )
        case _:
            other = replace(micro, rounding="xnnpack")
    assert model_id(other) != model_id(micro)


def rescaled(graph: QuantizedGraph, scale: float) -> QuantizedGraph:
    """Both ends of the mean, which must agree."""
    same = {"conv3.out", "mean.out"}
    tensors = (replace(t, scale=scale) if t.name in same else t for t in graph.tensors)
    return replace(graph, tensors=tuple(tensors))


def too_large_bias(graph: QuantizedGraph) -> QuantizedGraph:
    return with_op(graph, "conv1", bias=np.full(32, 2**31 - 1, np.int32))


def int16_weight(graph: QuantizedGraph) -> QuantizedGraph:
    return with_op(graph, "conv1", weight=constant(graph, "conv1", "weight").astype(np.int16))


def asymmetric_weight(graph: QuantizedGraph) -> QuantizedGraph:
    weight = constant(graph, "conv1", "weight").copy()
    weight[0, 0, 0] = -128
    return with_op(graph, "conv1", weight=weight)


def negative_scale(graph: QuantizedGraph) -> QuantizedGraph:
    return with_op(graph, "conv1", weight_scale=-constant(graph, "conv1", "weight_scale"))


def few_scales(graph: QuantizedGraph) -> QuantizedGraph:
    scale = constant(graph, "conv1", "weight_scale")
    return with_op(graph, "conv1", weight_scale=scale[:1])


REFUSED: list[tuple[Callable[[QuantizedGraph], QuantizedGraph], str]] = [
    (too_large_bias, "overflow"),
    (int16_weight, "int8 with 3 dimensions"),
    (asymmetric_weight, "-127..127"),
    (negative_scale, "positive float32"),
    (few_scales, "one weight scale per channel"),
    (lambda g: with_tensor(g, "conv2.out", shape=(1, 38, 47)), "cannot turn"),
    # 92 steps become 46 whatever the window, if enough is added at both ends.
    (lambda g: with_op(g, "pool1", size=186, pad_before=92, pad_after=92), "cannot turn"),
    (lambda g: with_tensor(g, "pool1.out", zero_point=5), "pass scale and zero point"),
    (lambda g: with_tensor(g, "input", scale=1 / 32), "1/64 g"),
    (lambda g: with_tensor(g, "posture", scale=2.0**-40), "too fine"),
    (lambda g: with_op(g, "conv2", input="mean.out"), "wrong tensor"),
    (lambda g: replace(g, ops=g.ops[:-1]), "never written"),
    (lambda g: replace(g, heads=g.heads[::-1]), "heads"),
    (lambda g: replace(g, heads=(Head("posture", "placement"), g.heads[1])), "one logit a label"),
    (lambda g: replace(g, rounding="other"), "rounding"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_refused(
    micro: QuantizedGraph, change: Callable[[QuantizedGraph], QuantizedGraph], reason: str
) -> None:
    with pytest.raises(ModelFileError, match=reason):
        change(micro)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 0.1, 1e-42, 1e300])
def test_bad_scales_are_refused(scale: float) -> None:
    with pytest.raises(ModelFileError, match="float32"):
        Tensor("t", (1, 1, 1), scale, 0)


def test_a_left_shift_counts_for_the_overflow_bound() -> None:
    """TFLite Micro shifts an accumulator left before it multiplies, in 32 bits."""
    weight, bias = np.ones((1, 1), np.int8), np.full(1, 2**30 - 500, np.int32)
    dense = Dense("d", "a", "b", weight, np.ones(1, np.float32), bias)
    source = Tensor("a", (1, 1, 1), 1.0, 0)
    check_range(dense, source, Tensor("b", (1, 1, 1), 1.5, 0))
    check_range(dense, source, Tensor("b", (1, 1, 1), 1.0, 0))
    with pytest.raises(ModelFileError, match="overflow"):
        check_range(dense, source, Tensor("b", (1, 1, 1), 0.5, 0))


def edit_json(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads((folder / "graph.json").read_text())
    edit(value)
    (folder / "graph.json").write_text(json.dumps(value))


DAMAGE: list[Callable[[dict[str, Any]], Any]] = [
    lambda v: v.update(format_version=2),
    lambda v: v.update(format="other"),
    lambda v: v.pop("ops"),
    lambda v: v["ops"].pop(),
    lambda v: v["ops"][0].update(kind="pickle"),
    lambda v: v["ops"][0].update(stride=1.0),
    lambda v: v["ops"][0].update(stride=0),
    lambda v: v["ops"][0].update(activation="yes"),
    lambda v: v["ops"][0].update(name="conv9"),
    lambda v: v["tensors"][1].update(scale=0.1),
    lambda v: v["tensors"][1].update(zero_point=True),
    lambda v: v["tensors"][1].update(shape=[1, 2, 3]),
    lambda v: v["tensors"][1].update(scale="x"),
    lambda v: v["model"].update(tasks=[]),
    lambda v: v.update(heads=[{}]),
    lambda v: v.update(tensors=7),
]


@pytest.mark.parametrize("number", range(len(DAMAGE)))
def test_damaged_structure(micro: QuantizedGraph, tmp_path: Path, number: int) -> None:
    save_graph(micro, tmp_path)
    edit_json(tmp_path, DAMAGE[number])
    with pytest.raises(ModelFileError):
        load_graph(tmp_path)


def test_damaged_constants(micro: QuantizedGraph, tmp_path: Path) -> None:
    save_graph(micro, tmp_path)
    path = tmp_path / "graph.safetensors"
    whole = path.read_bytes()
    for cut in (0, 7, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ModelFileError):
            load_graph(tmp_path)
    path.unlink()
    with pytest.raises(ModelFileError, match="Cannot read"):
        load_graph(tmp_path)
    path.write_bytes(whole)
    (tmp_path / "graph.json").write_bytes(b"[" * 100_000)
    with pytest.raises(ModelFileError, match="JSON"):
        load_graph(tmp_path)


def test_saved_bytes_are_the_same_twice(micro: QuantizedGraph, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_graph(micro, tmp_path / name)
    for file in ("graph.json", "graph.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_every_kind_is_covered(graphs: Callable[[str], QuantizedGraph]) -> None:
    kinds = {type(op) for arch in ("mtl-net", "mtl-net-micro") for op in graphs(arch).ops}
    assert {Conv1D, Dense} < kinds
    assert len(kinds) == 5
