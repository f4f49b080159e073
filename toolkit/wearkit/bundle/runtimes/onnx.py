"""ONNX Runtime on the CPU, set up so that int8 products do not saturate on any x86.

That is for the signed weights of model.int8.s8.onnx, and of model.int8.onnx in older bundles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Family
from wearkit.errors import MissingToolError, ModelFileError

_BATCH = 256  # windows at a time: bounds what the convolutions unroll


class OnnxRuntime:
    """Outputs are looked up by name.

    default_options: leave out the option that keeps signed products from saturating, as programs
    of others do.
    """

    name = "onnx"
    family: Family = "xnnpack"

    def __init__(self, model: bytes, *, default_options: bool = False) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingToolError(
                "ONNX Runtime is not installed: pip install 'wearkit[live]'."
            ) from error
        self.version = f"onnxruntime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if not default_options:
            # CPUs with AVX2 but no VNNI add two int8 products in 16 bits, which saturates.
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no other base
            raise ModelFileError(f"ONNX Runtime refuses the model: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        """As Runtime.run."""
        return self.run_any(inputs)

    def run_any(self, inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """As `run`, for a model of any element type."""
        parts = [
            self._session.run(self._outputs, {self._input: inputs[start : start + _BATCH]})
            for start in range(0, len(inputs), _BATCH)
        ]
        columns = zip(*parts, strict=True)
        return {
            name: np.concatenate(column)
            for name, column in zip(self._outputs, columns, strict=True)
        }
