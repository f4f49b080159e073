"""The examples in the docstrings of the front door run, on five made-up people."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
    write_recordings: Callable[[Path], None],
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
