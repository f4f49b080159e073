"""TFLite Micro on the host (Linux x86-64): the kernels a microcontroller runs."""

from __future__ import annotations

import importlib.metadata
import struct
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.runtimes.quiet import native_stderr
from wearkit.errors import MissingToolError, ModelFileError

# Activations of the largest network here take 13 KB; the package's default is 10 times the file.
_ARENA_BYTES = 4 << 20


def require_micro() -> None:
    """Raises MissingToolError when TFLite Micro is not installed."""
    if find_spec("tflite_micro") is None:
        raise _not_installed()


def _not_installed() -> MissingToolError:
    return MissingToolError(
        "TFLite Micro is not installed: pip install 'wearkit[micro]' (Linux x86-64 only)."
    )


class MicroRuntime:
    """One interpreter, one window at a time.

    outputs: task -> place among the model's outputs; None: by the names of its signature.
    """

    name = "tflm"
    family: Any = "tflm"

    def __init__(self, model: bytes, outputs: Mapping[str, int] | None = None) -> None:
        try:
            from tflite_micro.python.tflite_micro import runtime
            from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema
        except ImportError as error:
            raise _not_installed() from error
        self.version = f"tflite-micro {importlib.metadata.version('tflite-micro')}"
        try:
            with native_stderr() as messages:
                self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
        except (ValueError, RuntimeError, TypeError, IndexError, struct.error) as error:
            reason = messages[-1] if messages else str(error)
            raise ModelFileError(f"TFLite Micro refuses the model: {reason}") from error
        self._shape = tuple(self._interpreter.get_input_details(0)["shape"])
        if outputs is None:
            outputs = _output_positions(schema.Model.GetRootAs(model, 0))
        self._outputs = outputs

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        """As Runtime.run, one window at a time."""
        logits: dict[str, list[NDArray[np.int8]]] = {task: [] for task in self._outputs}
        for window in inputs:
            self._interpreter.set_input(window.reshape(self._shape), 0)
            self._interpreter.invoke()
            for task, position in self._outputs.items():
                logits[task].append(self._interpreter.get_output(position).reshape(1, -1))
        return {task: np.concatenate(rows) for task, rows in logits.items()}


def _output_positions(model: Any) -> Mapping[str, int]:
    """Task -> place among the model's outputs: the interpreter knows no names, the file does."""
    places = list(model.Subgraphs(0).OutputsAsNumpy())
    signature = model.SignatureDefs(0)
    positions = {}
    for number in range(signature.OutputsLength()):
        entry = signature.Outputs(number)
        positions[entry.Name().decode()] = places.index(entry.TensorIndex())
    return positions
