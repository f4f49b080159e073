"""The numbered examples, run one after the other as their docstrings say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def run(script: Path, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examples_train_export_and_read_a_sensor(
    repository: Path, tmp_path: Path, needs_module: Callable[[str, str], None]
) -> None:
    needs_module("torch", "pip install 'wearkit[train]'")
    needs_module("onnxruntime", "pip install 'wearkit[export]'")
    examples = repository / "examples"
    run_folder, bundle = tmp_path / "run", tmp_path / "bundle"

    trained = run(examples / "01_train_simulated.py", run_folder)
    assert "leak 0.0" in trained and "(simulated)" in trained

    exported = run(examples / "02_export_int8.py", run_folder, bundle)
    assert "TFLite Micro: 0 of" in exported and "ONNX Runtime: 0 of" in exported

    lived = run(examples / "03_live_simulated.py", bundle)
    assert "5 verdicts from a simulated sensor, ended by windows" in lived
