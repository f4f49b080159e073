"""`import wearkit`: every name is there, typed, and imported when it is first asked for."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import wearkit as wk
from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, ModelFileError, StorageError, VerificationError
from wearkit.integer import reference
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

HEAVY = {"numpy", "torch", "onnx", "tensorflow", "matplotlib", "serial", "rich", "safetensors"}


def test_the_door_opens_without_numpy_or_torch() -> None:
    script = "import wearkit, json, sys; dir(wearkit); print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "wearkit" in loaded and not loaded & HEAVY


def test_no_package_hides_a_verb() -> None:
    packages = {path.parent.name for path in Path(wk.__file__).parent.glob("*/__init__.py")}
    assert len(packages) > 10 and not packages & set(wk.__all__)


def test_every_name_is_there_and_listed() -> None:
    for name in wk.__all__:
        assert getattr(wk, name) is not None
        assert name in dir(wk)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_verb'"):
        _ = wk.no_such_verb


def test_what_a_type_checker_sees_is_what_is_imported() -> None:
    tree = ast.parse(Path(wk.__file__).read_text("utf-8"))
    typed = {
        alias.asname: f"{node.module}.{alias.name}"
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: f"wearkit.{module}.{name}" for name, module in wk._HOMES.items()}
    assert typed == homes and len(homes) > 30


def test_predictions_of_a_bundle_are_the_reference_s(
    bundle: Bundle, made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    counts = made_counts(5)
    answer = wk.predict(bundle, counts)
    expected = reference.run(bundle.graph, (((counts.astype(np.int32)) + 2) >> 2).astype(np.int8))
    for task in bundle.model.tasks:
        logits = answer.logits[task.name]
        assert logits.dtype == np.int8 and np.array_equal(logits, expected[task.name])
        assert answer.probabilities[task.name].sum(axis=1) == pytest.approx(np.ones(5))
        best = [task.labels[code] for code in logits.argmax(axis=1)]
        assert answer.labels[task.name].tolist() == best
    assert wk.compare(answer, expected).exact
    row = answer.table()[1]
    assert row["start"] == 1 and all(isinstance(value, str | float | int) for value in row.values())
    assert row["posture"] == answer.labels["posture"][1]


def test_a_stretch_is_cut_as_live_cuts_it(
    bundle: Bundle, made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    stretch = made_counts(4).reshape(-1, 3)
    answer = wk.predict(bundle, stretch)
    assert answer.start.tolist() == [0, 60, 120, 180, 240, 300]
    third = wk.predict(bundle, stretch[None, 120:220])
    assert np.array_equal(answer.logits["posture"][2], third.logits["posture"][0])
    assert wk.compare(wk.predict(bundle, stretch / 256.0), answer).exact  # floats are g


@pytest.mark.parametrize(
    ("scale", "kind", "reason"),
    [
        (9.80665 / 256, np.float64, "floats are g"),
        (1.0, np.float32, "floats are g"),
        (1000 / 256, np.int16, "integers are counts"),
        (np.nan, np.float64, "not a finite number"),
        (1.0, np.bool_, "must be integers"),
    ],
)
def test_samples_in_another_unit_are_refused(
    bundle: Bundle,
    made_counts: Callable[..., NDArray[np.int16]],
    scale: float,
    kind: type[np.generic],
    reason: str,
) -> None:
    with np.errstate(invalid="ignore"):
        samples = (made_counts(2) * scale).astype(kind)
    with pytest.raises(DataError, match=reason):
        wk.predict(bundle, samples)


def test_samples_of_another_shape_are_refused(
    bundle: Bundle, made_counts: Callable[..., NDArray[np.int16]]
) -> None:
    counts = made_counts(2)
    for samples in (counts[0, :50], counts[:, :50], counts[..., :2], counts[:0], counts[0, 0]):
        with pytest.raises(DataError):
            wk.predict(bundle, samples)


def test_load_knows_a_bundle_and_says_what_it_does_not_know(
    micro_bundle: Path, tmp_path: Path
) -> None:
    assert isinstance(wk.load(str(micro_bundle)), wk.Bundle)
    with pytest.raises(ModelFileError):
        wk.load(tmp_path)
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(DataError):
        wk.load(tmp_path / "notes.txt")


def test_a_run_is_replaced_only_by_force(
    toy_windows: WindowSet,
    toy_split: Split,
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
) -> None:
    needs_module("torch", "pip install 'wearkit[train]'")
    config = wk.TrainingConfig(epochs=1)
    out = str(tmp_path / "run")
    first = wk.train(toy_windows, toy_split, "mtl-net-micro", config, out=out)
    weights = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    other = wk.TrainingConfig(epochs=1, seed=5)
    with pytest.raises(StorageError, match="exists already: give --out another name, or add"):
        wk.train(toy_windows, toy_split, "mtl-net-micro", other, out=out)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == weights
    wk.train(toy_windows, toy_split, "mtl-net-micro", other, out=out, force=True)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() != weights
    assert [row["task"] for row in first.table()] == ["posture", "placement"]
    assert isinstance(wk.load(out), wk.Run) and len(first.history) == 1
    with pytest.raises(VerificationError, match="float32"):
        answer = wk.predict(out, toy_windows.counts[:2])
        wk.compare(answer, answer)


def test_what_cannot_be_evaluated_is_said(micro_bundle: Path) -> None:
    with pytest.raises(DataError, match="nothing to evaluate"):
        wk.evaluate()
    with pytest.raises(DataError, match="give data, or the run"):
        wk.evaluate(bundle=str(micro_bundle))
