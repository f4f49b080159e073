"""`wearkit export` as typed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import open_bundle
from wearkit.cli import run
from wearkit.errors import DataError, MissingToolError, ModelFileError, StorageError
from wearkit.files.npz import write_npz

USAGE = 2


@pytest.fixture(autouse=True)
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> Path:
    """An empty current folder; no slow oracles."""
    for module in ("onnx", "onnxruntime", "ai_edge_litert", "flatbuffers"):
        needs_module(module, "pip install 'wearkit[export]'")
    quick_export(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def micro_run(untrained_run: Callable[[str], Path], desk: Path) -> Path:
    path = desk / "runs" / "20260101T000000Z-mtl-net-micro"
    shutil.copytree(untrained_run("mtl-net-micro"), path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["export", *arguments])
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return code, err


def test_bare(micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The newest run goes to build/<run>-int8."""
    older = shutil.copytree(micro_run, micro_run.with_name("older"))
    os.utime(older / "checkpoint.json", (1, 1))
    assert run(["export", "--int8"]) == 0
    bundle = open_bundle(desk / "build" / f"{micro_run.name}-int8")
    out = capfd.readouterr().out
    assert bundle.model_id[:16] in out
    for expected in ("model.int8.tflite", "TFLite Micro", "ONNX Runtime", "macro F1", "SIMULATED"):
        assert expected in out
    assert "TensorFlow: not run" in out and "pip install" in out
    assert "C on this computer: not run" in out and "c/ " in out
    assert [path.name for path in (desk / "build").iterdir()] == [bundle.path.name]


def test_json(micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--int8", "--checkpoint", str(micro_run), "--out", "b", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["bundle"] == "b"
    assert found["report"] == json.loads((desk / "b" / "report.json").read_text())
    assert set(found["timing"]) == {"quantize_emit_s", "report_s"}


def test_calibration_and_dense_per_channel(
    micro_run: Path,
    desk: Path,
    made_counts: Callable[..., NDArray[np.int16]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_npz(desk / "mine.npz", {"counts": made_counts(7, seed=8)})
    arguments = ["export", "--int8", "--json", "--out"]
    assert run([*arguments, "own"]) == 0
    assert run([*arguments, "run", "--calibration", str(micro_run)]) == 0
    assert run([*arguments, "mine", "--calibration", "mine.npz"]) == 0
    assert run([*arguments, "wide", "--dense-per-channel"]) == 0
    reports = [json.loads(line)["report"] for line in capfd.readouterr().out.splitlines()]
    ids = [report["model_id"] for report in reports]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert [report["quantization"]["calibration_windows"] for report in reports] == [40, 40, 7, 40]
    assert [report["quantization"]["dense_per_channel"] for report in reports][2:] == [False, True]


def test_calibration_from_recordings(
    micro_run: Path, desk: Path, repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = repository / "examples" / "data" / "hapt_user01.csv"
    assert run(["export", "--int8", "--json", "--calibration", str(recording), "--out", "b"]) == 0
    report = json.loads(capfd.readouterr().out)["report"]
    rows = len(recording.read_text().splitlines())
    assert 0 < report["quantization"]["calibration_windows"] <= rows // 60


def test_int8_must_be_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    code, err = refusal(capfd)
    assert code == USAGE and "--int8" in err and "only export" in err


def test_no_run(capfd: pytest.CaptureFixture[str]) -> None:
    code, err = refusal(capfd, "--int8")
    assert code == ModelFileError.exit_code and "wearkit train" in err
    code, err = refusal(capfd, "--int8", "--checkpoint", "nowhere")
    assert code == ModelFileError.exit_code and "nowhere" in err


def test_bad_calibration(micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, err = refusal(capfd, "--int8", "--calibration", "nowhere.npz")
    assert code == DataError.exit_code and "nowhere.npz" in err
    write_npz(desk / "empty.npz", {"counts": np.zeros((0, 100, 3), np.int16)})
    code, err = refusal(capfd, "--int8", "--calibration", "empty.npz")
    assert code == DataError.exit_code and "not a single calibration window" in err
    (desk / "text.npz").write_text("hello")
    code, err = refusal(capfd, "--int8", "--calibration", "text.npz")
    assert code == ModelFileError.exit_code and "text.npz" in err
    assert not list((desk / "build").iterdir())


def test_truncated_checkpoint(micro_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights = micro_run / "checkpoint.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    code, err = refusal(capfd, "--int8")
    assert code == ModelFileError.exit_code and "checkpoint.safetensors" in err


def test_a_foreign_folder_is_not_overwritten(
    micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (desk / "thesis").mkdir()
    (desk / "thesis" / "chapter1.txt").write_text("...")
    code, err = refusal(capfd, "--int8", "--out", "thesis")
    assert code == StorageError.exit_code and "chapter1.txt" in err
    assert (desk / "thesis" / "chapter1.txt").read_text() == "..."


def test_a_full_disk_leaves_the_old_bundle(
    micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["export", "--int8", "--out", "b"]) == 0
    before = contents(desk / "b")
    capfd.readouterr()
    from wearkit_export.bundle import write as bundle_writer

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_writer, "write_bytes", full)
    code, err = refusal(capfd, "--int8", "--out", "b", "--force")
    assert code == StorageError.exit_code and "No space left" in err
    assert contents(desk / "b") == before


def test_a_bundle_is_replaced_only_by_force(
    micro_run: Path, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", "--int8", "--out", "b"]) == 0
    before = contents(desk / "b")
    code, err = refusal(capfd, "--int8", "--out", "b", "--dense-per-channel")
    assert code == StorageError.exit_code
    assert "b exists already: give --out another name, or add --force." in err
    assert contents(desk / "b") == before
    assert run(["export", "--int8", "--out", "b", "--dense-per-channel", "--force"]) == 0
    assert contents(desk / "b") != before


def test_missing_exporter(
    micro_run: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name)
    )
    code, err = refusal(capfd, "--int8")
    assert code == MissingToolError.exit_code and "wearkit[export]" in err


def test_export_needs_neither_torch_nor_tensorflow(micro_run: Path, desk: Path) -> None:
    code = f"""
import sys
from wearkit_export.bundle import equality
equality.tensorflow_installed = lambda: False
from wearkit.cli import run
code = run(["export", "--int8", "--checkpoint", {str(micro_run)!r}, "--out", "b"])
heavy = {{"torch", "tensorflow", "matplotlib"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
