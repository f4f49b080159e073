"""HAPT: a small copy of its layout, and the real archive where it is."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.formats.hapt import LABELS
from wearkit.windows.cut import cut

# Rows per class 1..12 as counted in the original text files, apart from this reader.
CLASS_ROWS = [
    122091, 116707, 107961, 126677, 138105, 136865, 10316, 8029, 12428, 11150, 14418, 10867,
]  # fmt: skip


def small(root: Path, runs: str = "1 1 5 2 3\n2 7 1 1 5\n") -> Path:
    raw = root / "HAPT Data Set" / "RawData"
    raw.mkdir(parents=True, exist_ok=True)
    one = "".join(f"{i / 10} -0.25 1.0000000149011612 \n" for i in range(5))
    (raw / "acc_exp01_user01.txt").write_text(one)
    (raw / "acc_exp02_user07.txt").write_text("0 0 1\n" * 5)
    (raw / "labels.txt").write_text(runs)
    (raw.parent / "activity_labels.txt").write_text("1 WALKING\n")
    return root


def test_a_small_copy(tmp_path: Path) -> None:
    dataset = open_dataset(small(tmp_path))
    assert dataset.format == "hapt" and not dataset.simulated
    one, seven = dataset
    assert (one.subject, seven.subject) == ("user01", "user07")
    assert one.placement == "waist" and one.rate_hz == 50
    assert one.acc_g[:, 0].tolist() == np.arange(5, dtype=np.float32).__truediv__(10).tolist()
    assert one.time_s.tolist() == [0, 0.02, 0.04, 0.06, 0.08]
    assert one.labels.task == "activity" and one.labels.names == LABELS
    standing = LABELS.index("standing")
    assert one.labels.codes.tolist() == [-1, standing, standing, -1, -1]
    assert seven.labels.codes.tolist() == [LABELS.index("walking")] * 5


def test_an_unreadable_row_keeps_its_place(tmp_path: Path) -> None:
    small(tmp_path)
    path = tmp_path / "HAPT Data Set/RawData/acc_exp02_user07.txt"
    path.write_text("0 0 1\nnan 0 1\n0 0 1\n0 0\n0 0 1\n")
    _, seven = open_dataset(tmp_path)
    assert seven.time_s.tolist() == [0, 0.04, 0.08]
    assert seven.dropped == {"not a finite number": 1, "wrong number of columns": 1}


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ("", "damaged"),
        ("1 1 5 2 3", "unfinished last line"),
        ("1 1 5 2\n", "wrong number of columns"),
        ("1 1 5 2 x\n", "garbled"),
        ("1 1 13 2 3\n", "impossible run"),
        ("1 1 5 3 2\n", "impossible run"),
        ("1 1 5 0 2\n", "no row or label has"),
        ("1 1 5 1.5 2\n", "no row or label has"),
        ("1 1 5 2 6\n", "ends after the file"),
        ("1 2 5 2 3\n", "someone else"),
        ("1 1 5 2 3\n1 1 4 3 4\n", "overlaps"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(tmp_path: Path, runs: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        list(open_dataset(small(tmp_path, runs)))


def test_it_is_in_g_and_nothing_else(tmp_path: Path) -> None:
    open_dataset(small(tmp_path), units="g")
    with pytest.raises(DataError, match="in g by its definition"):
        open_dataset(tmp_path, units="m/s2")


def test_the_format_can_be_named(tmp_path: Path) -> None:
    assert open_dataset(small(tmp_path), format="hapt").format == "hapt"
    with pytest.raises(DataError, match="no format 'hapd'; known are hapt"):
        open_dataset(tmp_path, format="hapd")
    (tmp_path / "a.zip").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("a.csv", "time,x,y,z\n0,0,0,1\n")
    with pytest.raises(DataError, match="no labels"):
        list(open_dataset(tmp_path / "a.zip", format="hapt"))


def test_the_whole_set_has_the_rows_its_authors_wrote(archive: Callable[[str], Path]) -> None:
    recordings = list(open_dataset(archive("hapt-accel.tar.xz")))
    assert len(recordings) == 61
    assert sum(map(len, recordings)) == 1_122_772
    assert len({recording.subject for recording in recordings}) == 30
    codes = np.concatenate([recording.labels.codes for recording in recordings])
    assert int((codes >= 0).sum()) == 815_614
    assert np.bincount(codes[codes >= 0]).tolist() == CLASS_ROWS
    assert not any(recording.dropped for recording in recordings)

    windows = cut(recordings)
    assert [task.name for task in windows.tasks] == ["activity"]
    assert windows.notes == ("The task 'placement' was left out: only 'waist' occurs.",)
    whole = sum((len(recording) - 100) // 60 + 1 for recording in recordings)
    assert len(windows) + sum(windows.rejected.values()) == whole == 18_639


@pytest.mark.parametrize("number", ["1e300", "99999999999999999999", "1e10"])
def test_a_label_number_that_no_file_has_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(DataError, match="copy it again"):
        list(open_dataset(small(tmp_path, f"1 1 5 2 {number}\n")))


def test_a_sample_that_no_float32_holds_is_left_out(tmp_path: Path) -> None:
    (small(tmp_path) / "HAPT Data Set/RawData/acc_exp02_user07.txt").write_text(
        "0 0 1\n0 1e39 1\n0 0 1\n0 0 1\n0 0 1\n"
    )
    _, seven = open_dataset(tmp_path)
    assert len(seven) == 4 and seven.dropped == {"not a finite number": 1}
