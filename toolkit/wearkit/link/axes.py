"""How a sensor is mounted: from its axes to the model's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.link.sample import Counts


@dataclass(frozen=True, slots=True)
class AxisMap:
    """Which printed value, with which sign, is x, y, z of the model.

    source: position of each model axis in the printed triple; sign: +1 or -1 for each.
    """

    source: tuple[int, int, int] = (0, 1, 2)
    sign: tuple[int, int, int] = (1, 1, 1)

    @property
    def text(self) -> str:
        """As users and headers write it, such as -y+x+z: the inverse of parse_axes."""
        printed = ["", "", ""]
        for axis, (source, sign) in enumerate(zip(self.source, self.sign, strict=True)):
            printed[source] = ("+" if sign > 0 else "-") + "xyz"[axis]
        return "".join(printed)

    @property
    def determinant(self) -> int:
        """+1 for a rotation, -1 for a mirror image, which no mounting of a sensor gives."""
        a, b, c = self.source
        is_even = (a, b, c) in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        x, y, z = self.sign
        return x * y * z * (1 if is_even else -1)

    @property
    def lower_rails(self) -> tuple[int, int, int]:
        """The lowest count of x, y, z; where the sign is -1 it is the sensor's upper rail."""
        x, y, z = (COUNT_MIN if sign > 0 else -COUNT_MAX for sign in self.sign)
        return x, y, z


SAME_AXES = AxisMap()


def at_rail(counts: NDArray[np.int16], lower_rails: tuple[int, int, int]) -> NDArray[np.bool_]:
    """(n,) which of (n, 3) counts have an axis at a rail. lower_rails: as of AxisMap."""
    beyond = (counts <= np.array(lower_rails)) | (counts >= COUNT_MAX)
    on_some_axis: NDArray[np.bool_] = np.any(beyond, axis=1)
    return on_some_axis


def mapped(counts: Counts, axes: AxisMap) -> Counts:
    """Sensor axes to model axes. Minus the lower rail is past the upper one, and is put on it."""
    x, y, z = (
        min(counts[source] * sign, COUNT_MAX)
        for source, sign in zip(axes.source, axes.sign, strict=True)
    )
    return (x, y, z)
