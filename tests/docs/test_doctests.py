"""The examples in the docstrings of the front door run, on five made-up people."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wearkit as wk

LIVE = {"open_live", "verify", "simulated_port"}  # test_live_doctests.py has a sensor for these
VERBS = sorted(
    {"open_dataset", "cut", "split", "train", "export", "evaluate", "predict", "load", "compare"}
)
METHODS = [
    (wk.Run, "table"),
    (wk.Run, "figure"),
    (wk.Bundle, "table"),
    (wk.Evaluation, "table"),
    (wk.Evaluation, "figure"),
    (wk.Evaluation, "write"),
    (wk.Predictions, "table"),
]


def write_recordings(folder: Path) -> None:
    """Five people, three postures in turn, on the chest and on an arm."""
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


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> tuple[Path, dict[str, Any]]:
    """A folder with recordings/, runs/a and build/a, and what a notebook would call them."""
    needs_module("torch", "pip install 'wearkit[train]'")
    for module in ("onnx", "ai_edge_litert"):
        needs_module(module, "pip install 'wearkit[export]'")
    folder = tmp_path_factory.mktemp("desk")
    (folder / "recordings").mkdir()
    write_recordings(folder / "recordings")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        quick_export(patch)
        dataset = wk.open_dataset("recordings/")
        windows = wk.cut(dataset, wk.WindowSpec(rate_hz=50))
        split = wk.split(windows, "subject", fold=0)
        run = wk.train(windows, split, "mtl-net-micro", wk.TrainingConfig(epochs=2), out="runs/a")
        bundle = wk.export(run, "build/a")
        evaluation = wk.evaluate(run, bundle)
    names = {
        "wk": wk,
        "dataset": dataset,
        "windows": windows,
        "split": split,
        "run": run,
        "bundle": bundle,
        "evaluation": evaluation,
    }
    return folder, names


def examples_of(thing: Callable[..., Any], name: str, names: dict[str, Any]) -> doctest.DocTest:
    (example,) = doctest.DocTestFinder(recurse=False).find(thing, name, globs=dict(names))
    return example


def run_examples(example: doctest.DocTest) -> None:
    assert example.examples, f"{example.name} has no example"
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_the_verbs_run(
    desk: tuple[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    quick_export: Callable[[pytest.MonkeyPatch], None],
    verb: str,
) -> None:
    folder, names = desk
    monkeypatch.chdir(folder)
    quick_export(monkeypatch)
    run_examples(examples_of(getattr(wk, verb), verb, names))


@pytest.mark.parametrize(
    ("owner", "method"), METHODS, ids=[f"{o.__name__}-{m}" for o, m in METHODS]
)
def test_the_examples_of_the_types_run(
    desk: tuple[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    owner: type[Any],
    method: str,
) -> None:
    folder, names = desk
    monkeypatch.chdir(folder)
    run_examples(examples_of(getattr(owner, method), method, names))


def test_every_verb_of_the_door_has_an_example_that_runs() -> None:
    verbs = {name for name in wk.__all__ if name.islower() and not name.startswith("_")}
    assert verbs == {*VERBS, *LIVE}


def test_rows_are_plain(desk: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """As pandas.DataFrame takes them: flat, and with the same columns in each row."""
    folder, names = desk
    monkeypatch.chdir(folder)
    predictions = wk.predict(names["bundle"], names["windows"].counts[:3])
    for thing in (names["run"], names["bundle"], names["evaluation"], predictions):
        rows = thing.table()
        assert rows and all(row.keys() == rows[0].keys() for row in rows)
        types = {type(value) for row in rows for value in row.values()}
        assert types <= {str, int, float, bool}


def test_integers_are_counts_and_floats_are_g(desk: tuple[Path, dict[str, Any]]) -> None:
    _, names = desk
    counts = names["windows"].counts[:4]
    as_counts = wk.predict(names["bundle"], counts)
    as_g = wk.predict(names["bundle"], counts / 256.0)
    assert wk.compare(as_counts, as_g).exact
    for task, labels in as_counts.labels.items():
        assert (labels == as_g.labels[task]).all()
    with pytest.raises(wk.DataError, match="median length is 9"):
        wk.predict(names["bundle"], counts / 256.0 * 9.80665)
    with pytest.raises(wk.DataError, match=r"\(N, length, 3\)"):
        wk.predict(names["bundle"], np.zeros((4, 100)))


def test_a_stretch_is_cut_into_the_windows_that_cut_gives(
    desk: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = desk
    monkeypatch.chdir(folder)
    recording = next(iter(names["dataset"]))
    alone = wk.predict(names["bundle"], recording.acc_g)
    windows = names["windows"]
    first_run = windows.counts[windows.run == windows.run[0]]
    assert len(alone) >= len(first_run)
    assert list(alone.start[:2]) == [0, 60]
    assert wk.compare(wk.predict(names["bundle"], first_run[:1]), _first(alone)).exact


def _first(predictions: wk.Predictions) -> dict[str, Any]:
    return {task: logits[:1] for task, logits in predictions.int8_logits().items()}


def test_a_finished_run_and_a_bundle_are_replaced_only_by_force(
    desk: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = desk
    monkeypatch.chdir(folder)
    files = [path for path in Path("runs/a").iterdir() if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    with pytest.raises(wk.StorageError, match="runs/a exists already"):
        wk.train(names["windows"], names["split"], "mtl-net-micro", out="runs/a")
    with pytest.raises(wk.StorageError, match="build/a exists already"):
        wk.export(names["run"], "build/a")
    assert before == {
        path: path.read_bytes() for path in Path("runs/a").iterdir() if path.is_file()
    }
