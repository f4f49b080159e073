"""`wearkit export --tflite` as typed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.bundle.bundle import open_bundle
from wearkit.cli import run
from wearkit.errors import DataError, ModelFileError

USAGE = 2
ZOO = Path(__file__).parents[1] / "export" / "import_tflite" / "zoo"


@pytest.fixture(autouse=True)
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> Path:
    """A current folder with one model in it; no slow oracles."""
    for module in ("onnx", "onnxruntime", "ai_edge_litert", "flatbuffers"):
        needs_module(module, "pip install 'wearkit[export]'")
    quick_export(monkeypatch)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ZOO / "rows_two_heads.tflite", tmp_path / "mine.tflite")
    return tmp_path


def test_as_typed(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (desk / "labels.txt").write_text("activity: a, b, c, d, e\ngroup: u, v, w\n")
    assert run(["export", "--int8", "--tflite", "mine.tflite", "--labels", "labels.txt"]) == 0
    bundle = open_bundle(desk / "build" / "mine-int8")
    assert [task.name for task in bundle.graph.model.tasks] == ["activity", "group"]
    out = capfd.readouterr().out
    assert bundle.model_id[:16] in out
    size = "by its number of values, which no other has"
    assert f"group: u, v, w, output `output_1`, number 1 of 2 in the file, {size}" in out
    assert "Feed it 96 int8 values" in out and "TFLite Micro" in out
    assert "C on this computer: not run. No C compiler" in out
    assert (bundle.path / "c" / "wk_golden_model.h").is_file()


def test_json(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--int8", "--tflite", "mine.tflite", "--out", "b", "--rounding", "ruy", "--json"]
    assert run(["export", *arguments]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["bundle"] == "b"
    assert found["report"]["rounding"] == "ruy"


def test_outputs_in_the_order_of_the_labels(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (desk / "labels.txt").write_text("group: u, v, w\nactivity: a, b, c, d, e\n")
    arguments = ["--int8", "--tflite", "mine.tflite", "--labels", "labels.txt", "--out", "b"]
    assert run(["export", *arguments, "--outputs", "output_1, output_0", "--json"]) == 0
    imported = json.loads(capfd.readouterr().out)["report"]["imported"]
    assert imported["matched_by"] == "list"
    assert imported["outputs"] == [
        {"task": "group", "name": "output_1", "place": 0},
        {"task": "activity", "name": "output_0", "place": 1},
    ]
    card = (desk / "b" / "MODEL_CARD.md").read_text()
    assert "of: u, v, w; output `output_1`, number 1 of 2 in the file, by the list given." in card


MISTAKES: list[tuple[list[str], int, str]] = [
    (["--int8", "--labels", "x"], USAGE, "--labels goes with --tflite"),
    (["--int8", "--outputs", "x"], USAGE, "--outputs goes with --tflite"),
    (
        ["--int8", "--tflite", "mine.tflite", "--outputs", "output_0,x"],
        DataError.exit_code,
        "are output_1, output_0",
    ),
    (["--int8", "--tflite", "mine.tflite", "--dense-per-channel"], USAGE, "quantized already"),
    (["--int8", "--tflite", "mine.tflite", "--checkpoint", "r"], USAGE, "quantized already"),
    (["--int8", "--tflite", "none.tflite"], ModelFileError.exit_code, "Cannot read none.tflite"),
    (["--int8", "--tflite", "labels"], ModelFileError.exit_code, "not a TFLite file"),
    (["--int8", "--tflite", "mine.tflite", "--labels", "none"], DataError.exit_code, "Cannot read"),
    (["--int8", "--tflite", "mine.tflite", "--labels", "labels"], DataError.exit_code, "do not"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes(desk: Path, capfd: pytest.CaptureFixture[str], number: int) -> None:
    arguments, code, reason = MISTAKES[number]
    (desk / "labels").write_text("activity: a, b\n")
    assert run(["export", *arguments]) == code
    err = capfd.readouterr().err
    assert reason in err and "Traceback" not in err
    assert not (desk / "build").exists()


def test_live_and_evaluate_refuse_it(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--int8", "--tflite", "mine.tflite", "--out", "b"]) == 0
    for arguments in (
        ["live", "--port", "x", "--bundle", "b"],
        ["evaluate", "--bundle", "b", "--data", "."],
    ):
        assert run(arguments) == ModelFileError.exit_code
        err = capfd.readouterr().err
        assert "was imported" in err and "Traceback" not in err
