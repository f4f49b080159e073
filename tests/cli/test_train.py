"""`wearkit train` as typed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wearkit.cli import run
from wearkit.training.run import open_run

pytestmark = pytest.mark.usefixtures("trained_run")  # skips without torch


def _train(recordings: Path, *options: str) -> list[str]:
    fixed = ["--data", str(recordings), "--arch", "mtl-net-micro", "--device", "cpu"]
    return ["train", *fixed, *options]


def test_a_run_is_what_the_contract_says(trained_run: Path) -> None:
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert set(metrics["tasks"]) == {"posture", "placement"}
    for task in metrics["tasks"].values():
        assert {"accuracy", "macro_f1", "per_class", "per_subject"} <= set(task)
        assert task["accuracy"] > 0.9
    assert metrics["split"]["leak_share"] == 0
    made = open_run(trained_run)
    assert made.checkpoint.model.arch == "mtl-net-micro"
    assert made.checkpoint.provenance["training"]["method"] == "smooth-distill"
    assert made.calibration.shape[1:] == (100, 3)


def test_a_bare_out_goes_to_runs_in_the_current_folder(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(_train(recordings, "--epochs", "1", "--method", "multitask", "--json")) == 0
    (path,) = (tmp_path / "runs").iterdir()
    assert path.name.endswith("Z-mtl-net-micro")
    out, err = capfd.readouterr()
    summary = json.loads(out)
    assert (tmp_path / summary["run"]).samefile(path)
    assert summary["kept"] == {"network": "student", "epoch": 1}
    assert summary["interrupted"] is False
    assert f"Next: wearkit export --int8 --checkpoint {Path('runs') / path.name}" in err
    assert "epoch   1" in err and "leak 0" in err


def test_one_seed_one_result(recordings: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(_train(recordings, "--epochs", "1", "--out", str(tmp_path / name))) == 0
    for name in ("checkpoint.safetensors", "checkpoint.json", "calibration.npz", "test.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_usable_checkpoint(
    recordings: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", "from wearkit.cli import main; main()"]
    process = subprocess.Popen(
        [*command, *_train(recordings, "--epochs", "100000", "--out", str(tmp_path / "run"))],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith("epoch   2"):
                process.send_signal(number)
                break
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
        process.stderr.close()
        process.wait()
    assert "Interrupted: the best network so far (epoch " in rest
    assert f"Saved in {tmp_path / 'run'}" in rest
    assert "Traceback" not in rest
    made = open_run(tmp_path / "run")
    assert made.metrics["training"]["interrupted"] is True
    assert made.checkpoint.provenance["kept"]["epoch"] >= 1


def _killed(arguments: list[str], sign: str, wait_s: float) -> None:
    """Start the command and kill it so long after a line of its stderr began with `sign`."""
    command = [sys.executable, "-c", "from wearkit.cli import main; main()", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            assert any(line.startswith(sign) for line in process.stderr)
            time.sleep(wait_s)
        finally:
            process.kill()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in the processes that are killed: bits are equal for one number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.usefixtures("one_thread")
def test_killed_twice_and_resumed_it_is_the_run_that_was_never_killed(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    generator = random.Random(0)
    options = _train(recordings, "--batch", "16", "--seed", "5")
    whole, part = tmp_path / "whole", tmp_path / "part"
    many = ["--epochs", "40"]
    _killed([*options, *many, "--out", str(part)], "epoch   1", generator.uniform(0, 0.3))
    _killed(["train", "--resume", str(part)], "epoch  ", generator.uniform(0, 0.3))
    assert (part / "state.json").exists(), "the premise: it was killed before its end"
    # Data that moved is named again; anything else that is typed must be as it was.
    moved = tmp_path / "moved"
    shutil.copytree(recordings, moved)
    code, err = _error(["train", "--resume", str(part), "--epochs", "61"], capfd)
    assert (code, "epochs was 40, not 61" in err) == (5, True)
    assert run(["train", "--resume", str(part), "--data", str(moved)]) == 0
    assert run([*options, *many, "--out", str(whole)]) == 0
    for name in ("checkpoint.safetensors", "checkpoint.json", "calibration.npz", "test.npz"):
        assert (whole / name).read_bytes() == (part / name).read_bytes(), name
    assert {path.name for path in whole.iterdir()} == {path.name for path in part.iterdir()}
    code, err = _error(["train", "--resume", str(part)], capfd)
    assert (code, "There is nothing to resume" in err) == (6, True)
    code, err = _error(["train", "--resume", str(part), "--out", str(whole)], capfd)
    assert (code, "leave --out away" in err) == (2, True)


def _error(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(arguments)
    return code, capfd.readouterr().err


def test_bad_input_gets_one_sentence(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("ann.csv", "ben.csv"):
        (few / name).write_bytes((recordings / name).read_bytes())
    for data, options, code, sentence in (
        (tmp_path / "none", [], 5, "none"),
        (few, [], 5, "5 or more"),
        (recordings, ["--fold", "5"], 5, "Fold 5 does not exist: folds are numbered 0 to 4."),
        (recordings, ["--units", "mg"], 5, "units"),
        (recordings, ["--device", "abacus"], 7, "choose --device auto or cpu"),
    ):
        found, err = _error(_train(data, *options, "--out", str(tmp_path / "x")), capfd)
        lines = [line for line in err.splitlines() if line.startswith("wearkit: ")]
        assert found == code, err
        assert len(lines) == 1 and sentence in lines[0], err
        assert "Traceback" not in err
    assert not (tmp_path / "x").exists()


def test_unknown_choices_are_usage_errors(
    recordings: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for options in (["--method", "magic"], ["--epochs", "0"], ["--lr", "0"], ["--split", "x"]):
        code, err = _error(_train(recordings, *options), capfd)
        assert code == 2
        assert options[0] in err


def test_without_torch_it_says_what_to_install(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    find: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "torch" else find(name, *rest),
    )
    code, err = _error(_train(recordings), capfd)
    assert code == 7
    assert err.startswith(
        "wearkit: Training needs torch: pip install 'wearkit[train]' (from PyTorch's"
    )
    assert "CPU package index" in err and err.count("\n") == 1


def test_a_disk_that_refuses_is_noticed_before_training(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("not a folder")
    code, err = _error(_train(recordings, "--out", str(tmp_path / "file" / "run")), capfd)
    assert (code, err.count("Cannot write"), err.count("epoch")) == (8, 1, 0)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    code, err = _error(_train(recordings, "--out", str(tmp_path / "run")), capfd)
    assert code == 8
    assert "and 1 MiB are free; name another folder with --out." in err
    assert "epoch" not in err


def test_one_task_alone(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = _train(recordings, "--epochs", "1", "--method", "singletask", "--batch", "16")
    code, err = _error([*options, "--out", str(tmp_path / "x")], capfd)
    assert (code, "trains one task a run" in err) == (5, True)
    alone = ["--task", "placement", "--class-weights", "balanced", "--out", str(tmp_path / "y")]
    assert run([*options, *alone]) == 0
    made = open_run(tmp_path / "y")
    assert [task.name for task in made.checkpoint.model.tasks] == ["placement"]
    assert set(made.metrics["tasks"]) == {"placement"}
    assert made.metrics["training"]["class_weights"] == "balanced"


def test_every_fold_and_a_summary(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = _train(recordings, "--epochs", "1", "--folds", "3", "--fold", "all", "--json")
    assert run([*options, "--out", str(tmp_path / "run")]) == 0
    out, err = capfd.readouterr()
    summary = json.loads(out)
    assert summary["folds"] == ["fold-0", "fold-1", "fold-2"]
    written = json.loads((tmp_path / "run" / "cross_validation.json").read_text())
    assert written["tasks"] == summary["tasks"]
    made = [open_run(tmp_path / "run" / name) for name in summary["folds"]]
    tested = [person for one in made for person in one.split_subjects("test")]
    assert len(tested) == len(set(tested)) == 5
    accuracies = [one.metrics["tasks"]["posture"]["accuracy"] for one in made]
    found = summary["tasks"]["posture"]["accuracy"]
    assert found["over_folds"]["mean"] == pytest.approx(sum(accuracies) / 3)
    assert found["over_subjects"]["n"] == 5
    assert "(5 people, 3 folds)" in err
    code, err = _error(_train(recordings, "--fold", "some"), capfd)
    assert (code, "--fold" in err) == (2, True)
