"""A body at rest feels 1 g: recordings whose unit says otherwise are refused, with the evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from wearkit.cli import run
from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.gravity import GravityEvidence, gravity_of
from wearkit.recordings.info import describe
from wearkit.spec import WindowSpec
from wearkit.units import Unit
from wearkit.windows.cut import cut
from wearkit.windows.paper_split import cut_stream

ROWS = 600


def body(seed: int) -> np.ndarray:
    """(ROWS, 3) in g: half of them still, half walking. Below 1 g, so that mg read as g stay
    under the 1000 g that a reader takes."""
    generator = np.random.default_rng(seed)
    acc_g = generator.normal((0.92, -0.04, 0.02), 0.004, (ROWS, 3))
    swing = np.sin(2 * np.pi * 1.8 * np.arange(ROWS // 2) / 50)
    acc_g[ROWS // 2 :, 0] += 0.05 * swing
    return acc_g


def write(path: Path, acc: np.ndarray, unit: str) -> Path:
    rows = [
        f"{i / 50:.2f},{x:.6g},{y:.6g},{z:.6g},{'standing' if i < ROWS // 2 else 'walking'}"
        for i, (x, y, z) in enumerate(acc.tolist())
    ]
    path.write_text(f"# units={unit}\ntime,x,y,z,label\n" + "\n".join(rows) + "\n")
    return path


def folder(tmp_path: Path, true: Unit, named: Unit, people: int = 6) -> Path:
    for person in range(people):
        write(tmp_path / f"p{person}.csv", body(person) * true.per_g, named)
    return tmp_path


@pytest.mark.parametrize("unit", list(Unit))
def test_a_right_unit_passes_and_shows_its_gravity(tmp_path: Path, unit: Unit) -> None:
    dataset = open_dataset(folder(tmp_path, unit, unit))
    gravity = describe(dataset).gravity
    assert gravity.recordings == 6 and gravity.off_recordings == 0 and gravity.sentence() == ""
    assert gravity.rest_g == pytest.approx(0.92, abs=0.02)
    assert cut(dataset, gravity_check=True).notes == cut(dataset).notes


@pytest.mark.parametrize(
    ("true", "named"), [(t, n) for t in Unit for n in Unit if t is not n], ids=str
)
def test_a_wrong_unit_is_refused_and_the_true_one_named(
    tmp_path: Path, true: Unit, named: Unit
) -> None:
    dataset = open_dataset(folder(tmp_path, true, named))
    ratio = true.per_g / named.per_g
    for refuse in (cut, lambda data, **on: cut_stream(data, WindowSpec(), **on)):
        with pytest.raises(DataError, match=f"as {true} read as {named} have") as refusal:
            refuse(dataset, gravity_check=True)
        length_g = re.search(r"\|a\| = ([0-9.]+) g at rest", str(refusal.value))
        assert length_g is not None and float(length_g[1]) == pytest.approx(ratio, rel=0.1)
        assert "--no-gravity-check" in str(refusal.value)
    # Whoever goes on is told all the same.
    assert any("gravity is not 1 g" in note for note in cut(dataset).notes)


def test_one_recording_of_many_is_said_and_not_refused(tmp_path: Path) -> None:
    folder(tmp_path, Unit.G, Unit.G, people=12)
    write(tmp_path / "odd.csv", body(99) * 9.81, "g")
    notes = cut(open_dataset(tmp_path), gravity_check=True).notes
    assert "In 1 of 13 recordings" in notes[-1] and "odd.csv" in notes[-1]


def test_data_without_gravity_is_off_even_though_it_never_lies_still() -> None:
    acc_g = np.random.default_rng(0).normal(0, 0.02, (500, 3)).astype(np.float32)
    length = gravity_of(acc_g, 50.0)
    assert length is not None and length[0] < 0.1 and not length[1]


def test_a_swinging_arm_is_not_held_against_the_unit() -> None:
    angle = np.linspace(0, 40 * np.pi, 1000)
    acc_g = np.stack([np.sin(angle), np.cos(angle), np.full(1000, 0.8)], axis=1)
    length = gravity_of(acc_g.astype(np.float32), 50.0)
    assert length is not None and not length[1] and 0.3 < length[0] < 3.0


@pytest.mark.parametrize("acc_g", [np.zeros((400, 3)), np.full((400, 3), 0.0001)])
def test_all_zero_is_no_gravity(acc_g: np.ndarray) -> None:
    length = gravity_of(acc_g.astype(np.float32), 50.0)
    assert length is not None and length[0] < 0.01


def test_too_little_says_nothing() -> None:
    assert gravity_of(np.ones((20, 3), np.float32), 50.0) is None
    assert not GravityEvidence().is_refused


def test_data_info_warns_and_the_commands_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(folder(tmp_path, Unit.M_S2, Unit.G))
    assert run(["data", "info", source]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "UNIT IN DOUBT: In 6 of 6 recordings" in shown and "|a| = 9 g at rest" in shown
    assert run(["data", "info", source, "--json"]) == 0
    gravity = json.loads(capsys.readouterr().out)["gravity"]
    assert gravity["off_recordings"] == 6 and gravity["rest_g"] == pytest.approx(9.02, abs=0.1)


def test_train_refuses_before_it_makes_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "data").mkdir()
    source = str(folder(tmp_path / "data", Unit.G, Unit.MG))
    arguments = ["train", "--data", source, "--epochs", "1", "--out", str(tmp_path / "run")]
    assert run(arguments) == DataError.exit_code
    assert "g read as mg" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
