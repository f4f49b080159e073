"""Foreign files, and the runtimes they are compared with."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.runtimes import Runtime
from wearkit.bundle.runtimes.micro import MicroRuntime
from wearkit.bundle.runtimes.tflite import Kernels, open_placed_tflite
from wearkit.integer.graph import ROUNDINGS, Rounding
from wearkit.integer.logits import Agreement, compare
from wearkit.integer.reference import Reference
from wearkit.integer.requantize import family_gap

_KERNELS: dict[Rounding, Kernels] = {
    "ruy": "no-delegates",
    "litert-ref": "reference",
    "xnnpack": "default",
}


@pytest.fixture(scope="session")
def file_builder() -> type[Any]:
    """The class FileBuilder of file_builder.py, which stands beside this file."""
    path = Path(__file__).with_name("file_builder.py")
    spec = importlib.util.spec_from_file_location("file_builder", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Any] = module.FileBuilder
    return found


@pytest.fixture(scope="session")
def zoo() -> Callable[[str], bytes]:
    """zoo(name): the bytes of zoo/<name>.tflite."""
    return lambda name: (Path(__file__).parent / "zoo" / f"{name}.tflite").read_bytes()


@pytest.fixture(scope="session")
def agreements(
    needs_module: Callable[[str, str], None],
) -> Callable[..., dict[Rounding, Agreement]]:
    """agreements(file, windows, families=ROUNDINGS): the reference against the runtime of every
    family that is defined for this file. windows: int8, as the file has its input."""
    needs_module("tflite_micro", "pip install 'wearkit[micro]' (Linux x86-64)")
    needs_module("ai_edge_litert", "pip install 'wearkit[export]'")
    from wearkit_export.import_tflite import import_tflite

    def measure(
        data: bytes, windows: NDArray[np.int8], families: tuple[Rounding, ...] = ROUNDINGS
    ) -> dict[Rounding, Agreement]:
        found: dict[Rounding, Agreement] = {}
        for family in families:
            imported = import_tflite(data, rounding="litert-ref")  # defined for everything
            if family_gap(imported.graph, family) is not None:
                continue
            expected = Reference(imported.graph, family).run(_seen(windows, imported))
            found[family] = compare(expected, _open(family, data, imported).run(windows))
        return found

    return measure


def _seen(windows: NDArray[np.int8], imported: Any) -> NDArray[np.int8]:
    shape = imported.graph.tensor(imported.graph.input).shape
    return windows.reshape(len(windows), *shape)


def _open(family: Rounding, data: bytes, imported: Any) -> Runtime:
    if family == "tflm":
        return MicroRuntime(data, imported.output_places)
    kernels = _KERNELS[family]
    return open_placed_tflite("litert", data, imported.output_places, kernels, "ai_edge_litert")
