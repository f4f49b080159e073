"""Run what was printed in every runtime there is, and count the int8 values that differ."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import (
    FP32_ONNX,
    FP32_TFLITE,
    INT8_ONNX,
    INT8_S8_ONNX,
    INT8_TFLITE,
)
from wearkit.bundle.runtimes import Family, Runtime
from wearkit.bundle.runtimes.micro import MicroRuntime
from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.bundle.runtimes.tflite import (
    FAMILIES,
    Kernels,
    TfliteRuntime,
    open_placed_tflite,
    open_tflite,
    package_version,
)
from wearkit.errors import MissingToolError, VerificationError
from wearkit.integer import reference
from wearkit.integer.graph import ROUNDINGS, QuantizedGraph, Rounding
from wearkit.integer.logits import Agreement, Logits, compare
from wearkit.integer.requantize import family_gap
from wearkit_export.bundle.compared import OnProgress, run_in_parts, silent
from wearkit_export.bundle.tensorflow_oracle import run_tensorflow, tensorflow_installed

FP32_TOLERANCE = 1e-3
"""Largest allowed |difference| of an fp32 file, as a share of the largest |logit| (at least 1)."""

_MICRO = "TFLite Micro"
_INFORMATIVE_WINDOWS = 256
"""Runtimes that round in a way of their own run this many windows: enough to show how far off."""

_TENSORFLOW_KERNELS: tuple[Kernels, ...] = ("default", "no-delegates", "reference")
_KERNEL_NAMES: dict[Kernels, str] = {
    "default": "XNNPACK",
    "no-delegates": "no delegates",
    "reference": "BUILTIN_REF",
}


@dataclass(frozen=True, slots=True)
class Emitted:
    """The bytes of the five model files."""

    fp32_onnx: bytes
    int8_onnx: bytes
    int8_s8_onnx: bytes
    fp32_tflite: bytes
    int8_tflite: bytes

    def by_name(self) -> dict[str, bytes]:
        """File name in the bundle -> bytes."""
        return {
            FP32_ONNX: self.fp32_onnx,
            INT8_ONNX: self.int8_onnx,
            INT8_S8_ONNX: self.int8_s8_onnx,
            FP32_TFLITE: self.fp32_tflite,
            INT8_TFLITE: self.int8_tflite,
        }


@dataclass(frozen=True, slots=True)
class Models:
    """What runtimes are given. int8_onnx, int8_s8_onnx: None for an imported model.

    outputs: task -> place among the outputs of the .tflite; None: its signature names the tasks.
    not_micro: why TFLite Micro cannot run the .tflite, if it cannot.
    """

    int8_tflite: bytes
    int8_onnx: bytes | None = None
    int8_s8_onnx: bytes | None = None
    outputs: Mapping[str, int] | None = None
    not_micro: str | None = None


@dataclass(frozen=True, slots=True)
class EqualityRow:
    """One runtime on one int8 file, against the reference of rounding family `against`.

    must_match: the reference defines the runtime's family for this graph, so 0 values may differ.
    """

    runtime: str
    version: str
    file: str
    family: Family
    against: Rounding
    must_match: bool
    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        return {
            "runtime": self.runtime,
            "version": self.version,
            "file": self.file,
            "family": self.family,
            "against": f"reference ({self.against})",
            "must_match": self.must_match,
            **self.agreement.to_json(),
        }


@dataclass(frozen=True, slots=True)
class NotRun:
    """A runtime that is not here, and how to get it."""

    runtime: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        return {"runtime": self.runtime, "not_run": self.hint}


@dataclass(frozen=True, slots=True)
class FloatRow:
    """One runtime on one fp32 file: largest |difference| to the float64 forward, in logits."""

    runtime: str
    version: str
    file: str
    max_abs_difference: float
    largest_logit: float

    def to_json(self) -> dict[str, Any]:
        # Two digits say all there is to say, and survive a sum taken in another order.
        return {
            "runtime": self.runtime,
            "version": self.version,
            "file": self.file,
            "max_abs_difference": float(f"{self.max_abs_difference:.1e}"),
            "largest_logit": float(f"{self.largest_logit:.3g}"),
        }


def check_int8(
    graph: QuantizedGraph,
    models: Models,
    inputs: NDArray[np.int8],
    *,
    expected: Logits | None = None,
    progress: OnProgress = silent,
) -> list[EqualityRow | NotRun]:
    """Every runtime on windows (N >= 1, ...) int8. Decides nothing: see `require_equal`.

    expected: what the reference of the graph's own family says of them, if that is known.
    """
    defined = [family for family in ROUNDINGS if family_gap(graph, family) is None]
    references: dict[Rounding, Logits] = {} if expected is None else {graph.rounding: expected}
    rows: list[EqualityRow | NotRun] = []
    for answer in _answers(models, inputs, defined, progress):
        if isinstance(answer, NotRun):
            rows.append(answer)
            continue
        runtime, version, file, family, logits = answer
        against = family if family in defined else graph.rounding
        if against not in references:
            references[against] = reference.run(graph, inputs, rounding=against)
        same = {task: references[against][task][: len(values)] for task, values in logits.items()}
        agreement = compare(same, logits)
        must_match = family == against
        rows.append(EqualityRow(runtime, version, file, family, against, must_match, agreement))
    return rows


def require_equal(rows: list[EqualityRow | NotRun]) -> None:
    """Raises VerificationError for the first row that must match and does not."""
    for row in rows:
        if isinstance(row, EqualityRow) and row.must_match and not row.agreement.exact:
            agreement = row.agreement
            raise VerificationError(
                f"{row.runtime} ({row.version}) differs from the integer reference "
                f"({row.against}) in {agreement.differing} of {agreement.values} int8 values, "
                f"by up to {agreement.max_lsb}, first in window {agreement.first_window} of the "
                f"{agreement.windows} compared; no bundle was written."
            )


def check_fp32(
    expected: Mapping[str, NDArray[np.float64]],
    files: Emitted,
    acc_g: NDArray[np.float32],
    progress: OnProgress = silent,
) -> list[FloatRow]:
    """The fp32 files in ONNX Runtime and LiteRT on windows (N >= 1, length, 3) in g.

    expected: the float network's logits of them, task -> (N, labels).
    Raises VerificationError when one is further off than float32 sums explain.
    """
    largest = max(float(np.abs(values).max()) for values in expected.values())
    rows = []
    for open_, data, file in (
        (OnnxRuntime, files.fp32_onnx, FP32_ONNX),
        (_litert, files.fp32_tflite, FP32_TFLITE),
    ):
        try:
            runtime = open_(data)
        except MissingToolError:
            continue
        computed = run_in_parts(runtime.run_any, acc_g, file, progress)
        gap = max(float(np.abs(computed[task] - expected[task]).max()) for task in expected)
        rows.append(FloatRow(runtime.name, runtime.version, file, gap, largest))
        if not gap <= FP32_TOLERANCE * max(1.0, largest):
            raise VerificationError(
                f"{file} differs from the float network by {gap:.2g} in {runtime.name}; no bundle "
                "was written."
            )
    return rows


_Answer = tuple[str, str, str, Family, Logits]


def _answers(
    models: Models, inputs: NDArray[np.int8], defined: Sequence[Rounding], progress: OnProgress
) -> Iterator[_Answer | NotRun]:
    """(runtime, version, file, family, logits) of every runtime that is installed."""
    for name, file, open_ in _openers(models):
        try:
            runtime = open_()
        except MissingToolError as error:
            yield NotRun(name, str(error))
            continue
        windows = inputs if runtime.family in defined else inputs[:_INFORMATIVE_WINDOWS]
        logits = run_in_parts(runtime.run, windows, name, progress)
        yield name, runtime.version, file, runtime.family, logits
    if models.not_micro is not None:
        yield NotRun(_MICRO, models.not_micro)
    progress("TensorFlow", 0, 0)
    yield from _tensorflow_answers(models, inputs, defined)


def _openers(models: Models) -> Iterator[tuple[str, str, Callable[[], Runtime]]]:
    """(runtime, file, how to open it)."""
    tflite, onnx, outputs = models.int8_tflite, models.int8_onnx, models.outputs
    s8_onnx = models.int8_s8_onnx
    if models.not_micro is None:
        yield _MICRO, INT8_TFLITE, lambda: MicroRuntime(tflite, outputs)
    yield "LiteRT, XNNPACK", INT8_TFLITE, lambda: _int8_litert(models, "default")
    if onnx is not None:
        # At default options: a program of others need not know of any.
        yield "ONNX Runtime", INT8_ONNX, lambda: OnnxRuntime(onnx, default_options=True)
    if s8_onnx is not None:
        yield "ONNX Runtime, S8S8", INT8_S8_ONNX, lambda: OnnxRuntime(s8_onnx)
    yield "LiteRT, no delegates", INT8_TFLITE, lambda: _int8_litert(models, "no-delegates")
    yield "LiteRT, BUILTIN_REF", INT8_TFLITE, lambda: _int8_litert(models, "reference")
    if importlib.util.find_spec("tflite_runtime") is not None:
        name = "tflite-runtime"
        yield name, INT8_TFLITE, lambda: _int8_litert(models, "default", "tflite_runtime")


def _int8_litert(models: Models, kernels: Kernels, package: str = "ai_edge_litert") -> Runtime:
    if models.outputs is None:
        return open_tflite("litert", models.int8_tflite, kernels, package)
    return open_placed_tflite("litert", models.int8_tflite, models.outputs, kernels, package)


def _tensorflow_answers(
    models: Models, inputs: NDArray[np.int8], defined: Sequence[Rounding]
) -> Iterator[_Answer | NotRun]:
    if not tensorflow_installed():
        yield NotRun(
            "TensorFlow", "TensorFlow is not installed: pip install 'wearkit[tensorflow]'."
        )
        return
    batches = {
        kernels: inputs if FAMILIES[kernels] in defined else inputs[:_INFORMATIVE_WINDOWS]
        for kernels in _TENSORFLOW_KERNELS
    }
    version = package_version("tensorflow")
    answers = run_tensorflow(models.int8_tflite, batches, models.outputs)
    for kernels, logits in answers.items():
        name = f"TensorFlow, {_KERNEL_NAMES[kernels]}"
        yield name, version, INT8_TFLITE, FAMILIES[kernels], logits


def _litert(model: bytes) -> TfliteRuntime:
    return open_tflite("litert", model, package="ai_edge_litert")
