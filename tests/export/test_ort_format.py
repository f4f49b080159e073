"""model.int8.ort answers as model.int8.onnx does, and carries nothing of the machine it was
made on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearkit.bundle.bundle import FILES, INT8_ONNX, INT8_ORT, INT8_S8_ONNX, open_bundle
from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.cli import run
from wearkit.errors import VerificationError
from wearkit_export.formats.ort import check_ort, to_ort


def test_ort_equals_onnx_on_every_golden_window(micro_bundle: Path) -> None:
    bundle = open_bundle(micro_bundle)
    onnx_model, inputs = bundle.read(INT8_ONNX), bundle.golden().inputs
    ort_model = to_ort(bundle.read(INT8_S8_ONNX))
    assert ort_model[4:8] == b"ORTM"
    assert check_ort(ort_model, onnx_model, inputs).windows == len(inputs)
    assert str(Path.cwd()).encode() not in ort_model and b"/tmp" not in ort_model


def test_a_file_that_answers_otherwise_is_refused(
    micro_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(micro_bundle)
    onnx_model, inputs = bundle.read(INT8_ONNX), bundle.golden().inputs
    ort_model = to_ort(bundle.read(INT8_S8_ONNX))
    honest = OnnxRuntime.run

    def off_by_one(self: OnnxRuntime, x: np.ndarray) -> dict[str, np.ndarray]:
        answer = honest(self, x)
        answer["posture"][0, 0] ^= 1
        monkeypatch.setattr(OnnxRuntime, "run", honest)
        return answer

    monkeypatch.setattr(OnnxRuntime, "run", off_by_one)
    with pytest.raises(VerificationError, match=r"1 of \d+ values otherwise"):
        check_ort(ort_model, onnx_model, inputs)


def test_export_writes_it_on_demand_and_replaces_it(
    untrained_run: Callable[[str], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    command = ["export", "--int8", "--checkpoint", str(untrained_run("mtl-net-micro"))]
    assert run([*command, "--out", str(out), "--ort"]) == 0
    listed = json.loads((out / "manifest.json").read_text())["files"]
    assert {name for name in listed if "/" not in name} == {*FILES, INT8_S8_ONNX, INT8_ORT}
    open_bundle(out)
    assert run([*command, "--out", str(out), "--force"]) == 0
    assert not (out / INT8_ORT).exists()
    capfd.readouterr()
