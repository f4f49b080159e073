"""How long an export takes, and how many windows a second each runtime answers.

    python tests/bench/export_speed.py [--arch A] [--windows N] [--json]

The network has random weights: its time does not depend on what it learned. quantize_emit_s is
the median of five exports' folding, calibration on 512 windows, printing of all four model files
and writing them with fsync; single_ms the median of one window at a time, batch_per_s all windows
in one call. BLAS runs on one thread, as under the command line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wearkit.bundle.bundle import open_bundle
from wearkit.bundle.runtimes import RUNTIMES, open_runtime
from wearkit.errors import MissingToolError
from wearkit.model.architecture import EXPORTABLE, weight_shapes
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit_export.bundle.model_files import checked_model
from wearkit_export.bundle.write import write_bundle

_EXPORTS = 5


def _checkpoint(arch: str) -> Checkpoint:
    tasks = (TaskSpec("posture", tuple("abcdefghijkl")), TaskSpec("placement", tuple("abc")))
    model = ModelSpec(arch, WindowSpec(), tasks)
    generator = np.random.default_rng(0)
    weights = {}
    for name, shape in weight_shapes(model).items():
        deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        values = generator.normal(0, deviation, shape)
        weights[name] = (np.abs(values) + 0.5 if "running_var" in name else values).astype("f4")
    return Checkpoint(model, weights)


def measure(arch: str, windows: int) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    calibration = generator.integers(-300, 300, (512, 100, 3)).astype(np.int16)
    # TensorFlow's start-up is not what is measured.
    without_tensorflow = patch(
        "wearkit_export.bundle.equality.tensorflow_installed", return_value=False
    )
    with tempfile.TemporaryDirectory() as folder, without_tensorflow:
        path = Path(folder) / "bench-int8"
        took = [
            write_bundle(_checkpoint(arch), calibration, path).quantize_emit_s
            for _ in range(_EXPORTS)
        ]
        bundle = open_bundle(path)
        inputs = generator.integers(-128, 128, (windows, 100, 3)).astype(np.int8)
        runtimes = {}
        for name in RUNTIMES:
            try:
                runtimes[name] = _speed(open_runtime(name, bundle, checked_model), inputs)
            except MissingToolError as error:
                runtimes[name] = {"not_run": str(error)}
    return {"arch": arch, "quantize_emit_s": statistics.median(took), "runtimes": runtimes}


def _speed(runtime: Any, inputs: np.ndarray[Any, np.dtype[np.int8]]) -> dict[str, Any]:
    runtime.run(inputs[:1])
    single = []
    for index in range(len(inputs)):
        started = time.perf_counter()
        runtime.run(inputs[index : index + 1])
        single.append(time.perf_counter() - started)
    started = time.perf_counter()
    runtime.run(inputs)
    return {
        "version": runtime.version,
        "single_ms": 1e3 * statistics.median(single),
        "batch_per_s": len(inputs) / (time.perf_counter() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--arch", choices=EXPORTABLE, action="append")
    parser.add_argument("--windows", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [measure(arch, options.windows) for arch in options.arch or EXPORTABLE]
    if options.json:
        print(json.dumps(found))
        return
    for row in found:
        print(f"{row['arch']}: quantize + emit {row['quantize_emit_s']:.3f} s")
        for name, speed in row["runtimes"].items():
            if "not_run" in speed:
                print(f"  {name:10} {speed['not_run']}")
            else:
                print(
                    f"  {name:10} {speed['single_ms']:7.3f} ms a window, "
                    f"{speed['batch_per_s']:7.0f} a second together, {speed['version']}"
                )


if __name__ == "__main__":
    main()
