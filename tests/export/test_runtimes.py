"""The live runtimes: one face, outputs by name, a sentence when something is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from wearkit.bundle.bundle import open_bundle
from wearkit.bundle.runtimes import RUNTIMES, open_runtime, tflite
from wearkit.bundle.runtimes.micro import MicroRuntime
from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.bundle.runtimes.tflite import open_tflite
from wearkit.errors import MissingToolError, ModelFileError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import compare
from wearkit.integer.reference import run
from wearkit_export.bundle.model_files import checked_model

NEEDS = {
    "reference": "numpy",
    "tflm": "tflite_micro",
    "litert": "ai_edge_litert",
    "onnx": "onnxruntime",
}


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_answers_the_golden_windows(
    name: str, micro_bundle: Path, needs_module: Callable[[str, str], None]
) -> None:
    needs_module(NEEDS[name], "pip install 'wearkit[live,micro]'")
    bundle = open_bundle(micro_bundle)
    runtime = open_runtime(name, bundle, checked_model)
    assert runtime.name == name and runtime.version and runtime.family in {"tflm", "xnnpack"}
    golden = bundle.golden()
    expected = run(bundle.graph, golden.inputs, rounding=runtime.family)
    assert compare(runtime.run(golden.inputs), expected).exact
    one = runtime.run(golden.inputs[:1])
    assert {task: values.shape for task, values in one.items()} == {
        "posture": (1, 12),
        "placement": (1, 3),
    }


def with_outputs_turned(data: bytes) -> bytes:
    """The same .tflite with its outputs listed the other way round; the signature is unchanged."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    model.subgraphs[0].outputs = model.subgraphs[0].outputs[::-1].copy()
    builder = flatbuffers.Builder(len(data) + 65536)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_tflite_outputs_go_by_name_not_by_place(
    graphs: Callable[[str], QuantizedGraph], needs_module: Callable[[str, str], None]
) -> None:
    needs_module("tflite_micro", "pip install 'wearkit[micro]' (Linux x86-64)")
    from wearkit_export.formats.emit_tflite import emit_tflite

    data = emit_tflite(graphs("mtl-net-micro"), "id")
    windows = np.random.default_rng(0).integers(-128, 128, (4, 100, 3)).astype(np.int8)
    for open_ in (MicroRuntime, lambda model: open_tflite("litert", model)):
        expected = open_(data).run(windows)
        assert compare(open_(with_outputs_turned(data)).run(windows), expected).exact


def test_onnx_outputs_go_by_name_not_by_place(graphs: Callable[[str], QuantizedGraph]) -> None:
    from wearkit_export.formats.emit_onnx import emit_onnx

    graph = graphs("mtl-net-micro")
    tasks, heads = graph.model.tasks[::-1], graph.heads[::-1]
    turned = replace(graph, model=replace(graph.model, tasks=tasks), heads=heads)
    windows = np.random.default_rng(0).integers(-128, 128, (4, 100, 3)).astype(np.int8)
    expected = OnnxRuntime(emit_onnx(graph, "id")).run(windows)
    assert compare(OnnxRuntime(emit_onnx(turned, "id")).run(windows), expected).exact


@pytest.mark.parametrize("name", ["tflm", "litert", "onnx"])
def test_missing_package(name: str, micro_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = open_bundle(micro_bundle)
    find = importlib.util.find_spec
    absent = {"tflite_micro", "ai_edge_litert", "tflite_runtime", "tensorflow", "onnxruntime"}
    for package in absent | {"tflite_micro.python.tflite_micro"}:
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda m, p=None: None if m in absent else find(m, p)
    )
    with pytest.raises(MissingToolError, match="pip install"):
        open_runtime(name, bundle, checked_model)


def test_tflite_runtime_with_numpy_2_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(MissingToolError, match="numpy<2"):
        open_tflite("litert", b"", package="tflite_runtime")


def test_litert_comes_before_its_predecessor_and_tensorflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for installed, expected in (
        ({"ai_edge_litert", "tflite_runtime", "tensorflow"}, "ai_edge_litert"),
        ({"tflite_runtime", "tensorflow"}, "tflite_runtime"),
        ({"tensorflow"}, "tensorflow"),
    ):
        present = {name: ModuleType(name) for name in installed}
        monkeypatch.setattr(importlib.util, "find_spec", present.get)
        assert tflite._installed() == expected


@pytest.mark.parametrize("name", ["tflm", "litert", "onnx"])
def test_a_damaged_model_is_refused_in_one_sentence(
    name: str, needs_module: Callable[[str, str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    needs_module(NEEDS[name], "pip install 'wearkit[live,micro]'")
    openers: dict[str, Callable[[bytes], Any]] = {
        "tflm": MicroRuntime,
        "litert": lambda data: open_tflite("litert", data),
        "onnx": OnnxRuntime,
    }
    with pytest.raises(ModelFileError, match="refuses the model"):
        openers[name](b"\x1c\x00\x00\x00TFL3" + bytes(64))
    assert capfd.readouterr().err == ""


def test_unknown_runtime(micro_bundle: Path) -> None:
    with pytest.raises(ModelFileError, match="choose one of reference"):
        open_runtime("tpu", open_bundle(micro_bundle), checked_model)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_live_process_stays_light_and_quiet(
    name: str, micro_bundle: Path, needs_module: Callable[[str, str], None]
) -> None:
    """No torch or tensorflow in the process, and nothing native on its stderr; onnx and the
    exporter only where a model file must be read before it is run."""
    needs_module(NEEDS[name], "pip install 'wearkit[live,micro]'")
    code = f"""
import sys
from pathlib import Path
from wearkit.bundle.bundle import open_bundle
from wearkit.bundle.runtimes import open_runtime
bundle = open_bundle(Path({str(micro_bundle)!r}))
from wearkit.api.live import _checked
open_runtime({name!r}, bundle, _checked).run(bundle.golden().inputs[:2])
heavy = {{"torch", "tensorflow", "onnx", "wearkit_export", "matplotlib"}} & set(sys.modules)
heavy -= set() if {name!r} == "reference" else {{"wearkit_export"}}
heavy -= {{"onnx"}} if {name!r} == "onnx" else set()
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
