"""What an app does with model.int8.ort (or .onnx) in ONNX Runtime, in Python: counts in, one
verdict a task out, held to the bundle's golden vectors.

python examples/phone/run_onnxruntime.py BUNDLE
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wearkit.bundle.bundle import INT8_ONNX, INT8_ORT, open_bundle
from wearkit.integer import reference
from wearkit_export.bundle.model_files import checked_model

Int8 = NDArray[np.int8]


def to_input(counts: NDArray[np.int16]) -> Int8:
    """Raw ADXL345 counts -> the model's input: clamp((count + 2) >> 2, -128, 127)."""
    clamped: Int8 = np.clip((counts.astype(np.int32) + 2) >> 2, -128, 127).astype(np.int8)
    return clamped


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Only bundles older than model.int8.s8.onnx need it, on x86 whose int8 products saturate.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main(folder: Path) -> None:
    bundle = open_bundle(folder)
    inputs = to_input(bundle.golden().counts)
    assert np.array_equal(inputs, bundle.golden().inputs)

    # A bundle may come from anywhere: an .onnx is read back before a runtime gets it. An .ort, of
    # which only the digest is known, is for bundles that you exported.
    model = INT8_ORT if INT8_ORT in bundle.manifest["files"] else INT8_ONNX
    session = open_session(
        bundle.read(model) if model == INT8_ORT else checked_model(bundle, model)
    )
    tasks = [output.name for output in session.get_outputs()]
    answers = session.run(tasks, {session.get_inputs()[0].name: inputs})

    # golden.npz holds the microcontroller's integers; this runtime rounds by the family xnnpack.
    expected = reference.run(bundle.graph, inputs, rounding="xnnpack")
    labels = bundle.manifest["labels"]
    differing = 0
    for task, logits in zip(tasks, answers, strict=True):
        differing += int(np.count_nonzero(logits != expected[task]))
        print(f"window 0, {task}: {labels[task][int(logits[0].argmax())]}")
    total = sum(logits.size for logits in answers)
    print(f"{model} on {len(inputs)} windows: {differing} of {total} logits differ")
    if differing:
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
