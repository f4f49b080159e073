"""Programs that compute int8 logits from int8 windows, each with the family it rounds by.

`reference` is our own; the others are optional packages and are imported when asked for.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import INT8_ONNX, INT8_TFLITE, Bundle
from wearkit.errors import ModelFileError
from wearkit.files.limited import read_limited

Family = Literal["tflm", "xnnpack", "ruy", "litert-ref"]
"""How a runtime rounds; wearkit.integer.reference reproduces each bit for bit."""

RUNTIMES = ("reference", "tflm", "litert", "onnx")
MAX_MODEL_BYTES = 1 << 30


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


def open_runtime(name: str, bundle: Bundle) -> Runtime:
    """A runtime ready to run a bundle's int8 model.

    Raises MissingToolError when its package is not installed, ModelFileError for an unknown name
    or a model file the runtime refuses.
    """
    match name:
        case "reference":
            from wearkit.integer.reference import Reference

            return Reference(bundle.graph)
        case "tflm":
            from wearkit.bundle.runtimes.micro import MicroRuntime

            return MicroRuntime(_read(bundle, INT8_TFLITE))
        case "litert":
            from wearkit.bundle.runtimes.tflite import open_tflite

            return open_tflite("litert", _read(bundle, INT8_TFLITE))
        case "onnx":
            from wearkit.bundle.runtimes.onnx import OnnxRuntime

            return OnnxRuntime(_read(bundle, INT8_ONNX))
        case _:
            raise ModelFileError(f"Unknown runtime {name!r}: choose one of {', '.join(RUNTIMES)}.")


def _read(bundle: Bundle, name: str) -> bytes:
    return read_limited(bundle.file(name), MAX_MODEL_BYTES)
