"""TensorFlow's own interpreter as a second opinion, in a process of its own.

TensorFlow takes seconds and most of a gigabyte to import, and export must not depend on it;
so the parent starts this module as a script and passes arrays through files.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Runtime
from wearkit.bundle.runtimes.tflite import Kernels, open_placed_tflite, open_tflite
from wearkit.errors import VerificationError

Logits = dict[str, NDArray[np.int8]]
_TIME_LIMIT_S = 600
_OUTPUTS = "outputs.json"


def tensorflow_installed() -> bool:
    return importlib.util.find_spec("tensorflow") is not None


def run_tensorflow(
    model: bytes,
    inputs: Mapping[Kernels, NDArray[np.int8]],
    outputs: Mapping[str, int] | None = None,
) -> dict[Kernels, Logits]:
    """Logits of an int8 .tflite for each set of kernels on its windows (N, ...) int8.

    outputs: task -> place among the model's outputs; None: by the names of its signature.
    Raises VerificationError when TensorFlow fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        if outputs is not None:
            (folder / _OUTPUTS).write_text(json.dumps(dict(outputs)))
        for kind, windows in inputs.items():
            np.save(folder / f"{kind}.npy", windows)
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        try:
            child = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", __name__, name, *inputs],
                env=os.environ | quiet,
                capture_output=True,
                text=True,
                timeout=_TIME_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise VerificationError(f"TensorFlow took more than {_TIME_LIMIT_S} s.") from error
        if child.returncode:
            last = (child.stderr.strip().splitlines() or ["no message"])[-1]
            raise VerificationError(f"TensorFlow could not run the int8 TFLite file: {last}")
        return {kind: _load(folder / f"{kind}.npz") for kind in inputs}


def _load(path: Path) -> Logits:
    with np.load(path, allow_pickle=False) as arrays:
        return {task: arrays[task] for task in arrays.files}


def _child(folder: Path, kernels: list[Kernels]) -> None:
    model = (folder / "model.tflite").read_bytes()
    outputs_file = folder / _OUTPUTS
    outputs = json.loads(outputs_file.read_text()) if outputs_file.is_file() else None
    for kind in kernels:
        inputs = np.load(folder / f"{kind}.npy", allow_pickle=False)
        runtime: Runtime = (
            open_tflite("tensorflow", model, kind, "tensorflow")
            if outputs is None
            else open_placed_tflite("tensorflow", model, outputs, kind, "tensorflow")
        )
        named: dict[str, Any] = dict(runtime.run(inputs))
        np.savez(folder / f"{kind}.npz", **named)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), sys.argv[2:])  # type: ignore[arg-type]
