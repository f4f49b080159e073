"""What a stranger's tool sees in the five model files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import (
    FP32_ONNX,
    FP32_TFLITE,
    INT8_ONNX,
    INT8_S8_ONNX,
    INT8_TFLITE,
)
from wearkit.integer.graph import QuantizedGraph
from wearkit.model.checkpoint import Checkpoint

ARCHS = ["mtl-net", "mtl-net-micro"]


@pytest.fixture(scope="module", params=ARCHS)
def files(
    request: pytest.FixtureRequest,
    graphs: Callable[[str], QuantizedGraph],
    untrained_checkpoint: Callable[..., Checkpoint],
) -> dict[str, bytes]:
    from wearkit_export.bundle.write import print_files
    from wearkit_export.quantization.float_graph import fold

    arch = request.param
    return print_files(graphs(arch), fold(untrained_checkpoint(arch))).by_name()


def schema_model(data: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    assert schema.Model.ModelBufferHasIdentifier(data, 0)
    return schema.Model.GetRootAs(data, 0)


def constant_offsets(data: bytes) -> Iterator[tuple[int, int]]:
    """(offset, length) in the file of every non-empty buffer, found through the flatbuffer."""
    model = schema_model(data)
    for number in range(model.BuffersLength()):
        values = model.Buffers(number).DataAsNumpy()
        if isinstance(values, np.ndarray) and values.size:
            start = values.__array_interface__["data"][0]
            whole = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
            yield start - whole, values.size


@pytest.mark.parametrize("name", [FP32_TFLITE, INT8_TFLITE])
def test_constants_are_aligned_and_inside_the_file(files: dict[str, bytes], name: str) -> None:
    found = list(constant_offsets(files[name]))
    assert len(found) >= 12
    assert all(offset % 16 == 0 and offset > 0 for offset, _ in found)
    assert all(offset + length <= len(files[name]) for offset, length in found)
    assert sum(length for _, length in found) > 0.8 * len(files[name])


@pytest.mark.parametrize(("name", "dtype"), [(FP32_TFLITE, np.float32), (INT8_TFLITE, np.int8)])
def test_tflite_signature(files: dict[str, bytes], name: str, dtype: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=files[name])
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["input"], "outputs": ["placement", "posture"]}
    }
    runner = interpreter.get_signature_runner()
    (source,) = runner.get_input_details().values()
    assert source["dtype"] == dtype
    assert int(np.prod(source["shape"])) == 300
    outputs = runner.get_output_details()
    assert {task: tuple(item["shape"]) for task, item in outputs.items()} == {
        "posture": (1, 12),
        "placement": (1, 3),
    }
    assert all(item["dtype"] == dtype for item in outputs.values())
    if dtype is np.int8:
        assert source["quantization"] == (1 / 64, 0)


@pytest.mark.parametrize("name", [FP32_TFLITE, INT8_TFLITE])
def test_every_dense_layer_reads_a_plain_vector(files: dict[str, bytes], name: str) -> None:
    """Of one that reads an image of 1 x 1, tf2onnx drops the bias without a word."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema_model(files[name])
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(n).BuiltinCode() for n in range(model.OperatorCodesLength())]
    operators = [graph.Operators(n) for n in range(graph.OperatorsLength())]
    kinds = [codes[operator.OpcodeIndex()] for operator in operators]
    sources = [
        tuple(graph.Tensors(operator.Inputs(0)).ShapeAsNumpy())
        for operator, kind in zip(operators, kinds, strict=True)
        if kind == schema.BuiltinOperator.FULLY_CONNECTED
    ]
    assert len(sources) >= 2
    assert all(len(shape) == 2 and shape[0] == 1 for shape in sources)
    # The heads share one reshape.
    assert kinds.count(schema.BuiltinOperator.RESHAPE) == 1


@pytest.mark.parametrize("name", [FP32_TFLITE, INT8_TFLITE])
def test_tflite_metadata_and_versions(files: dict[str, bytes], name: str) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema_model(files[name])
    assert model.Version() == 3
    found = {}
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        text = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode()
        found[entry.Name().decode()] = text
    assert found["labels.placement"].split("\n") == ["chest", "thigh", "wrist"]
    assert len(found["labels.posture"].split("\n")) == 12
    assert found["min_runtime_version"].rstrip("\0") == "1.14.0"
    assert len(found["min_runtime_version"]) == 16
    assert found["wearkit.rate_hz"] == "50"
    versions = {
        model.OperatorCodes(number).BuiltinCode(): model.OperatorCodes(number).Version()
        for number in range(model.OperatorCodesLength())
    }
    assert versions[schema.BuiltinOperator.CONV_2D] == 3
    assert versions[schema.BuiltinOperator.MAX_POOL_2D] == 2
    dense = 4 if name == INT8_TFLITE else 1
    assert versions[schema.BuiltinOperator.FULLY_CONNECTED] == dense


@pytest.mark.parametrize(
    ("name", "element"), [(FP32_ONNX, "FLOAT"), (INT8_ONNX, "INT8"), (INT8_S8_ONNX, "INT8")]
)
def test_onnx_interface(files: dict[str, bytes], name: str, element: str) -> None:
    import onnx

    model = onnx.load_model_from_string(files[name])
    assert model.ir_version == 8
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 13)]
    (source,) = model.graph.input
    described = source.type.tensor_type
    assert described.elem_type == getattr(onnx.TensorProto, element)
    assert [axis.dim_param or axis.dim_value for axis in described.shape.dim] == ["N", 100, 3]
    assert [output.name for output in model.graph.output] == ["posture", "placement"]
    assert {output.type.tensor_type.elem_type for output in model.graph.output} == {
        described.elem_type
    }
    properties = {item.key: item.value for item in model.metadata_props}
    assert properties["labels.placement"] == "chest\nthigh\nwrist"
    assert {"wearkit.model_id", "wearkit.input", "wearkit.rate_hz"} <= set(properties)


@pytest.mark.parametrize(("name", "inner"), [(INT8_ONNX, "uint8"), (INT8_S8_ONNX, "int8")])
def test_onnx_int8_holds_weights_and_inner_activations_in_one_type(
    files: dict[str, bytes], name: str, inner: str
) -> None:
    """And int32 biases, int8 outputs, one scale per convolution channel."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(files[name])
    outputs = {output.name for output in model.graph.output}
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert constants[node.input[1]].shape == ()
            outer = node.output[0] in outputs
            assert constants[node.input[2]].dtype == ("int8" if outer else inner)
    types = {str(values.dtype) for name, values in constants.items() if name.endswith(".weight")}
    assert types == {inner}
    biases = {str(values.dtype) for name, values in constants.items() if name.endswith(".bias")}
    assert biases == {"int32"}
    for name, values in constants.items():
        if name.startswith("conv") and name.endswith(".weight.scale"):
            assert values.shape == (constants[name.removesuffix(".scale")].shape[0],)


@pytest.mark.parametrize("name", [FP32_ONNX, FP32_TFLITE])
def test_fp32_files_compute_the_float_graph(
    files: dict[str, bytes],
    name: str,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> None:
    from wearkit.bundle.runtimes.onnx import OnnxRuntime
    from wearkit.bundle.runtimes.tflite import open_tflite
    from wearkit_export.quantization.float_graph import fold
    from wearkit_export.quantization.quantize import counts_to_g

    data = files[name]
    arch = "mtl-net" if len(data) > 1_000_000 else "mtl-net-micro"
    windows = counts_to_g(made_counts(32))
    expected = fold(untrained_checkpoint(arch)).run(windows)
    runtime = OnnxRuntime(data) if name == FP32_ONNX else open_tflite("litert", data)
    found = runtime.run_any(windows)
    assert all(np.abs(found[task] - expected[task]).max() < 1e-4 for task in expected)


def test_the_same_graph_gives_the_same_bytes(
    files: dict[str, bytes],
    graphs: Callable[[str], QuantizedGraph],
    untrained_checkpoint: Callable[..., Checkpoint],
) -> None:
    from wearkit_export.bundle.write import print_files
    from wearkit_export.quantization.float_graph import fold

    arch = "mtl-net" if len(files[INT8_ONNX]) > 1_000_000 else "mtl-net-micro"
    again = print_files(graphs(arch), fold(untrained_checkpoint(arch))).by_name()
    assert again == files
