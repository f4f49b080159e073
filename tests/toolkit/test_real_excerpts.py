"""The readers on real lines (tests/data), which are here even where the large archives are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from wearkit.recordings.formats import open_dataset
from wearkit.recordings.info import describe

G = 9.80665


@pytest.fixture
def data(repository: Path) -> Path:
    return repository / "tests" / "data"


def test_the_excerpts_are_small_and_say_where_they_are_from(data: Path) -> None:
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 200_000
    for folder in data.iterdir():
        text = (folder / "README.md").read_text()
        assert "Licence: CC BY 4.0" in text and "Cite:" in text and "lines" in text


def test_wisdm(data: Path) -> None:
    dataset = open_dataset(data / "wisdm-2019")
    assert dataset.format == "wisdm-2019"
    info = describe(dataset)
    assert (info.rows, info.recordings, info.dropped) == (800, 7, {})
    assert info.subjects == {"1600": 400, "1607": 200, "1649": 200}
    assert info.placements == {"phone": 400, "watch": 400}
    (labels,) = info.labels
    used = {label: rows for label, rows in labels.rows.items() if rows}
    assert used == {"walking": 300, "jogging": 300, "kicking": 200}
    assert info.gaps == 3 and info.gap_s == pytest.approx(1.570 + 56.653 + 56.656, abs=1e-3)
    assert info.rates.median_hz == pytest.approx(20, abs=0.3)
    assert info.rates.max_hz == pytest.approx(25, abs=0.3)
    found = {(one.subject, one.placement, len(one)): one for one in dataset}
    path = "wisdm-dataset/raw/watch/accel/data_1649_accel_watch.txt"
    lines = (data / "wisdm-2019" / path).read_text().split(";\n")[:-1]
    by_hand = np.array([[float(x) for x in line.split(",")[3:]] for line in lines]) / G
    assert np.allclose(found["1649", "watch", 200].acc_g, by_hand, rtol=1e-6)


def test_dsads(data: Path) -> None:
    found = list(open_dataset(data / "dsads"))
    assert [(one.subject, len(one)) for one in found] == [("p1", 250)] * 5 + [("p2", 25)] * 5
    text = "".join((data / f"dsads/data/a01/p1/s0{n}.txt").read_text() for n in (1, 2))
    table = np.array([[float(x) for x in line.split(",")] for line in text.splitlines()])
    for number, one in enumerate(found[:5]):
        assert np.allclose(one.acc_g, table[:, 9 * number : 9 * number + 3] / G, rtol=1e-6)
        assert {one.labels.names[code] for code in one.labels.codes} == {"sitting"}
        assert np.allclose(np.diff(one.time_s), 0.04)
        assert not one.dropped
        # Sitting still: what all five report is gravity.
        assert np.linalg.norm(one.acc_g.mean(axis=0)) == pytest.approx(1, abs=0.05)


def test_mhealth(data: Path) -> None:
    info = describe(open_dataset(data / "mhealth"))
    assert (info.format, info.rows, info.dropped) == ("mhealth", 72 * 3, {})
    assert set(info.labels[0].rows.values()) == {18} and info.labels[0].unlabelled == 0
    assert info.placements == {"chest": 72, "left_ankle": 72, "right_lower_arm": 72}


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("name", ["wisdm-2019", "dsads", "mhealth"])
def test_an_archive_holds_what_its_folder_does(
    data: Path, tmp_path: Path, kind: str, name: str
) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "a"), kind, data / name))
    expected, found = list(open_dataset(data / name)), list(open_dataset(packed))
    key = "subject", "placement"
    expected.sort(key=lambda one: (one.subject, one.placement, int(one.labels.codes[0])))
    found.sort(key=lambda one: (one.subject, one.placement, int(one.labels.codes[0])))
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert all(getattr(one, part) == getattr(other, part) for part in key)
        assert one.acc_g.tobytes() == other.acc_g.tobytes()
        assert one.time_s.tobytes() == other.time_s.tobytes()
        assert one.labels.codes.tobytes() == other.labels.codes.tobytes()
