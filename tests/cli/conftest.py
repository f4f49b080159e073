"""Recordings and a trained run for tests of commands: seconds to make, once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

PEOPLE = ("ann", "ben", "cem", "dia", "eva")
PLACEMENTS = {"chest": 0.3, "neck": 1.1}  # radians a sample of the tremor that tells them apart
POSTURES = {"supine": (0.0, 0.0, 1.0), "left": (1.0, 0.0, 0.0), "prone": (0.0, 0.0, -1.0)}
SECONDS = 12


def recording_g(
    posture: str, placement: str, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(T, 3) in g at 50 Hz."""
    samples = 50 * SECONDS
    tremor = 0.2 * np.sin(PLACEMENTS[placement] * np.arange(samples))
    noise = generator.normal(0, 0.1, (samples, 3))
    acc_g: NDArray[np.float64] = np.array(POSTURES[posture]) + tremor[:, None] + noise
    return acc_g


def write_recordings(folder: Path, people: tuple[str, ...] = PEOPLE, seed: int = 0) -> None:
    """One CSV a person, all postures and placements in it, a gap between any two. seed: another
    one is another day, with none of the same samples."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for person in people:
        lines = ["# units=g task=posture", "time,x,y,z,label,placement,subject"]
        start_s = 0.0
        for placement in PLACEMENTS:
            for posture in POSTURES:
                for row, (x, y, z) in enumerate(recording_g(posture, placement, generator)):
                    time = f"{start_s + row / 50:.2f},{x:.4f},{y:.4f},{z:.4f}"
                    lines.append(f"{time},{posture},{placement},{person}")
                start_s += SECONDS + 10
        (folder / f"{person}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of CSV recordings: five people, three postures, two placements."""
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder)
    return folder


@pytest.fixture(scope="session")
def trained_run(
    recordings: Path,
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
) -> Path:
    """A run of mtl-net-micro that `wearkit train` made of `recordings`. Copy it to change it."""
    needs_module("torch", "pip install 'wearkit[train]'")
    import torch

    from wearkit.cli import run

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("trained") / "run"
    arguments = ["train", "--data", str(recordings), "--arch", "mtl-net-micro", "--epochs", "3"]
    assert run([*arguments, "--device", "cpu", "--batch", "16", "--out", str(path)]) == 0
    torch.set_num_threads(threads)
    return path
