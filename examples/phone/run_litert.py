"""What an app does with model.int8.tflite in LiteRT, in Python: counts in, one verdict a task
out, held to the bundle's golden vectors.

python examples/phone/run_litert.py BUNDLE
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from wearkit.bundle.bundle import INT8_TFLITE, open_bundle
from wearkit.integer import reference
from wearkit_export.bundle.model_files import checked_model

Int8 = NDArray[np.int8]


def to_input(counts: NDArray[np.int16]) -> Int8:
    """Raw ADXL345 counts -> the model's input: clamp((count + 2) >> 2, -128, 127)."""
    clamped: Int8 = np.clip((counts.astype(np.int32) + 2) >> 2, -128, 127).astype(np.int8)
    return clamped


def main(folder: Path) -> None:
    bundle = open_bundle(folder)
    inputs = to_input(bundle.golden().counts)
    assert np.array_equal(inputs, bundle.golden().inputs)

    # A bundle may come from anywhere: its file is read back before an interpreter gets it.
    model = checked_model(bundle, INT8_TFLITE)
    run = Interpreter(model_content=model, num_threads=1).get_signature_runner()
    # One window a call, reshaped to what the signature says: the bytes are the same.
    ((name, details),) = run.get_input_details().items()
    rows = [run(**{name: window.reshape(details["shape"])}) for window in inputs]
    answers: dict[str, Int8] = {
        task: np.concatenate([row[task] for row in rows]) for task in sorted(rows[0])
    }

    # golden.npz holds the microcontroller's integers; this runtime rounds by the family xnnpack.
    expected = reference.run(bundle.graph, inputs, rounding="xnnpack")
    labels = bundle.manifest["labels"]
    differing = 0
    for task, logits in answers.items():
        differing += int(np.count_nonzero(logits != expected[task]))
        print(f"window 0, {task}: {labels[task][int(logits[0].argmax())]}")
    total = sum(logits.size for logits in answers.values())
    print(f"{INT8_TFLITE} on {len(inputs)} windows: {differing} of {total} logits differ")
    if differing:
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
