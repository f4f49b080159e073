"""The phone examples, run as their docstrings say; docs/phone.md names what is really there."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wearkit.bundle.bundle import (
    FILES,
    INT8_ORT,
    INT8_S8_ONNX,
    MANIFEST,
    OPTIONAL,
    open_bundle,
)
from wearkit_export.formats.ort import to_ort


def run(script: Path, bundle: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(script), str(bundle)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "model"),
    [("run_litert.py", "model.int8.tflite"), ("run_onnxruntime.py", "model.int8.onnx")],
)
def test_an_app_s_arithmetic_gives_the_reference_s_logits(
    repository: Path, micro_bundle: Path, script: str, model: str
) -> None:
    said = run(repository / "examples" / "phone" / script, micro_bundle)
    windows = len(open_bundle(micro_bundle).golden().counts)
    assert f"{model} on {windows} windows: 0 of {windows * 15} logits differ" in said


def test_the_ort_file_is_taken_when_it_is_there(
    repository: Path, micro_bundle: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(micro_bundle, bundle)
    data = to_ort((bundle / INT8_S8_ONNX).read_bytes())
    (bundle / INT8_ORT).write_bytes(data)
    manifest = json.loads((bundle / MANIFEST).read_text())
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"][INT8_ORT] = entry
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    said = run(repository / "examples" / "phone" / "run_onnxruntime.py", bundle)
    assert re.search(r"model\.int8\.ort on \d+ windows: 0 of \d+ logits differ", said)


def test_the_page_names_files_that_exist(repository: Path) -> None:
    page = (repository / "docs" / "phone.md").read_text()
    models = set(re.findall(r"model(?:\.[a-z0-9]+)+\.(?:onnx|ort|tflite)", page))
    assert models and models <= {*FILES, *OPTIONAL}
    scripts = re.findall(r"examples/phone/\w+\.py", page)
    assert scripts and all((repository / script).is_file() for script in scripts)
