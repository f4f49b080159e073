"""Checkpoint: the weights of one network and everything needed to know what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.architecture import weight_shapes
from wearkit.errors import ModelFileError
from wearkit.spec import ModelSpec

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """weights: name -> float32 array, exactly `architecture.weight_shapes(model)`.

    provenance: plain JSON: training configuration, seeds, split, data fingerprint, simulated or
    not, which of student and teacher was kept, metrics, package versions.
    """

    model: ModelSpec
    weights: Mapping[str, NDArray[np.float32]]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        expected = weight_shapes(self.model)
        if set(self.weights) != set(expected):
            odd = sorted(set(self.weights) ^ set(expected))[0]
            raise ModelFileError(f"The checkpoint does not fit {self.model.arch}: see {odd!r}.")
        for name, shape in expected.items():
            found = self.weights[name]
            if found.shape != shape or found.dtype != np.float32:
                raise ModelFileError(
                    f"Tensor {name!r} is {found.dtype}{found.shape}, not float32{shape}."
                )
            if not np.isfinite(found).all():
                raise ModelFileError(f"Tensor {name!r} holds a value that is not finite.")
