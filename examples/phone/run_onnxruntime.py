"""What an app does with model.int8.ort (or .onnx) in ONNX Runtime, in Python: counts in, one
verdict a task out, held to the bundle's golden vectors.

python examples/phone/run_onnxruntime.py BUNDLE
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wearkit.bundle.bundle import open_bundle
from wearkit.integer import reference

Int8 = NDArray[np.int8]


def to_input(counts: NDArray[np.int16]) -> Int8:
    """Raw ADXL345 counts -> the model's input: clamp((count + 2) >> 2, -128, 127)."""
    clamped: Int8 = np.clip((counts.astype(np.int32) + 2) >> 2, -128, 127).astype(np.int8)
    return clamped


def open_session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Only bundles older than model.int8.s8.onnx need it, on x86 whose int8 products saturate.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main(folder: Path) -> None:
    golden = np.load(folder / "golden.npz")
    inputs = to_input(golden["counts_int16"])
    assert np.array_equal(inputs, golden["inputs_int8"])

    ort = folder / "model.int8.ort"
    model = ort if ort.exists() else folder / "model.int8.onnx"
    session = open_session(model)
    tasks = [output.name for output in session.get_outputs()]
    answers = session.run(tasks, {session.get_inputs()[0].name: inputs})

    # golden.npz holds the microcontroller's integers; this runtime rounds by the family xnnpack.
    expected = reference.run(open_bundle(folder).graph, inputs, rounding="xnnpack")
    labels = json.loads((folder / "manifest.json").read_text())["labels"]
    differing = 0
    for task, logits in zip(tasks, answers, strict=True):
        differing += int(np.count_nonzero(logits != expected[task]))
        print(f"window 0, {task}: {labels[task][int(logits[0].argmax())]}")
    total = sum(logits.size for logits in answers)
    print(f"{model.name} on {len(inputs)} windows: {differing} of {total} logits differ")
    if differing:
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
