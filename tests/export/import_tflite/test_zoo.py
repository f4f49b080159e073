"""Models of a converter that is not ours, in every runtime; and what is refused, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    ROUNDINGS,
    Add,
    AveragePool1D,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    MaxPool1D,
    MeanTime,
    Op,
    Relu,
    Reshape,
    Rounding,
)
from wearkit.integer.logits import Agreement

Agreements = Callable[..., dict[Rounding, Agreement]]
ZOO = sorted(path.stem for path in (Path(__file__).parent / "zoo").glob("*.tflite"))
SLOW = pytest.mark.soak
IMPORTED = [name for name in ZOO if not name.startswith("refused_") and name != "relu6_alone"]


def windows_for(data: bytes, random: int) -> Any:
    from wearkit_export.bundle.import_bundle import windows
    from wearkit_export.import_tflite import import_tflite

    graph = import_tflite(data, rounding="litert-ref").graph
    return windows(graph.tensor(graph.input), random, seed=7)


@pytest.mark.parametrize("name", IMPORTED)
def test_every_family(name: str, zoo: Callable[[str], bytes], agreements: Agreements) -> None:
    data = zoo(name)
    found = agreements(data, windows_for(data, random=150))
    assert set(found) == set(ROUNDINGS)
    assert all(agreement.exact for agreement in found.values()), found
    assert all(agreement.windows > 300 for agreement in found.values())


def test_relu6_alone_is_not_what_micro_computes(
    zoo: Callable[[str], bytes], agreements: Agreements
) -> None:
    from wearkit_export.import_tflite import import_tflite

    data = zoo("relu6_alone")
    with pytest.raises(ModelFileError, match=r"relu6_3 .* TFLite Micro's RELU6 .*--rounding"):
        import_tflite(data)
    found = agreements(data, windows_for(data, random=150))
    assert set(found) == set(ROUNDINGS) - {"tflm"}
    assert all(agreement.exact for agreement in found.values()), found


@pytest.mark.parametrize(
    "name",
    [
        "depthwise_stride2",
        pytest.param("mean_over_time", marks=SLOW),
        pytest.param("residual", marks=SLOW),
    ],
)
def test_tensorflow_agrees(name: str, zoo: Callable[[str], bytes], real_tensorflow: None) -> None:
    from wearkit_export.bundle.equality import Models, check_int8, require_equal
    from wearkit_export.import_tflite import import_tflite

    data = zoo(name)
    imported = import_tflite(data)
    shape = imported.graph.tensor(imported.graph.input).shape
    models = Models(data, outputs=imported.output_places)
    windows = windows_for(data, random=60).reshape(-1, *shape)
    rows = check_int8(imported.graph, models, windows)
    assert sum("TensorFlow" in row.runtime for row in rows) == 3
    require_equal(rows)


def test_the_zoo_has_every_operation() -> None:
    from wearkit_export.import_tflite import import_tflite

    folder = Path(__file__).parent / "zoo"
    graphs = [import_tflite((folder / f"{name}.tflite").read_bytes()).graph for name in IMPORTED]
    ops: list[Op] = [op for graph in graphs for op in graph.ops]
    kinds: set[type[Any]] = {Add, AveragePool1D, Conv1D, Dense, DepthwiseConv1D, MaxPool1D}
    assert {type(op) for op in ops} == kinds | {MeanTime, Relu, Reshape}
    assert {getattr(op, "stride", 1) for op in ops} >= {1, 2}
    assert any(op.pad_before != op.pad_after for op in ops if isinstance(op, Conv1D))
    assert {getattr(op, "activation", "none") for op in ops} == {"none", "relu", "relu6"}
    dense = [op for op in ops if isinstance(op, Dense)]
    assert {len(op.weight_scale) == 1 for op in dense} == {True, False}
    assert {graph.tensor(graph.input).zero_point for graph in graphs} - {0, -128, -1}
    assert sum(path.stat().st_size for path in folder.glob("*.tflite")) < 150_000


REFUSED = {
    "refused_float32": r"is a float32 model; .* full integer quantization",
    "refused_dynamic_range": r"dynamic-range model.* full integer quantization",
    "refused_int16": r"int16 activations.* full integer quantization",
    "refused_float_ends": r"float32 around an int8 model.* int8 as inference input",
    "refused_softmax": r"^Operator 2, SOFTMAX, is not supported: .* so that it ends in logits",
    "refused_transpose": r"^Operator 3, TRANSPOSE, is not supported: keep time and channels",
    "refused_dynamic_batch": r"^Operator 3, SHAPE, is not supported: .* fixed batch of 1",
    "refused_square_kernel": r"^Operator 0, CONV_2D, is not supported: its 3 x 3 window",
    "refused_dilation": r"^Operator 1, CONV_2D, is not supported: its dilation is 2, .* not read",
}


def test_every_refused_file_is_listed() -> None:
    assert set(REFUSED) == {name for name in ZOO if name.startswith("refused_")}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, zoo: Callable[[str], bytes]) -> None:
    from wearkit_export.import_tflite import import_tflite

    with pytest.raises(ModelFileError, match=REFUSED[name]):
        import_tflite(zoo(name))


@pytest.mark.parametrize(
    ("model", "random"),
    [
        ("compact", 1024),
        ("mtlnet", 40),
        # Minutes of matrix products in four families on a busy machine.
        pytest.param("mtlnet", 1024, marks=[SLOW, pytest.mark.timeout(1800)]),
    ],
)
def test_peer_models(
    model: str, random: int, archive: Callable[[str], Path], agreements: Agreements
) -> None:
    """The two files other engines were measured on; 1024 stands for 2,056 windows."""
    data = archive(f"peer-models/{model}_int8.tflite").read_bytes()
    found = agreements(data, windows_for(data, random))
    assert set(found) == set(ROUNDINGS)
    assert all(agreement.windows == 2 * random + 8 for agreement in found.values())
    assert all(agreement.exact for agreement in found.values()), found


@pytest.mark.parametrize("model", ["compact", "mtlnet"])
@pytest.mark.parametrize(
    ("family", "outputs"), [("tflm", "tflm_outputs"), ("litert-ref", "builtin_ref_outputs")]
)
def test_peer_vectors(
    model: str, family: Rounding, outputs: str, archive: Callable[[str], Path]
) -> None:
    """Against outputs that were recorded elsewhere, in TFLite's own order."""
    from wearkit.integer.reference import Reference
    from wearkit_export.import_tflite import import_tflite

    imported = import_tflite(archive(f"peer-models/{model}_int8.tflite").read_bytes())
    vectors = np.load(archive(f"peer-models/{model}_vectors.npz"))
    logits = Reference(imported.graph, family).run(vectors["inputs"])
    in_file = sorted(imported.output_places, key=imported.output_places.__getitem__)
    joined = np.concatenate([logits[task] for task in in_file], axis=1)
    assert joined.shape == (200, 15)
    assert np.array_equal(joined, vectors[outputs])


@pytest.mark.parametrize("arch", ["mtl-net", "mtl-net-micro"])
def test_our_own_files_come_back(arch: str, graphs: Callable[[str], Any]) -> None:
    """Import undoes emit: same operations, same integers, one answer for every window."""
    from wearkit.integer import reference
    from wearkit_export.formats.emit_tflite import emit_tflite
    from wearkit_export.import_tflite import import_tflite

    graph = graphs(arch)
    imported = import_tflite(emit_tflite(graph, "id"), tasks=graph.model.tasks)
    assert [type(op) for op in imported.graph.ops] == [type(op) for op in graph.ops]
    windows = np.random.default_rng(0).integers(-128, 128, (50, 100, 3)).astype(np.int8)
    expected, found = reference.run(graph, windows), reference.run(imported.graph, windows)
    assert list(expected) == list(found)
    assert all(np.array_equal(expected[task], found[task]) for task in expected)
