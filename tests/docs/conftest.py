"""Recordings for whoever follows the documents from a folder of CSV files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def write_recordings() -> Callable[[Path], None]:
    """write_recordings(folder): five people, three postures in turn, on the chest and on an arm."""
    return _write


def _write(folder: Path) -> None:
    for person in range(5):
        for number, placement in enumerate(("chest", "arm")):
            noise = np.random.default_rng(10 * person + number).normal(0, 0.03, (900, 3))
            lines = ["# units=g task=posture", "time,x,y,z,label,placement,subject"]
            for row in range(900):
                posture = row // 300
                xyz = noise[row] + np.eye(3)[posture] * (1 if number else -1)
                label = ("back", "left", "right")[posture]
                values = ",".join(f"{value:.4f}" for value in xyz)
                lines.append(f"{row / 50:.2f},{values},{label},{placement},p{person}")
            path = folder / f"p{person}-{placement}.csv"
            path.write_text("\n".join(lines) + "\n")
