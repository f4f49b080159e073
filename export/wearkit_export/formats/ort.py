"""The int8 ONNX file in ONNX Runtime's own format (.ort), which its phone builds load.

A minimal phone build holds no graph optimiser and reads no protobuf, so the optimising happens
here and its result is stored ("Fixed" in ONNX Runtime's terms). Done through the session options
that ONNX Runtime documents for it rather than through its command line tool, whose side files
(lists of operators) carry absolute paths.

Made from the signed form (model.int8.s8.onnx): ONNX Runtime's quickest ARM kernels want signed
weights, and what is stored keeps both sides signed, which no x86 multiplies in saturating pairs.
tests/emulated runs it on a CPU with AVX2 and without VNNI.

The bytes vary from one conversion to the next: ONNX Runtime writes its list of kernel types in
the order of a randomly seeded hash table. The manifest's SHA-256 pins the one in a bundle.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.errors import MissingToolError, StorageError, VerificationError
from wearkit.integer.logits import Agreement, compare

# The blocked layouts this optimiser bakes in exist on x86 only; a phone could not load the file.
_X86_ONLY = ("NchwcTransformer",)


def to_ort(model: bytes) -> bytes:
    """A signed ONNX model -> the same as .ort, for ARM and x86. Not byte for byte repeatable.

    Raises MissingToolError without onnxruntime, StorageError when there is no room for a
    temporary file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingToolError(
            "Writing .ort needs onnxruntime: pip install 'wearkit[export]'."
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ORT")
    # Keeps int8 activations int8, as ARM kernels want them; x86 reads them too.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    try:
        with tempfile.TemporaryDirectory(prefix="wearkit-ort-") as folder:
            target = Path(folder) / "model.ort"
            options.optimized_model_filepath = str(target)
            onnxruntime.InferenceSession(
                model,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=list(_X86_ONLY),
            )
            return target.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot write a temporary .ort file: {error.strerror}.") from error


def check_ort(ort_model: bytes, onnx_model: bytes, inputs: NDArray[np.int8]) -> Agreement:
    """Run both files at default options on `inputs` (N, length, 3) int8.

    onnx_model: model.int8.onnx. Raises VerificationError when one logit differs.
    """
    answers, expected = (
        OnnxRuntime(model, default_options=True).run(inputs) for model in (ort_model, onnx_model)
    )
    agreement = compare(answers, expected)
    if not agreement.exact:
        raise VerificationError(
            f"The .ort file answers {agreement.differing} of {agreement.values} values otherwise "
            "than the .onnx file: export without --ort and report this."
        )
    return agreement
