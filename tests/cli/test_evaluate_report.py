"""The page and the forest of `wearkit evaluate`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wearkit.cli import run


def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["evaluate", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_the_path_is_said_and_the_numbers_are_the_printed_ones(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    shutil.copytree(trained_run, path, ignore=shutil.ignore_patterns("evaluation"))
    found = _json(capfd, "--checkpoint", str(path))
    assert found.pop("report") == str(path / "evaluation" / "evaluation.html")
    assert json.loads((path / "evaluation" / "evaluation.json").read_text()) == found
    assert found["warnings"] == []
    elsewhere = tmp_path / "there"
    assert run(["evaluate", "--checkpoint", str(path), "--report", str(elsewhere)]) == 0
    assert f"Report: {elsewhere / 'evaluation.html'}" in capfd.readouterr().out
    assert (elsewhere / "evaluation.html").is_file()


def test_what_training_left_out_is_on_the_page(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    shutil.copytree(trained_run, path)
    metrics = json.loads((path / "metrics.json").read_text())
    metrics["data"] = {"rejected_windows": {"mixed labels": 41}, "dropped_rows": {"NaN": 17}}
    (path / "metrics.json").write_text(json.dumps(metrics))
    found = _json(capfd, "--checkpoint", str(path))
    assert (found["rejected"], found["dropped_rows"]) == ({"mixed labels": 41}, {"NaN": 17})


@pytest.fixture
def older_run(
    untrained_run: Callable[[str], Path],
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
) -> Path:
    """A run of a version that wrote no digests, so that its files may be changed."""
    needs_module("torch", "pip install 'wearkit[train]'")
    path = tmp_path / "run"
    shutil.copytree(untrained_run("mtl-net-micro"), path)
    metrics = json.loads((path / "metrics.json").read_text())
    del metrics["files"]
    (path / "metrics.json").write_text(json.dumps(metrics))
    return path


def test_a_run_whose_people_are_in_two_parts_is_refused_unless_it_says_so_itself(
    older_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = older_run
    metrics = json.loads((path / "metrics.json").read_text())
    metrics["split"]["train"] = metrics["split"]["test"]
    (path / "metrics.json").write_text(json.dumps(metrics))
    evaluate = ["evaluate", "--checkpoint", str(path), "--report", str(tmp_path / "report")]
    assert run(evaluate) == 5
    assert "tests 3 people that its network was trained or chosen on" in capfd.readouterr().err
    for name in ("metrics.json", "checkpoint.json"):
        text = (path / name).read_text()
        (path / name).write_text(text.replace('"kind": "subject"', '"kind": "paper"'))
    assert run(evaluate) == 0
    said = capfd.readouterr().out
    assert "LEAKY SPLIT: 0.0%" in said and "3 of 3 test people" in said
    assert said.index("LEAKY SPLIT") < said.index("SIMULATED DATA")


def test_a_run_without_digests_does_not_prove_whom_it_never_saw(
    older_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "--checkpoint", str(older_run)]) == 0
    assert "UNKNOWN ORIGIN: the run is older" in capfd.readouterr().out


def test_the_forest_stands_beside_the_network_on_the_same_windows(
    trained_run: Path,
    recordings: Path,
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    needs_module("sklearn", "pip install 'wearkit[forest]'")
    where = ("--checkpoint", str(trained_run), "--report", str(tmp_path / "report"))
    found = _json(capfd, *where, "--data", str(recordings), "--forest")
    models = {name: model["tasks"]["posture"] for name, model in found["models"].items()}
    assert set(models) == {"fp32", "forest"}
    assert models["fp32"]["per_subject"].keys() == models["forest"]["per_subject"].keys()
    assert models["fp32"] == _json(capfd, *where)["models"]["fp32"]["tasks"]["posture"]
    assert models["forest"]["accuracy"] > 0.9
    assert found["warnings"] == []


def test_a_forest_of_other_data_is_refused(
    trained_run: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(recordings, tmp_path / "data")
    (tmp_path / "data" / "ann.csv").unlink()
    arguments = ["evaluate", "--checkpoint", str(trained_run), "--forest"]
    assert run([*arguments, "--data", str(tmp_path / "data")]) == 5
    assert "fingerprint differs" in capfd.readouterr().err
    assert run(arguments) == 2
    assert "--forest needs a run and its training data" in capfd.readouterr().err
