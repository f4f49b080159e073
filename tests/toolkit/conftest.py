"""Windows small enough to train on in a second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.windows.split import Split, subject_split
from wearkit.windows.window_set import WindowSet

POSTURE = TaskSpec("posture", ("supine", "left", "prone"))
PLACEMENT = TaskSpec("placement", ("chest", "neck"))


def make_toy_windows(people: int = 6, each: int = 24, noise: float = 60.0) -> WindowSet:
    """Gravity says the posture, a tremor says the placement; noise makes both learnable, not
    trivial."""
    generator = np.random.default_rng(7)
    count = people * each
    posture = generator.integers(0, 3, count)
    placement = generator.integers(0, 2, count)
    gravity = np.array([[0, 0, 256], [256, 0, 0], [0, 0, -256]])[posture]
    tremor = 90 * np.sin(np.arange(100) * np.where(placement, 0.3, 1.1)[:, None])
    counts = gravity[:, None, :] + tremor[:, :, None] + generator.normal(0, noise, (count, 100, 3))
    return WindowSet(
        spec=WindowSpec(),
        tasks=(POSTURE, PLACEMENT),
        counts=np.clip(np.round(counts), -512, 511).astype(np.int16),
        targets={"posture": posture.astype(np.int16), "placement": placement.astype(np.int16)},
        subjects=tuple(f"s{number:02}" for number in range(people)),
        subject=np.repeat(np.arange(people, dtype=np.int32), each),
        run=np.arange(count, dtype=np.int32),
        start=np.zeros(count, np.int32),
        simulated=True,
    )


@pytest.fixture(scope="session")
def toy_windows() -> WindowSet:
    return make_toy_windows()


@pytest.fixture(scope="session")
def toy_split(toy_windows: WindowSet) -> Split:
    return subject_split(toy_windows, fold=0, folds=3)


@pytest.fixture(scope="session")
def toy_model(toy_windows: WindowSet) -> ModelSpec:
    return ModelSpec("mtl-net-micro", toy_windows.spec, toy_windows.tasks)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread: small tensors are fastest so, and the machine is shared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
