"""`--twin` and `--label-map` as typed, in train, evaluate and simulate."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cli.conftest import write_recordings

from wearkit.cli import run
from wearkit.evaluation.forest import TrainingData
from wearkit.recordings.formats import open_dataset
from wearkit.training.run import open_run

pytestmark = pytest.mark.usefixtures("trained_run")  # skips without torch

MAP = """task = "posture"
[recordings0]
supine = "on_back"
left = "on_side"
prone = "on_belly"
[elsewhere]
back = "on_back"
side = "on_side"
"""


@pytest.fixture(scope="module")
def elsewhere(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two data sets, recordings0 and elsewhere, and the map.toml that joins them.
    The second has other label names, one of them for something the first does not know."""
    folder = tmp_path_factory.mktemp("sets")
    shutil.copytree(recordings, folder / "recordings0")
    write_recordings(folder / "elsewhere", seed=1)
    for path in (folder / "elsewhere").glob("*.csv"):
        text = path.read_text().replace("supine", "back").replace("left", "side")
        text = text.replace("prone", "headstand")
        path.write_text(text)
    (folder / "map.toml").write_text(MAP)
    return folder


def _train(*options: str) -> list[str]:
    return ["train", "--arch", "mtl-net-micro", "--device", "cpu", "--batch", "16", *options]


def _error(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    code = run(arguments)
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return code, err


def test_one_command_trains_on_shared_labels_and_reports_on_the_other_set(
    elsewhere: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sets = ["--data", str(elsewhere / "recordings0"), "--data", str(elsewhere / "elsewhere")]
    options = ["--split", "dataset", "--fold", "1", "--label-map", str(elsewhere / "map.toml")]
    code = run(_train(*sets, *options, "--epochs", "3", "--out", str(tmp_path / "run"), "--json"))
    out, err = capfd.readouterr()
    assert code == 0, err
    assert json.loads(out)["tasks"]["posture"]["accuracy"] > 0.9
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["data"]["sets"] == ["recordings0", "elsewhere"]
    assert metrics["data"]["tested_set"] == "elsewhere"
    assert metrics["data"]["label_map"]["sets"]["elsewhere"] == {
        "back": "on_back", "side": "on_side",
    }  # fmt: skip
    assert {name.partition(":")[0] for name in metrics["split"]["test"]["subjects"]} == {
        "elsewhere"
    }
    assert metrics["split"]["leak_share"] == 0
    assert set(metrics["data"]["rejected_windows"]) >= {
        "label not in the label map",
        "label not in both the training and the tested data sets",
    }
    made = open_run(tmp_path / "run")
    task = made.checkpoint.model.tasks[0]
    assert (task.name, task.labels) == ("posture", ("on_back", "on_side"))
    assert made.checkpoint.provenance.data is not None
    assert made.checkpoint.provenance.data.origin.tested_set == "elsewhere"
    assert "test       " in err and "leak 0" in err

    scored = ["evaluate", "--checkpoint", str(tmp_path / "run"), "--json"]
    mapped = [*scored, "--label-map", str(elsewhere / "map.toml")]
    assert run([*mapped, "--data", str(elsewhere / "elsewhere")]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["models"]["fp32"]["tasks"]["posture"]["accuracy"] > 0.9
    assert found["rejected"]["label not in the model"] > 0 and found["notes"] == []
    code, err = _error(capfd, [*mapped, "--data", str(elsewhere / "recordings0")])
    assert code == 5 and "was trained or chosen on all people of these recordings" in err


def test_twin_copies_are_trained_on_and_recorded(
    recordings: Path, trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    twin = ["--twin", "adxl345,rotation=20deg", "--twin-copies", "2"]
    out = str(tmp_path / "run")
    assert run(_train("--data", str(recordings), *twin, "--epochs", "1", "--out", out)) == 0
    err = capfd.readouterr().err
    assert "Note: Training windows also through 2 sensor twin(s)" in err and "leak 0" in err
    plain, made = open_run(trained_run), open_run(tmp_path / "run")
    before, after = plain.metrics.split, made.metrics.split
    assert after.test == before.test and after.val == before.val
    assert after.train.subjects == before.train.subjects
    assert after.train.windows > 2.5 * before.train.windows
    assert (plain.test.counts == made.test.counts).all()
    assert made.checkpoint.provenance.data is not None
    told: dict[str, Any] = made.checkpoint.provenance.data.to_json()
    assert told["twin"]["rotation_deg"] == 20.0 and told["twin_copies"] == 2
    assert told["twin"]["text"].startswith("rate=4%,offset=35/35/40mg,gain=1%,rotation=20deg")
    assert plain.checkpoint.provenance.data is not None
    assert plain.checkpoint.provenance.data.origin.twin is None
    assert made.metrics.data.to_json()["twin"] == told["twin"]
    # The forest, and folds beside each other, know the data by what was recorded.
    assert told["fingerprint"] == plain.checkpoint.provenance.data.fingerprint
    _, split = TrainingData(open_dataset(str(recordings))).of(made)
    assert len(split.train) == before.train.windows


def test_robustness_is_a_table_of_clean_and_twin(
    recordings: Path, trained_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scored = ["evaluate", "--checkpoint", str(trained_run), "--data", str(recordings)]
    scored += ["--report", str(tmp_path / "report"), "--twin"]
    assert run([*scored, "rotation=full", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    test = open_run(trained_run).metrics.split.test
    assert found["windows"] == test.windows  # those of people it was not trained on
    clean, twin = (found["models"][name]["tasks"]["posture"] for name in ("fp32", "fp32-twin"))
    own = open_run(trained_run).metrics.tasks["posture"]
    assert clean["accuracy"] == own.accuracy
    assert twin["accuracy"] < clean["accuracy"]  # a posture is a direction
    assert any("rotation=full" in note for note in found["notes"])
    assert "fp32 through a sensor twin" in (tmp_path / "report" / "evaluation.html").read_text()
    assert run([*scored, "seed=3"]) == 0
    out = capfd.readouterr().out
    assert "fp32-twin" in out and "4 people that the network was trained or chosen on" in out


def test_a_training_with_a_twin_is_resumed_with_it(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The options in state.json bring the same windows back; another twin is another training."""
    from wearkit.training.state import read_request

    state = tmp_path / "state"
    arguments = _train("--data", str(recordings), "--twin", "gain=5%", "--epochs", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wearkit.training.state.discard_state", lambda path: None)
        assert run([*arguments, "--out", str(state)]) == 0
    request = read_request(state)
    assert request["twin"] == "gain=5%" and request["data"] == [str(recordings)]
    capfd.readouterr()
    assert run(["train", "--resume", str(state)]) == 0
    assert "gain=5%" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--twin", "adxl344"], 5, "A twin has no 'adxl344'"),
        (["--twin-copies", "2"], 2, "--twin-copies is of --twin"),
        (["--data", "posture-sim", "--data", "x"], 2, "--label-map"),
        (["--label-map", "nowhere.toml"], 5, "wisdm-hapt"),
        (["--split", "dataset"], 5, "two or more"),
        (["--split", "paper", "--twin", "adxl345"], 5, "would leak"),
    ],
)
def test_what_cannot_be_asked_for(
    recordings: Path,
    options: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments = _train("--data", str(recordings), "--out", str(tmp_path / "run"), *options)
    found, err = _error(capfd, arguments)
    assert found == code and says in err


@pytest.mark.parametrize("option", ["--twin", "--label-map"])
def test_evaluate_needs_recordings_for_them(
    trained_run: Path, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--checkpoint", str(trained_run), option, "adxl345"]
    code, err = _error(capfd, arguments)
    assert code == 2 and "--data" in err


def _sent(folder: Path, arguments: list[str]) -> NDArray[np.int64]:
    """What a reader of the port of `wearkit simulate` gets: (T, 3) counts."""
    link, received = folder / "port", bytearray()

    def read() -> None:
        while not link.exists():
            time.sleep(0.01)
        port = os.open(link, os.O_RDWR | os.O_NOCTTY)
        with suppress(OSError):  # the hang-up
            while data := os.read(port, 4096):
                received.extend(data)
        os.close(port)

    reader = threading.Thread(target=read)
    reader.start()
    assert run(["simulate", *arguments, "--link", str(link), "--speed", "0"]) == 0
    reader.join()
    header, *lines = received.decode().splitlines()
    assert "units=counts" in header and "fields=index,t_us,x,y,z" in header
    rows = [[int(value) for value in line.split(",")] for line in lines]
    assert [row[0] for row in rows] == list(range(len(rows)))
    return np.array(rows)[:, 2:]


def test_simulate_sends_what_the_twin_would(recordings: Path, tmp_path: Path) -> None:
    played = ["--data", str(recordings), "--subject", "ann", "--seconds", "8"]
    plain = _sent(tmp_path, played)
    assert len(plain) == 400
    worn = _sent(tmp_path, [*played, "--twin", "offset=400mg"]) - plain
    # One offset an axis for the whole recording, of 1 sigma 102.4 counts; both sides are rounded.
    assert (worn.max(axis=0) - worn.min(axis=0) <= 1).all()
    assert np.abs(worn).max() in range(10, 4 * 102)
    assert len(set(worn[0].tolist())) > 1
    again = _sent(tmp_path, [*played, "--twin", "offset=400mg"])
    assert (again == plain + worn).all()


def test_simulate_names_the_twin_and_how_to_say_it(
    recordings: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    played = ["simulate", "--data", str(recordings), "--wait", "0.05", "--twin"]
    code, err = _error(capfd, [*played, "offset=40mg"])
    assert code == 3 and "through the sensor twin offset=40mg" in err
    code, err = _error(capfd, [*played, "offset=40"])
    assert code == 5 and "offset=1.5mg" in err
