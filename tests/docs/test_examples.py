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


def test_a_notebook_s_worth_from_csv_to_verdicts(
    repository: Path,
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
    write_recordings: Callable[[Path], None],
) -> None:
    needs_module("torch", "pip install 'wearkit[train]'")
    needs_module("onnxruntime", "pip install 'wearkit[export]'")
    (tmp_path / "recordings").mkdir()
    write_recordings(tmp_path / "recordings")
    script = repository / "examples" / "04_notebook.py"
    shown = run(script, tmp_path / "recordings", tmp_path / "out").splitlines()
    assert [line.rsplit(" ", 1)[0] for line in shown[:4]] == [
        f"{model} {task} macro F1"
        for model in ("fp32", "int8")
        for task in ("posture", "placement")
    ]
    assert all(line.startswith("{'start': ") for line in shown[4:7])
    assert len(shown) == 10
    imports = {line for line in script.read_text().splitlines() if "import" in line.split()[:1]}
    assert imports == {"import sys", "import wearkit as wk"}
