"""One changed number in any int8 file must be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearkit.errors import VerificationError
from wearkit.integer.graph import QuantizedGraph

ARCHS = ["mtl-net", "mtl-net-micro"]


@pytest.mark.parametrize("arch", ARCHS)
def test_all_three_agree(arch: str, graphs: Callable[[str], QuantizedGraph]) -> None:
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.emit_tflite import emit_tflite
    from wearkit_export.formats.fingerprint import check_same, read_graph
    from wearkit_export.formats.read_onnx import read_onnx
    from wearkit_export.formats.read_tflite import read_tflite

    graph = graphs(arch)
    printed = read_graph(graph)
    parsed = [read_onnx(emit_onnx(graph, "id", signed=signed)) for signed in (False, True)]
    for file in [*parsed, read_tflite(emit_tflite(graph, "id"))]:
        assert file.fingerprint == printed.fingerprint
        check_same(printed, file, "a")


@pytest.mark.parametrize("arch", ARCHS)
def test_a_tflite_of_before_dense_layers_read_vectors_is_read(
    arch: str, graphs: Callable[[str], QuantizedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wearkit_export.formats import emit_tflite as module
    from wearkit_export.formats.fingerprint import read_graph
    from wearkit_export.formats.read_tflite import read_tflite

    graph = graphs(arch)
    new = module.emit_tflite(graph, "id")
    monkeypatch.setattr(module._Printer, "_vector", lambda self, name: self._index[name])
    old = module.emit_tflite(graph, "id")
    # The larger network flattens before its dense layers anyway.
    assert (len(old) < len(new)) == (arch == "mtl-net-micro")
    assert read_tflite(old).fingerprint == read_graph(graph).fingerprint


def mutated(data: bytes, needle: bytes) -> bytes:
    """`data` with the lowest bit of the middle byte of its one `needle` flipped."""
    assert data.count(needle) == 1
    changed = bytearray(data)
    changed[data.index(needle) + len(needle) // 2] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("part", ["weight", "weight_scale", "bias"])
@pytest.mark.parametrize("form", ["onnx", "onnx signed", "tflite"])
def test_one_flipped_bit_is_seen(
    form: str, part: str, graphs: Callable[[str], QuantizedGraph]
) -> None:
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.emit_tflite import emit_tflite
    from wearkit_export.formats.fingerprint import check_same, read_graph
    from wearkit_export.formats.read_onnx import read_onnx
    from wearkit_export.formats.read_tflite import read_tflite

    graph = graphs("mtl-net-micro")
    (op,) = (op for op in graph.ops if op.name == "conv2")
    array = getattr(op, part)
    if form != "tflite" and part == "weight":
        array = np.ascontiguousarray(array.transpose(0, 2, 1))
    if form == "onnx" and part == "weight":
        array = array.view(np.uint8) + np.uint8(128)
    match form:
        case "tflite":
            data, read = emit_tflite(graph, "id"), read_tflite
        case _:
            data, read = emit_onnx(graph, "id", signed=form == "onnx signed"), read_onnx
    found = read(mutated(data, array.tobytes()))
    with pytest.raises(VerificationError, match="layer 2"):
        check_same(read_graph(graph), found, "model.int8")


def test_scale_and_zero_point_of_an_activation_are_seen(
    graphs: Callable[[str], QuantizedGraph],
) -> None:
    from wearkit_export.formats.emit_tflite import emit_tflite
    from wearkit_export.formats.fingerprint import check_same, read_graph
    from wearkit_export.formats.read_tflite import read_tflite

    graph = graphs("mtl-net-micro")
    tensor = graph.tensor("posture")
    zero_point = np.array([tensor.zero_point], "<i8").tobytes()
    scale = np.array([tensor.scale], "<f4").tobytes()
    data = emit_tflite(graph, "id")
    for needle, vector in ((scale, b"\1\0\0\0"), (zero_point, b"\1\0\0\0")):
        changed = bytearray(data)
        place = data.index(vector + needle) + 4
        changed[place] ^= 1
        with pytest.raises(VerificationError, match="layer 6"):
            check_same(read_graph(graph), read_tflite(bytes(changed)), "model.int8.tflite")


def test_uint8_weights_around_another_zero_are_refused(
    graphs: Callable[[str], QuantizedGraph],
) -> None:
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.read_onnx import read_onnx

    onnx = pytest.importorskip("onnx")
    model = onnx.load_model_from_string(emit_onnx(graphs("mtl-net-micro"), "id"))
    (point,) = (item for item in model.graph.initializer if item.name == "conv2.weight.zero_point")
    point.raw_data = b"\x80" * (len(point.raw_data) - 1) + b"\x7f"
    with pytest.raises(VerificationError, match=r"conv2\.weight is not symmetric"):
        read_onnx(model.SerializeToString())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_raise_one_error(
    graphs: Callable[[str], QuantizedGraph], data: st.DataObject
) -> None:
    """Random damage is either read (and may change the fingerprint) or refused, nothing else."""
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.emit_tflite import emit_tflite
    from wearkit_export.formats.read_onnx import read_onnx
    from wearkit_export.formats.read_tflite import read_tflite

    graph = graphs("mtl-net-micro")
    for written, read in (
        (emit_tflite(graph, "id"), read_tflite),
        (emit_onnx(graph, "id"), read_onnx),
        (emit_onnx(graph, "id", signed=True), read_onnx),
    ):
        whole = bytearray(written)
        for _ in range(data.draw(st.integers(1, 8))):
            # Structure lies at both ends of these files, weights between.
            place = data.draw(st.integers(0, 3000)) * data.draw(st.sampled_from([1, -1]))
            whole[place] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(len(whole) // 2, len(whole)))
        try:
            read(bytes(whole[:cut]))
        except VerificationError:
            continue
