"""`wearkit evaluate` on every kind of split, and on all folds of one at once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.cli import run
from wearkit.evaluation.intervals import over_people
from wearkit.evaluation.metrics import SubjectScore
from wearkit.recordings.formats.uci_har import OFFICIAL_TEST_SUBJECTS

pytestmark = pytest.mark.usefixtures("trained_run")  # skips without torch
FOLDS = 3


def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def _train(data: Path, out: Path, *options: str) -> None:
    fixed = ["--arch", "mtl-net-micro", "--device", "cpu", "--epochs", "1", "--batch", "32"]
    assert run(["train", "--data", str(data), *fixed, *options, "--out", str(out)]) == 0


@pytest.fixture(scope="module")
def hapt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in HAPT's format: three people its authors test and three they train on."""
    folder = tmp_path_factory.mktemp("hapt")
    official = [n for n in range(1, 31) if f"user{n:02d}" in OFFICIAL_TEST_SUBJECTS][:3]
    others = [n for n in range(1, 31) if f"user{n:02d}" not in OFFICIAL_TEST_SUBJECTS][:3]
    generator = np.random.default_rng(1)
    rows = []
    for number, user in enumerate([*official, *others], start=1):
        acc_g = generator.normal(0, 0.1, (1200, 3))
        acc_g[:600, 2] += 1.0
        acc_g[600:, 0] += 1.0
        np.savetxt(folder / f"acc_exp{number:02d}_user{user:02d}.txt", acc_g, fmt="%.6f")
        rows += [f"{number} {user} 5 1 600", f"{number} {user} 6 601 1200"]
    (folder / "labels.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def all_folds(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tests must not write into it."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("folds") / "run"
    _train(recordings, path, "--folds", str(FOLDS), "--fold", "all", "--epochs", "3")
    torch.set_num_threads(threads)
    return path


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("recordings", ["--split", "loso", "--fold", "2", "--rate", "25", "--split-seed", "4"]),
        ("recordings", ["--split", "subject", "--folds", "3", "--task", "placement"]),
        ("recordings", ["--split", "paper", "--fold", "1", "--task", "posture"]),
        ("recordings", ["--split", "paper", "--fold", "3", "--split-seed", "9"]),
        ("hapt_folder", ["--split", "official"]),
    ],
)
def test_the_forest_learns_on_the_run_s_own_split_whichever_it_is(
    source: str,
    options: list[str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    needs_module: Callable[[str, str], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    needs_module("sklearn", "pip install 'wearkit[forest]'")
    data = request.getfixturevalue(source)
    _train(data, tmp_path / "run", *options)
    capfd.readouterr()
    where = ["evaluate", "--checkpoint", str(tmp_path / "run"), "--data", str(data)]
    found = _json(capfd, *where, "--forest")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(found["models"]) == {"fp32", "forest"}
    for task, own in metrics["tasks"].items():
        forest = found["models"]["forest"]["tasks"][task]
        assert forest["windows"] == own["windows"] == found["windows"]
        assert forest["per_subject"].keys() == own["per_subject"].keys()
        assert found["models"]["fp32"]["tasks"][task] == own
        assert forest["accuracy"] > 0.9
    leaky = metrics["split"]["kind"] == "paper"
    assert any(text.startswith("LEAKY SPLIT") for text in found["warnings"]) == leaky


def _tie_again(path: Path, metrics: dict[str, Any], change: dict[str, Any]) -> None:
    """As whoever changes a checkpoint could: metrics.json says the same, and its digest."""
    metrics = json.loads(json.dumps(metrics))
    metrics["split"] |= change
    data = (path / "checkpoint.json").read_bytes()
    metrics["files"]["checkpoint.json"] = hashlib.sha256(data).hexdigest()
    (path / "metrics.json").write_text(json.dumps(metrics))


def test_other_windows_than_the_run_s_are_never_called_its_split(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    _train(recordings, path)
    checkpoint = json.loads((path / "checkpoint.json").read_text())
    metrics = json.loads((path / "metrics.json").read_text())
    where = ["evaluate", "--checkpoint", str(path), "--data", str(recordings), "--forest"]
    for change, sentence in (
        ({"fold": 1}, "its test windows differ"),
        ({"kind": "paper"}, "their fingerprint differs"),
        ({"kind": "official"}, "Only hapt, uci-har have an official split, not csv"),
        ({"kind": "magic"}, "Unknown split 'magic'"),
        ({"seed": "x"}, "does not say how it was split"),
    ):
        changed = json.loads(json.dumps(checkpoint))
        changed["provenance"]["split"] |= change
        (path / "checkpoint.json").write_text(json.dumps(changed))
        # A seed that is none is refused in metrics.json before it comes to the windows.
        _tie_again(path, metrics, {} if "seed" in change else change)
        capfd.readouterr()
        assert run(where) == 5
        err = capfd.readouterr().err
        assert sentence in err and "Traceback" not in err, err


def test_every_fold_in_one_report(
    all_folds: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    where = ["evaluate", "--checkpoint", str(all_folds), "--report", str(tmp_path)]
    found = _json(capfd, *where, "--data", str(recordings), "--forest")
    folds = [json.loads((all_folds / f"fold-{k}" / "metrics.json").read_text()) for k in range(3)]
    assert found["split"]["fold"] is None and found["split"]["folds"] == FOLDS
    assert found["warnings"] == [] and found["people"] == 5
    for task in ("posture", "placement"):
        whole = found["models"]["fp32"]["tasks"][task]
        own = [fold["tasks"][task] for fold in folds]
        # Everybody is tested once, by the fold that did not train on them: the union is exact.
        people = {name: score for one in own for name, score in one["per_subject"].items()}
        assert whole["per_subject"] == people and len(people) == 5
        counts = np.sum([one["confusion"]["counts"] for one in own], axis=0)
        assert whole["confusion"]["counts"] == counts.tolist()
        accuracies = [SubjectScore(**score).accuracy for score in people.values()]
        interval = found["details"]["fp32"][task]["over_people_95"]["accuracy"]
        assert interval == pytest.approx(over_people(sorted(accuracies)).to_json())
        forest = found["models"]["forest"]["tasks"][task]
        assert forest["windows"] == whole["windows"] and forest["accuracy"] > 0.9
        for fold, one in zip(found["folds"], own, strict=True):
            assert fold["models"]["fp32"][task]["macro_f1"] == one["macro_f1"]
            assert set(fold["people"]) == set(one["per_subject"])
    assert json.loads((tmp_path / "evaluation.json").read_text())["folds"] == found["folds"]
    page = (tmp_path / "evaluation.html").read_text()
    assert page.count("<h3>By fold</h3>") == 2 and "subject, all 3 folds, seed 0" in page
    alone = _json(capfd, "evaluate", "--checkpoint", str(all_folds / "fold-1"), "--report",
                  str(tmp_path / "one"), "--data", str(recordings), "--forest")  # fmt: skip
    ours = found["folds"][1]["models"]["forest"]["posture"]["macro_f1"]
    assert ours == alone["models"]["forest"]["tasks"]["posture"]["macro_f1"]


def test_folds_that_do_not_belong_together_are_refused(
    all_folds: Path, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    shutil.copytree(all_folds, path)
    where = ["evaluate", "--checkpoint", str(path)]

    def said(code: int, *more: str) -> str:
        capfd.readouterr()
        assert run([*where, *more]) == code
        return capfd.readouterr().err

    assert "name a fold" in said(2, "--data", str(recordings))
    assert "name one of them" in _export_said(path, capfd)
    shutil.rmtree(path / "fold-2")
    assert "Fold 2 of 3 is not in" in said(6)
    shutil.copytree(all_folds / "fold-1", path / "fold-2")
    assert "is not fold 2 of what" in said(6)
    shutil.rmtree(path / "fold-2")
    options = ["--folds", "3", "--fold", "2", "--seed", "7", "--epochs", "1"]
    _train(recordings, path / "fold-2", *options)
    assert "is not fold 2 of what" in said(6)


def _export_said(path: Path, capfd: pytest.CaptureFixture[str]) -> str:
    assert run(["export", "--int8", "--checkpoint", str(path)]) == 6
    return capfd.readouterr().err
