"""`wearkit evaluate` as typed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import write_recordings

from wearkit.bundle.bundle import Bundle
from wearkit.cli import run
from wearkit.integer.reference import Reference
from wearkit.model.checkpoint import Checkpoint
from wearkit.training.run import open_run


def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["evaluate", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def _error(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["evaluate", *arguments])
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return code, err


def test_a_run_s_own_windows_give_the_figures_of_training(
    trained_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _json(capfd, "--checkpoint", str(trained_run))
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert found["models"] == {"fp32": {"tasks": metrics["tasks"]}}
    assert found["windows"] == metrics["split"]["test"]["windows"]
    assert found["notes"] == []


def test_other_recordings_are_scored_without_the_people_that_the_network_knows(
    trained_run: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _json(capfd, "--checkpoint", str(trained_run), "--data", str(recordings))
    metrics = json.loads((trained_run / "metrics.json").read_text())
    parts = metrics["split"]
    assert found["windows"] == parts["test"]["windows"] and found["people"] == 1
    assert found["models"]["fp32"]["tasks"]["posture"]["accuracy"] > 0.9
    (note,) = found["notes"]
    assert note.startswith("4 people that the network was trained or chosen on")
    # Under another name they are known by what they recorded.
    (trained, *_) = parts["train"]["subjects"]
    text = (recordings / f"{trained}.csv").read_text()
    (tmp_path / "zoe.csv").write_text(text.replace(f",{trained}", ",zoe"))
    code, err = _error(capfd, "--checkpoint", str(trained_run), "--data", str(tmp_path))
    assert code == 5 and "by what they recorded (zoe)" in err


def test_files_of_two_runs_are_not_scored_together(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    shutil.copytree(trained_run, path)
    metrics = json.loads((path / "metrics.json").read_text())
    where = ("--checkpoint", str(path), "--report", str(tmp_path / "report"))
    for change, why in (
        ({"fold": 1}, "the fold in metrics.json and in checkpoint.json differ"),
        (
            {"test": {"windows": 999, "subjects": ["zoe"]}},
            "the number of test windows in metrics.json and in test.npz differ",
        ),
        ({"train": metrics["split"]["test"]}, "was trained or chosen on"),
    ):
        changed = metrics | {"split": metrics["split"] | change}
        (path / "metrics.json").write_text(json.dumps(changed))
        code, err = _error(capfd, *where)
        assert code in (5, 6) and why in err


@pytest.mark.parametrize("name", ["evaluation.html", "evaluation.json"])
def test_somebody_else_s_files_are_replaced_by_force_alone(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    where = ("--checkpoint", str(trained_run), "--report", str(tmp_path))
    (tmp_path / name).write_text("my own notes")
    code, err = _error(capfd, *where)
    assert code == 8 and name in err and "--force" in err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "my own notes"
    assert run(["evaluate", *where, "--force"]) == 0
    assert run(["evaluate", *where]) == 0  # over an evaluation of its own


def test_labels_are_matched_by_name(
    trained_run: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Renamed and reordered labels: what the model knows is scored, the rest is counted."""
    write_recordings(tmp_path, ("zoe",), seed=1)
    text = (tmp_path / "zoe.csv").read_text()
    (tmp_path / "zoe.csv").write_text(text.replace("supine", "a_nap"))
    found = _json(capfd, "--checkpoint", str(trained_run), "--data", str(tmp_path))
    posture = found["models"]["fp32"]["tasks"]["posture"]
    assert posture["accuracy"] > 0.9
    assert posture["per_class"]["supine"]["support"] == 0
    assert sum(found["rejected"].values()) > 0
    assert found["notes"] == []


def test_tables_are_readable(trained_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--checkpoint", str(trained_run)]) == 0
    out = capfd.readouterr().out
    assert "macro F1" in out and "(one person)" in out and "posture, by person" in out


def test_the_newest_run_is_the_default(
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = _error(capfd)
    assert (code, err.count("\n")) == (6, 1)
    assert "train one first with `wearkit train`" in err
    shutil.copytree(trained_run, tmp_path / "runs" / "mine")
    assert _json(capfd)["checkpoint"] == "runs/mine"


def test_wrong_combinations_are_said(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, err = _error(capfd, "--bundle", str(tmp_path))
    assert code == 2
    assert "add --data PATH, or --checkpoint RUN" in err
    code, err = _error(capfd, "--checkpoint", str(tmp_path / "none"))
    assert code == 6
    assert "There is no run folder" in err
    code, err = _error(capfd, "--checkpoint", str(trained_run), "--units", "g")
    assert code == 2


def test_a_changed_byte_is_noticed(
    trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    shutil.copytree(trained_run, path)
    weights = path / "checkpoint.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, err = _error(capfd, "--checkpoint", str(path))
    assert code == 6
    assert "SHA-256 differs" in err


def test_a_bundle_is_scored_in_integers_beside_its_run(
    trained_run: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Files and digests of a bundle are tests/export's business: here only its graph matters. It
    # is of other weights than the run's, so that no figure can be both the network's and its own.
    run_ = open_run(trained_run)
    generator = np.random.default_rng(1)
    weights = {name: generator.permuted(each) for name, each in run_.checkpoint.weights.items()}
    other = dataclasses.replace(run_.checkpoint, weights=weights)
    opened = _quantized(trained_run, other)
    monkeypatch.setattr("wearkit.bundle.bundle.open_bundle", opened)
    monkeypatch.setattr("wearkit.api.evaluate._check_same_network", lambda run, bundle: None)
    monkeypatch.chdir(tmp_path)
    found = _json(capfd, "--checkpoint", str(trained_run), "--bundle", "anywhere")
    assert set(found["models"]) == {"fp32", "int8"}
    answers = Reference(opened(Path("b")).graph).run(run_.test.inputs)
    metrics = json.loads((trained_run / "metrics.json").read_text())
    fp32, int8 = (found["models"][name]["tasks"] for name in ("fp32", "int8"))
    assert fp32 == metrics["tasks"]
    for task in run_.test.tasks:
        is_right = answers[task.name].argmax(axis=1) == run_.test.targets[task.name]
        assert int8[task.name]["accuracy"] == is_right.mean()
        assert int8[task.name]["confusion"] != fp32[task.name]["confusion"]
    alone = _json(capfd, "--bundle", "anywhere", "--data", str(recordings))
    assert set(alone["models"]) == {"int8"}
    assert alone["model_id"] == "00" * 32
    assert (tmp_path / "anywhere-evaluation" / "evaluation.html").is_file()
    assert any(text.startswith("UNKNOWN SPLIT") for text in alone["warnings"])


def test_a_bundle_of_the_run_scores_nearly_as_its_network(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wearkit.bundle.bundle.open_bundle", _quantized(trained_run))
    found = _json(capfd, "--checkpoint", str(trained_run), "--bundle", "anywhere")
    fp32, int8 = (found["models"][name]["tasks"] for name in ("fp32", "int8"))
    for task in ("posture", "placement"):
        assert int8[task]["windows"] == fp32[task]["windows"]
        assert int8[task]["accuracy"] == pytest.approx(fp32[task]["accuracy"], abs=0.05)


def test_a_bundle_of_another_model_is_refused(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make = _quantized(trained_run)
    other = dataclasses.replace(make(Path("b")).model, arch="mtl-net")
    monkeypatch.setattr("wearkit.bundle.bundle.open_bundle", make)
    monkeypatch.setattr("wearkit.bundle.bundle.Bundle.model", other)
    code, err = _error(capfd, "--checkpoint", str(trained_run), "--bundle", "b")
    assert code == 6
    assert "not exported from a model like the run's" in err


def _quantized(trained_run: Path, checkpoint: Checkpoint | None = None) -> Callable[[Path], Bundle]:
    """open_bundle() for a bundle of the checkpoint, of the run's own if None."""
    from wearkit_export.quantization.quantize import quantize

    run_ = open_run(trained_run)
    graph = quantize(checkpoint or run_.checkpoint, run_.calibration)
    return lambda path: Bundle(path=path, manifest={}, graph=graph, model_id="00" * 32)
