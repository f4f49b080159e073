"""Shared fixtures. In CI (CI=true) something missing is a failure; elsewhere it is a skip."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# As the command line does, and for its reason: see wearkit.cli.main.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# No test touches the user's own cache; one that is about caching names a folder of its own.
os.environ["WEARKIT_CACHE"] = ""

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.errors import MissingToolError
from wearkit.files.limited import file_sha256
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import write_json
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import Checkpoint, save_checkpoint
from wearkit.model.provenance import DataRecord, Provenance
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.training.run import TIED

REPOSITORY = Path(__file__).resolve().parents[1]


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} CI must have it.")
    pytest.skip(reason)


_TORCH = importlib.util.find_spec("torch") is not None
# Files that import torch at their top: they cannot even be collected without it.
_NEED_TORCH = ("ema", "methods", "networks", "run_folder", "train")
collect_ignore = [] if _TORCH else [f"toolkit/test_{name}.py" for name in _NEED_TORCH]


def pytest_report_header() -> str:
    if _TORCH:
        return "torch: installed"
    if os.environ.get("CI") == "true":
        raise pytest.UsageError("torch is not installed: CI must have it.")
    return (
        f"torch: not installed, {len(collect_ignore)} files skipped: pip install 'wearkit[train]'"
    )


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def bench_script() -> Iterator[Callable[[str], ModuleType]]:
    """bench_script(name): a script of tests/bench as a module. They import each other."""
    folder = str(REPOSITORY / "tests" / "bench")
    sys.path.append(folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def archive() -> Callable[[str], Path]:
    """Path of a real data archive in WEARKIT_DATA (default ../shared/data), by file name."""
    folder = Path(os.environ.get("WEARKIT_DATA", REPOSITORY.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            _absent(f"{name} is not in {folder}: set WEARKIT_DATA to the folder that holds it.")
        return path

    return find


@pytest.fixture(scope="session")
def needs_module() -> Callable[[str, str], None]:
    """needs_module(module, how_to_install): skip, or fail in CI, when it cannot be imported."""

    def check(module: str, how: str) -> None:
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            _absent(f"{module} is not installed: {how}.")

    return check


@pytest.fixture(scope="session")
def needs_program() -> Callable[[str, str], str]:
    """needs_program(name, how_to_install) -> its path; skip, or fail in CI, when absent."""

    def check(program: str, how: str) -> str:
        path = shutil.which(program)
        if path is None:
            _absent(f"{program} is not on the PATH: {how}.")
        assert path is not None
        return path

    return check


@pytest.fixture(scope="session")
def untrained_checkpoint() -> Callable[..., Checkpoint]:
    """untrained_checkpoint(arch, seed=0): random weights, plausible batch norms, two tasks."""

    def make(arch: str, seed: int = 0) -> Checkpoint:
        tasks = (
            TaskSpec("posture", tuple(f"posture-{k}" for k in range(12))),
            TaskSpec("placement", ("chest", "thigh", "wrist")),
        )
        model = ModelSpec(arch, WindowSpec(), tasks)
        generator = np.random.default_rng(seed)
        weights = {}
        for name, shape in weight_shapes(model).items():
            if name.endswith(("running_var", "norm.weight")):
                values = generator.uniform(0.4, 1.6, shape)
            elif len(shape) == 1:
                values = generator.normal(0.0, 0.1, shape)
            else:
                values = generator.normal(0.0, np.sqrt(2.0 / np.prod(shape[1:])), shape)
            weights[name] = values.astype(np.float32)
        return Checkpoint(model, weights, Provenance(data=DataRecord(simulated=True)))

    return make


@pytest.fixture(scope="session")
def made_counts() -> Callable[..., NDArray[np.int16]]:
    """made_counts(windows, seed=0): (N, 100, 3) int16 counts, 1 g in any direction and motion."""

    def make(windows: int, seed: int = 0) -> NDArray[np.int16]:
        generator = np.random.default_rng(seed)
        gravity = generator.normal(size=(windows, 1, 3))
        gravity *= 256 / np.linalg.norm(gravity, axis=2, keepdims=True)
        vigour = generator.uniform(2.0, 150.0, (windows, 1, 1))
        counts = gravity + vigour * generator.normal(size=(windows, 100, 3))
        return np.clip(np.rint(counts), -512, 511).astype(np.int16)

    return make


@pytest.fixture(scope="session")
def untrained_run(
    tmp_path_factory: pytest.TempPathFactory,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
) -> Callable[[str], Path]:
    """untrained_run(arch): a run folder with 40 calibration and 60 test windows, labels random.
    Tests must not write into it."""
    parent = tmp_path_factory.mktemp("runs")

    def make(arch: str) -> Path:
        path = parent / f"run-{arch}"
        if path.exists():
            return path
        checkpoint = untrained_checkpoint(arch)
        save_checkpoint(checkpoint, path)
        write_npz(path / "calibration.npz", {"counts": made_counts(40, seed=1)})
        generator = np.random.default_rng(2)
        targets = {
            f"target_{task.name}": generator.integers(0, len(task.labels), 60).astype(np.int16)
            for task in checkpoint.model.tasks
        }
        columns: dict[str, NDArray[Any]] = {
            "counts": made_counts(60, seed=3),
            "subject": np.arange(60, dtype=np.int32) % 3,
            "run": np.zeros(60, np.int32),
            "start": np.arange(60, dtype=np.int32) * 60,
            "subjects": np.array(["anna", "bert", "cora"]),
        }
        write_npz(path / "test.npz", columns | targets)
        split: dict[str, Any] = {"kind": "subject", "fold": 0, "folds": 5, "seed": 0}
        split |= {"leak_share": 0.0, "train": {"windows": 60, "subjects": ["dora", "emil"]}}
        split |= {"val": {"windows": 60, "subjects": ["fred"]}}
        split |= {"test": {"windows": 60, "subjects": ["anna", "bert", "cora"]}}
        metrics = {"format": "wearkit-metrics", "format_version": 1, "simulated": True}
        files = {name: file_sha256(path / name) for name in TIED}
        write_json(path / "metrics.json", metrics | {"split": split, "files": files})
        return path

    return make


@pytest.fixture(scope="session")
def quick_export() -> Callable[[pytest.MonkeyPatch], None]:
    """quick_export(patch): exports do without what takes seconds each time, TensorFlow's start and
    a C compiler; tests/export asks both for their opinion."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        from wearkit_export.bundle import c_folder, equality

        def no_compiler(*_: object, **__: object) -> None:
            raise MissingToolError("No C compiler: left out by this test.")

        patch.setattr(equality, "tensorflow_installed", lambda: False)
        patch.setattr(c_folder, "run_native", no_compiler)

    return apply


@pytest.fixture(scope="session")
def micro_bundle(
    tmp_path_factory: pytest.TempPathFactory,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> Path:
    """A bundle of an untrained mtl-net-micro. Tests must not write into it."""
    for module in ("onnx", "ai_edge_litert"):
        needs_module(module, "pip install 'wearkit[export]'")
    from wearkit_export.bundle.write import write_bundle

    path = tmp_path_factory.mktemp("bundle") / "micro-int8"
    with pytest.MonkeyPatch.context() as patch:
        quick_export(patch)
        write_bundle(untrained_checkpoint("mtl-net-micro"), made_counts(64), path)
    return path


@pytest.fixture(scope="session")
def bundle(micro_bundle: Path) -> Bundle:
    """That one, opened."""
    return open_bundle(micro_bundle)
