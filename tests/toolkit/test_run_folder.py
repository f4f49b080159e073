"""A run folder holds what export and evaluate need, and says so when it does not."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from wearkit.api import train as train_verb
from wearkit.api.train import write_run
from wearkit.errors import DataError, ModelFileError
from wearkit.evaluation.scores import evaluate_float
from wearkit.files.npz import read_npz, write_npz
from wearkit.model.checkpoint import Checkpoint, save_checkpoint
from wearkit.spec import ModelSpec
from wearkit.training import run as run_folder
from wearkit.training.claim import claimed
from wearkit.training.config import TrainingConfig
from wearkit.training.loop import TrainingResult, train
from wearkit.training.run import (
    CALIBRATION_WINDOWS,
    calibration_choice,
    new_run,
    newest_run,
    open_run,
    room_for,
    save_run,
)
from wearkit.windows.split import Split, by_windows
from wearkit.windows.window_set import WindowSet

Trained = tuple[Path, TrainingResult]


@pytest.fixture(scope="module")
def trained(
    toy_windows: WindowSet,
    toy_split: Split,
    toy_model: ModelSpec,
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:
    result = train(toy_windows, toy_split, toy_model, TrainingConfig(epochs=3), device="cpu")
    path = tmp_path_factory.mktemp("runs") / "one"
    write_run(path, toy_windows, toy_split, result)
    return path, result


@pytest.fixture
def copy(trained: Trained, tmp_path: Path) -> Path:
    """A run that a test may damage."""
    for source in trained[0].iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    return tmp_path


def test_the_folder_holds_what_is_promised(trained: Trained) -> None:
    assert {path.name for path in trained[0].iterdir()} == {
        "calibration.npz",
        "checkpoint.json",
        "checkpoint.safetensors",
        "confusion-placement.png",
        "confusion-posture.png",
        "curves.png",
        "metrics.json",
        "test.npz",
    }
    for path in trained[0].glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_run_in_the_folder_of_another_leaves_nothing_stale(
    trained: Trained, copy: Path, toy_windows: WindowSet, toy_split: Split, toy_model: ModelSpec
) -> None:
    ours = {path.name for path in copy.iterdir()} - {"confusion-placement.png"}
    left = [".metrics.json.abcd1234.part", ".curves.png.abcd1234.part"]
    for name in (*left, "confusion.txt", ".notes.part"):
        (copy / name).write_text("mine")
    posture = toy_windows.only("posture")
    with claimed(copy):
        room_for(copy, posture, toy_split, toy_model)
    spec = ModelSpec(toy_model.arch, toy_model.window, posture.tasks)
    write_run(copy, posture, toy_split, train(posture, toy_split, spec, TrainingConfig(epochs=1)))
    assert {path.name for path in copy.iterdir()} == ours | {"confusion.txt", ".notes.part"}


def test_the_checkpoint_is_written_once_and_before_anything_that_may_fail(
    trained: Trained,
    toy_windows: WindowSet,
    toy_split: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = trained[1]
    saved: list[Path] = []

    def save(checkpoint: Checkpoint, folder: Path) -> None:
        saved.append(folder)
        save_checkpoint(checkpoint, folder)

    for module in (run_folder, train_verb):
        monkeypatch.setattr(module, "save_checkpoint", save)
    scores = write_run(tmp_path / "one", toy_windows, toy_split, result)
    save_run(tmp_path / "two", toy_windows, toy_split, result, scores)
    assert saved == [tmp_path / "one", tmp_path / "two"]

    def fail(*_: object) -> None:
        raise ModelFileError("no scores")

    monkeypatch.setattr(train_verb, "evaluate_float", fail)
    with pytest.raises(ModelFileError, match="no scores"):
        write_run(tmp_path / "three", toy_windows, toy_split, result)
    names = {path.name for path in (tmp_path / "three").iterdir()}
    assert names == {"checkpoint.json", "checkpoint.safetensors"}


def test_what_was_written_comes_back(
    trained: Trained, toy_windows: WindowSet, toy_split: Split
) -> None:
    run = open_run(trained[0])
    kept, expected = run.checkpoint, trained[1].checkpoint
    assert kept.model == expected.model
    assert all(np.array_equal(kept.weights[k], expected.weights[k]) for k in expected.weights)
    test = toy_windows.take(toy_split.test)
    assert run.test.fingerprint == test.fingerprint
    assert run.test.simulated
    np.testing.assert_array_equal(run.test.run, test.run)
    assert run.split_subjects("test") == toy_split.test_subjects
    scores = evaluate_float(run.checkpoint, run.test)
    assert run.metrics.to_json()["tasks"] == {
        name: score.to_json() for name, score in scores.items()
    }


def test_metrics_say_what_was_measured(trained: Trained, toy_split: Split) -> None:
    metrics = json.loads((trained[0] / "metrics.json").read_text())
    posture = metrics["tasks"]["posture"]
    assert posture["windows"] == len(toy_split.test)
    assert set(posture["per_subject"]) == set(toy_split.test_subjects)
    assert set(posture["per_class"]) == {"supine", "left", "prone"}
    assert np.sum(posture["confusion"]["counts"]) == len(toy_split.test)
    assert metrics["split"]["leak_share"] == 0
    assert not set(metrics["split"]["train"]["subjects"]) & set(toy_split.test_subjects)
    assert metrics["simulated"] is True
    assert metrics["kept"]["network"] in ("student", "teacher")
    assert len(metrics["history"]) == 3
    assert metrics["overfitting_epoch"] is None


def test_a_run_interrupted_at_once_is_still_a_run(
    toy_windows: WindowSet, toy_split: Split, toy_model: ModelSpec, tmp_path: Path
) -> None:
    result = train(
        toy_windows, toy_split, toy_model, TrainingConfig(), device="cpu", should_stop=lambda: True
    )
    write_run(tmp_path, toy_windows, toy_split, result)
    assert open_run(tmp_path).checkpoint.provenance.interrupted
    assert not (tmp_path / "curves.png").exists()


def test_calibration_is_even_over_people_and_never_a_test_window(
    toy_windows: WindowSet, toy_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CALIBRATION_WINDOWS == 512
    monkeypatch.setattr("wearkit.training.run.CALIBRATION_WINDOWS", 14)
    chosen = calibration_choice(toy_windows, toy_split)
    assert len(set(chosen.tolist())) == 14
    assert set(chosen.tolist()) <= set(toy_split.train.tolist())
    _, counts = np.unique(toy_windows.subject[chosen], return_counts=True)
    assert counts.tolist() == [7, 7]
    np.testing.assert_array_equal(chosen, calibration_choice(toy_windows, toy_split))


def test_a_person_with_few_windows_gives_all_of_them(
    toy_windows: WindowSet, toy_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    monkeypatch.setattr("wearkit.training.run.CALIBRATION_WINDOWS", 20)
    first = toy_windows.subject[toy_split.train[0]]
    mine = toy_split.train[toy_windows.subject[toy_split.train] == first]
    others = toy_split.train[toy_windows.subject[toy_split.train] != first]
    few = dataclasses.replace(toy_split, train=np.concatenate([mine[:3], others]))
    chosen = calibration_choice(toy_windows, few)
    assert len(chosen) == 20
    assert set(mine[:3].tolist()) <= set(chosen.tolist())


def test_the_newest_run_is_the_one_written_last(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="train one first with `wearkit train`"):
        newest_run(tmp_path / "runs")
    for name, age in (("z-first", 1), ("a-last", 2)):
        path = tmp_path / "runs" / name / "checkpoint.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (age, age))
    assert newest_run(tmp_path / "runs").name == "a-last"


def test_two_runs_of_one_second_do_not_share_a_folder(tmp_path: Path) -> None:
    names = set()
    for _ in range(5):
        path = new_run("mtl-net", tmp_path)
        path.mkdir()
        names.add(path.name)
    assert len(names) == 5
    assert all(name.partition("-")[2].startswith("mtl-net") for name in names)


@pytest.mark.parametrize("name", ["calibration.npz", "test.npz", "metrics.json"])
def test_damaged_files_are_named(copy: Path, name: str) -> None:
    path = copy / name
    data = path.read_bytes()
    for broken in (data[: len(data) // 2], b"", b"\x80\x04pickle"):
        path.write_bytes(broken)
        with pytest.raises(ModelFileError, match=name):
            open_run(copy)
    path.unlink()
    with pytest.raises(ModelFileError, match=f"Cannot read .*{name}"):
        open_run(copy)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no run folder"):
        open_run(tmp_path / "none")


def _rewrite(path: Path, **changes: np.ndarray) -> None:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    write_npz(path, arrays | changes)


def _without_digests(run: Path) -> None:
    """As wearkit before 0.3 wrote it."""
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["files"]
    (run / "metrics.json").write_text(json.dumps(metrics))


def test_windows_that_do_not_fit_the_model_are_refused(copy: Path) -> None:
    _without_digests(copy)
    path = copy / "test.npz"
    good = path.read_bytes()
    count = len(open_run(copy).test)
    for changes in (
        {"counts": np.zeros((count, 99, 3), np.int16)},
        {"counts": np.zeros((count, 100, 3), np.int32)},
        {"target_posture": np.full(count, 3, np.int16)},
        {"target_posture": np.full(count, -1, np.int16)},
        {"target_posture": np.zeros(count - 1, np.int16)},
        {"subject": np.full(count, 99, np.int32)},
        {"another": np.zeros(1, np.int16)},
    ):
        _rewrite(path, **changes)
        with pytest.raises(ModelFileError, match=r"test\.npz"):
            open_run(copy)
        path.write_bytes(good)
    _rewrite(copy / "calibration.npz", counts=np.zeros((0, 100, 3), np.int16))
    with pytest.raises(ModelFileError, match=r"calibration\.npz does not hold windows"):
        open_run(copy)


def test_npz_never_unpickles(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, counts=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelFileError, match="does not fit"):
        read_npz(path, {"counts": "int16"})


def test_npz_refuses_an_array_that_is_larger_than_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<i2", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("counts.npy", head.getvalue() + b"\0" * 1000)
    with pytest.raises(ModelFileError, match="does not fit"):
        read_npz(path, {"counts": "int16"})


def test_npz_is_deterministic(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5, dtype=np.int16), "names": np.array(["x", "yy"])}
    write_npz(tmp_path / "1.npz", arrays)
    write_npz(tmp_path / "2.npz", arrays)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    back = read_npz(tmp_path / "1.npz", {"a": "int16", "names": "text"})
    assert back["a"].tolist() == [0, 1, 2, 3, 4]
    assert back["names"].tolist() == ["x", "yy"]


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<i2', 'fortran_order': False, 'shape': (5,), }  # more \n",
        b"{'descr': '<i2', 'fortran_order': False, 'shape': (((((\n",
        b"{'descr': '<i2', 'fortran_order': False, 'shape': (5L,), }\n",
        b"{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (5,), }\n",
        b"{'descr': '<i2', 'fortran_order': True, 'shape': (5,), }\n",
    ],
)
def test_npz_takes_no_header_but_the_plain_one(tmp_path: Path, header: bytes) -> None:
    """numpy evaluates it as Python, and fails on the second with a TokenError."""
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 10
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("counts.npy", array)
    with pytest.raises(ModelFileError, match="does not fit plain numbers"):
        read_npz(tmp_path / "a.npz", {"counts": "int16"})


def test_npz_that_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, {"counts": np.arange(5, dtype=np.int16)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="encrypted"):
        read_npz(path, {"counts": "int16"})


def test_somebody_in_two_parts_is_refused_before_training(
    toy_windows: WindowSet, tmp_path: Path
) -> None:
    index = np.arange(len(toy_windows))
    mixed = by_windows(
        toy_windows, "mine", index[::3], index[1::3], index[2::3], fold=0, folds=1, seed=0
    )
    with pytest.raises(DataError, match="The mine split tests 6 people that it trains"):
        train_verb.train(toy_windows, mixed, "mtl-net-micro", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
