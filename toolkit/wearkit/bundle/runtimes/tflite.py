"""TFLite interpreters of one family tree: LiteRT, its predecessor tflite-runtime, TensorFlow.

All offer one Python interface. By default they hand the model to XNNPACK; without delegates
they use the optimised ("ruy") kernels; BUILTIN_REF is the plain C++ reference. Each rounds in
its own way (docs/design.md section 4).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Family
from wearkit.bundle.runtimes.quiet import native_stderr
from wearkit.errors import MissingToolError, ModelFileError

Kernels = Literal["default", "no-delegates", "reference"]
_RESOLVERS: dict[Kernels, str] = {
    "no-delegates": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
FAMILIES: dict[Kernels, Family] = {
    "default": "xnnpack",
    "no-delegates": "ruy",
    "reference": "litert-ref",
}
# In the order they are tried; TensorFlow is by far the largest and comes last.
_PACKAGES = ("ai_edge_litert", "tflite_runtime", "tensorflow")
_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
_DISTRIBUTIONS = {
    "ai_edge_litert": ("ai-edge-litert",),
    "tflite_runtime": ("tflite-runtime",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
}


@dataclass(frozen=True, slots=True)
class TfliteRuntime:
    """One interpreter, one window at a time, outputs by the names of the model's signature."""

    name: str
    version: str
    family: Family
    input_name: str
    shape: tuple[int, ...]
    signature: Any

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        """As Runtime.run."""
        return self.run_any(inputs)

    def run_any(self, inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """As `run`, for a model of any element type."""
        rows = [
            self.signature(**{self.input_name: window.reshape(self.shape)}) for window in inputs
        ]
        return {
            name: np.concatenate([row[name] for row in rows])
            for name in self.signature.get_output_details()
        }


@dataclass(frozen=True, slots=True)
class PlacedTflite:
    """As TfliteRuntime for a file that others made, whose signature may name nothing.

    outputs: task -> place among the model's outputs.
    """

    name: str
    version: str
    family: Family
    shape: tuple[int, ...]
    outputs: Mapping[str, int]
    interpreter: Any

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        """As `Runtime.run`. Raises ModelFileError for a file that only fails when it runs."""
        try:
            return self._run(inputs)
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{self.version} cannot run the model: {error}") from error

    def _run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        entry = self.interpreter.get_input_details()[0]["index"]
        exits = [details["index"] for details in self.interpreter.get_output_details()]
        logits: dict[str, list[NDArray[np.int8]]] = {task: [] for task in self.outputs}
        for window in inputs:
            self.interpreter.set_tensor(entry, window.reshape(self.shape))
            self.interpreter.invoke()
            for task, place in self.outputs.items():
                logits[task].append(self.interpreter.get_tensor(exits[place]).reshape(1, -1))
        return {task: np.concatenate(rows) for task, rows in logits.items()}


def open_tflite(
    name: str, model: bytes, kernels: Kernels = "default", package: str | None = None
) -> TfliteRuntime:
    """An interpreter of `package`, or of the first one installed.

    Raises MissingToolError when none is, or when the one found cannot work with this numpy;
    ModelFileError when it refuses the model.
    """
    package = package or _installed()
    interpreter = _interpreter(package, model, kernels)
    try:
        signature = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{package} refuses the model: {error}") from error
    ((input_name, details),) = signature.get_input_details().items()
    shape = tuple(int(extent) for extent in details["shape"])
    family = _family(package, kernels)
    return TfliteRuntime(name, package_version(package), family, input_name, shape, signature)


def open_placed_tflite(
    name: str,
    model: bytes,
    outputs: Mapping[str, int],
    kernels: Kernels = "default",
    package: str | None = None,
) -> PlacedTflite:
    """As `open_tflite`, with outputs by their place instead of by the signature's names."""
    package = package or _installed()
    interpreter = _interpreter(package, model, kernels)
    shape = tuple(int(extent) for extent in interpreter.get_input_details()[0]["shape"])
    family = _family(package, kernels)
    return PlacedTflite(name, package_version(package), family, shape, outputs, interpreter)


def _interpreter(package: str, model: bytes, kernels: Kernels) -> Any:
    module = _import(package)
    options: dict[str, Any] = {}
    if kernels in _RESOLVERS:
        kind = getattr(module.OpResolverType, _RESOLVERS[kernels])
        options["experimental_op_resolver_type"] = kind
    try:
        with native_stderr() as messages:
            interpreter = module.Interpreter(model_content=model, num_threads=1, **options)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = messages[-1] if messages else str(error)
        raise ModelFileError(f"{package} refuses the model: {reason}") from error
    return interpreter


def _family(package: str, kernels: Kernels) -> Family:
    if package == "tflite_runtime" and kernels != "no-delegates":
        # Its XNNPACK takes no int8 model, and its reference kernels round as TFLite Micro does.
        return "tflm" if kernels == "reference" else "ruy"
    return FAMILIES[kernels]


def package_version(package: str) -> str:
    """ "<distribution> <version>" of an installed package."""
    for distribution in _DISTRIBUTIONS[package]:
        try:
            return f"{distribution} {importlib.metadata.version(distribution)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return package


def _installed() -> str:
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is not None:
            return package
    raise MissingToolError(
        "No TFLite interpreter is installed: pip install 'wearkit[live]' brings LiteRT."
    )


def _import(package: str) -> Any:
    if package == "tflite_runtime" and int(np.__version__.split(".")[0]) >= 2:
        raise MissingToolError(
            f"tflite-runtime 2.14 cannot work with numpy {np.__version__}: pip install 'numpy<2', "
            "or pip install ai-edge-litert, its successor."
        )
    try:
        return importlib.import_module(_MODULES[package])
    except ImportError as error:
        extra = "tensorflow" if package == "tensorflow" else "live"
        raise MissingToolError(
            f"{package} cannot be imported ({error}): pip install 'wearkit[{extra}]'."
        ) from error
