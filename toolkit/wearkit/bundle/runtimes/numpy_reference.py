"""The integer reference as a runtime: nothing but numpy, and the definition of right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit import __version__
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit.integer.reference import Reference


class ReferenceRuntime:
    name = "reference"
    version = f"wearkit {__version__}"

    def __init__(self, graph: QuantizedGraph, rounding: Rounding | None = None) -> None:
        self._reference = Reference(graph, rounding)

    @property
    def family(self) -> Rounding:
        return self._reference.rounding

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        return self._reference.run(inputs)
