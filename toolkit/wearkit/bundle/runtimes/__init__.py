"""Programs that compute int8 logits from int8 windows, each with the family it rounds by.

`reference` is our own; the others are optional packages and are imported when asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import INT8_ONNX, INT8_TFLITE, Bundle
from wearkit.errors import ModelFileError

Family = Literal["tflm", "xnnpack", "ruy", "litert-ref"]
"""How a runtime rounds; wearkit.integer.reference reproduces each bit for bit."""

RUNTIMES = ("reference", "tflm", "litert", "onnx")


class Runtime(Protocol):
    """name: as given to `open_runtime`; version: of the package that computes."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def family(self) -> Family: ...

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        """(N, length, 3) int8 windows -> task -> (N, labels) int8 logits."""
        ...


CheckedModel = Callable[[Bundle, str], bytes]
"""A bundle and the name of its model file -> bytes that were parsed back and hold the integers of
the bundle's graph: wearkit_export.bundle.model_files.checked_model."""


def open_runtime(name: str, bundle: Bundle, checked: CheckedModel) -> Runtime:
    """A runtime ready to run a bundle's int8 model; `checked` is asked for every one but the
    reference, which has the graph itself.

    Raises MissingToolError when a package is not installed, ModelFileError for an unknown name, a
    file of another model, or one the runtime refuses.
    """
    match name:
        case "reference":
            from wearkit.integer.reference import Reference

            return Reference(bundle.graph)
        case "tflm":
            from wearkit.bundle.runtimes.micro import MicroRuntime, require_micro
            from wearkit.bundle.runtimes.tflite import open_tflite

            require_micro()
            model = checked(bundle, INT8_TFLITE)
            # LiteRT verifies a file before it runs it. TFLite Micro does not and can crash.
            open_tflite("litert", model)
            return MicroRuntime(model)
        case "litert":
            from wearkit.bundle.runtimes.tflite import open_tflite

            return open_tflite("litert", checked(bundle, INT8_TFLITE))
        case "onnx":
            from wearkit.bundle.runtimes.onnx import OnnxRuntime

            return OnnxRuntime(checked(bundle, INT8_ONNX))
        case _:
            raise ModelFileError(f"Unknown runtime {name!r}: choose one of {', '.join(RUNTIMES)}.")
