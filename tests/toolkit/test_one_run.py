"""The files of a run folder are of one training, and only one training writes there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.api import train as train_verb
from wearkit.api.folds import every_fold
from wearkit.api.train import train, write_run
from wearkit.errors import ModelFileError, StorageError
from wearkit.evaluation.scores import evaluate_float
from wearkit.training.claim import claimed, refuse_to_replace_run, replaced_by_a_run
from wearkit.training.config import TrainingConfig
from wearkit.training.loop import TrainingResult
from wearkit.training.loop import train as learn
from wearkit.training.run import FOLDS_SUMMARY, TIED, Run, open_run, save_run
from wearkit.training.state import discard_state
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

ARCH = "mtl-net-micro"
Results = tuple[TrainingResult, TrainingResult]


@pytest.fixture(scope="module")
def two_networks(toy_windows: WindowSet, toy_split: Split, toy_model: Any) -> Results:
    results = [
        learn(toy_windows, toy_split, toy_model, TrainingConfig(epochs=1, seed=seed), device="cpu")
        for seed in (1, 2)
    ]
    return results[0], results[1]


@pytest.fixture
def runs(
    two_networks: Results, toy_windows: WindowSet, toy_split: Split, tmp_path: Path
) -> tuple[Path, Path]:
    """Two runs of one split; only their networks differ."""
    for name, result in zip(("a", "b"), two_networks, strict=True):
        scores = evaluate_float(result.checkpoint, toy_windows.take(toy_split.test))
        save_run(tmp_path / name, toy_windows, toy_split, result, scores)
    return tmp_path / "a", tmp_path / "b"


def edit_metrics(run: Path, edit: Callable[[Any], object]) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    edit(metrics)
    (run / "metrics.json").write_text(json.dumps(metrics))


def test_a_run_says_of_which_files_its_figures_are(runs: tuple[Path, Path]) -> None:
    run = open_run(runs[0])
    assert run.is_tied and set(run.metrics.files) == set(TIED)


@pytest.mark.parametrize(
    "names", [("checkpoint.safetensors", "checkpoint.json"), ("metrics.json",)]
)
def test_files_of_another_run_are_noticed(runs: tuple[Path, Path], names: tuple[str, ...]) -> None:
    for name in names:
        shutil.copy(runs[1] / name, runs[0] / name)
    with pytest.raises(ModelFileError, match="is of another run"):
        open_run(runs[0])


@pytest.mark.parametrize("name", ["test.npz", "calibration.npz"])
def test_windows_of_another_run_are_noticed(runs: tuple[Path, Path], name: str) -> None:
    with np.load(runs[0] / name) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["counts"] = arrays["counts"][::-1].copy()
    np.savez_compressed(runs[0] / name, **arrays)
    with pytest.raises(
        ModelFileError, match=f"{name} is not the file metrics.json was written for"
    ):
        open_run(runs[0])


@pytest.mark.parametrize(
    ("edit", "differs"),
    [
        (lambda m: m["split"]["test"].update(windows=999), "the number of test windows"),
        (lambda m: m["split"]["test"].update(subjects=["zoe"]), "the test people"),
        (lambda m: m["split"].update(fold=1), "the fold"),
        (lambda m: m["model"].update(arch="mtl-net"), "the network"),
    ],
)
def test_a_run_without_digests_is_held_against_itself(
    runs: tuple[Path, Path], edit: Callable[[Any], object], differs: str
) -> None:
    edit_metrics(runs[0], lambda metrics: metrics.pop("files"))
    assert not open_run(runs[0]).is_tied
    edit_metrics(runs[0], edit)
    with pytest.raises(ModelFileError, match=f"files of different runs: {differs}"):
        open_run(runs[0])


def test_killed_between_two_files_it_is_no_run(
    runs: tuple[Path, Path],
    two_networks: Results,
    toy_windows: WindowSet,
    toy_split: Split,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checkpoint is the new one; nothing of the old run is left to be taken for its own."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_verb, "save_windows_and_metrics", killed)
    with pytest.raises(KeyboardInterrupt):
        write_run(runs[0], toy_windows, toy_split, two_networks[1])
    assert {file.name for file in runs[0].iterdir()} == {
        "checkpoint.safetensors",
        "checkpoint.json",
    }
    with pytest.raises(ModelFileError, match=r"Cannot read .*metrics\.json"):
        open_run(runs[0])


def test_two_trainings_do_not_share_a_folder(
    toy_windows: WindowSet, toy_split: Split, tmp_path: Path
) -> None:
    other: list[str] = []

    def start_another() -> bool:
        with pytest.raises(StorageError, match="Another training is at work") as refused:
            train(toy_windows, toy_split, ARCH, TrainingConfig(epochs=1), out=tmp_path, force=True)
        other.append(str(refused.value))
        return True

    train(toy_windows, toy_split, ARCH, out=tmp_path, should_stop=start_another)
    assert other and open_run(tmp_path).interrupted
    with claimed(tmp_path):
        pass  # the first one has let go


def test_an_unfinished_training_is_not_discarded_unasked(
    toy_windows: WindowSet, toy_split: Split, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(StorageError, match=f"train --resume {tmp_path}"):
        train(toy_windows, toy_split, ARCH, out=tmp_path)
    assert (tmp_path / "state.json").read_text() == "{}"
    assert replaced_by_a_run(tmp_path) == ["state.json"]
    refuse_to_replace_run(tmp_path, force=True)


@pytest.mark.parametrize("name", ["test.npz", "curves.png", "confusion-mine.png"])
def test_a_file_of_the_user_is_not_replaced_unasked(
    toy_windows: WindowSet, toy_split: Split, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StorageError, match=f"{name} is there already"):
        train(toy_windows, toy_split, ARCH, out=tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_that_has_not_ended_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ModelFileError, match=f"wearkit train --resume {tmp_path}"):
        open_run(tmp_path)


def test_a_state_that_ends_takes_its_own_files_along_and_no_others(tmp_path: Path) -> None:
    own = ["state.json", "state.0123456789abcdef.safetensors", ".state.json.x1.part"]
    mine = ["state.best.safetensors", "state.safetensors", "state.txt"]
    for name in own + mine:
        (tmp_path / name).write_text("")
    discard_state(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(mine)


def test_two_trainings_of_every_fold_do_not_share_a_folder(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "all"
    path.mkdir()
    (path / FOLDS_SUMMARY).write_text("of the folds before")

    def train_fold(fold: int, folder: Path) -> Run:
        assert not (path / FOLDS_SUMMARY).exists(), "it would outlive a kill"
        with pytest.raises(StorageError, match="Another training is at work"):
            every_fold(path, train_fold)
        run = open_run(runs[fold])
        split = replace(run.metrics.split, folds=2)
        return replace(run, metrics=replace(run.metrics, split=split))

    summary = every_fold(path, train_fold)
    assert summary is not None and (path / FOLDS_SUMMARY).exists()


@pytest.mark.parametrize("files", [[], "x", {"test.npz": 1}, {"test.npz": None}])
def test_digests_that_are_none_are_refused(runs: tuple[Path, Path], files: object) -> None:
    """An empty list is no way to say that a run is an older one."""
    edit_metrics(runs[0], lambda metrics: metrics.update(files=files))
    with pytest.raises(ModelFileError, match=r"metrics\.json is damaged"):
        open_run(runs[0])
