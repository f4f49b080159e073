"""Readers of published sets: small sets in their own file formats, and the real archives."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset, wisdm
from wearkit.recordings.formats.text_rows import parse_rows
from wearkit.recordings.formats.wisdm import ACTIVITIES_2019, _fields
from wearkit.recordings.info import describe
from wearkit.recordings.recording import Recording

G = 9.80665


def only(recordings: list[Recording]) -> Recording:
    assert len(recordings) == 1
    return recordings[0]


def test_wisdm_2019_splits_at_letters_and_clock_restarts(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "watch" / "accel"
    folder.mkdir(parents=True)
    lines = [f"1600,A,{5_000_000_000 + 50_000_000 * n},0.0,{G},-{G};" for n in range(40)]
    lines += [f"1600,B,{1_000_000_000 + 50_000_000 * n},{G},0,0;" for n in range(30)]
    lines += [f"1600,B,{500_000_000 + 50_000_000 * n},{G},0,0;" for n in range(20)]
    lines += ["1600,Z,1,1,1,1;", "1600,B,2,nan,1,1;", "rubbish;"]
    (folder / "data_1600_accel_watch.txt").write_text("\n".join(lines) + "\n")
    dataset = open_dataset(tmp_path)
    assert dataset.format == "wisdm-2019"
    found = list(dataset)
    assert [len(recording) for recording in found] == [40, 30, 20]
    assert {(r.subject, r.placement) for r in found} == {("1600", "watch")}
    assert np.allclose(found[0].acc_g[0], [0, 1, -1])
    assert [int(r.labels.codes[0]) for r in found] == [0, 1, 1]
    assert found[0].dropped == {
        "garbled line": 1,
        "not a finite number": 1,
        "unknown activity": 1,
    }
    assert found[0].labels.names == tuple(ACTIVITIES_2019.values())


def test_wisdm_run_that_changes_pace_is_not_all_gaps(tmp_path: Path) -> None:
    steps_ms = [50] * 60 + [10] * 140 + [50] * 60
    times = np.cumsum(steps_ms) * 1_000_000
    lines = [f"1601,C,{t},0,0,{G};" for t in times]
    (tmp_path / "data_1601_accel_phone.txt").write_text("\n".join(lines) + "\n")
    info = describe(open_dataset(tmp_path))
    assert info.gaps == 0 and info.rows == 260
    assert only(list(open_dataset(tmp_path))).rate_hz == pytest.approx(20.0)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "1600,A,5,1,2,3;",
                "1600,B,6,.5,-2e1,3.;",
                "1600,A,7, 1,2,3 ;",
                "1600,A,8,1,2, ;",
                "1600,Z,9,1,2,3;",
                "1600,A,9,1,2;",
                "1600,A,9,1,2,3",
                "1600,A,1,1,1,1;1600,B,2,2,2,2;",
                ",1600,A,1,1,1,1;",
                "1600,A,1,1,nan,1;",
                "1600,A,1,1,1,1,;",
                " 1600,A,1,1,1,1; ",
                "1600,A,1,1,1,1;x",
            ]
        ),
        min_size=1,
        max_size=6,
    )
)
def test_wisdm_a_block_at_once_reads_as_line_by_line(lines: list[str]) -> None:
    together: Counter[str] = Counter()
    pairs, numbers = _fields(lines, ACTIVITIES_2019, together)
    rows = parse_rows(numbers, width=4, numbers=4, delimiter=",")
    apart: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wisdm, "_LINE", re.compile("(?!)"))
        slow_pairs, slow_numbers = _fields(lines, ACTIVITIES_2019, apart)
    slow = parse_rows(slow_numbers, width=4, numbers=4, delimiter=",")
    assert rows.values.tolist() == slow.values.tolist()
    assert [pairs[i] for i in rows.kept] == [slow_pairs[i] for i in slow.kept]
    assert together + rows.dropped == apart + slow.dropped


def test_wisdm_v1_has_several_records_on_a_line(tmp_path: Path) -> None:
    text = "33,Walking,49105962326000,-0.6,12.6,0.5;33,Walking,49106012271000,5.0,11.2,0.9;\n"
    text += "33,Walking,49106062271000,4.9,10.8,-0.08;\n33,Jogging,0,1,1,1;\n33,Jogging,5,1,1,;\n"
    (tmp_path / "WISDM_ar_v1.1_raw.txt").write_text(text)
    recording = only(list(open_dataset(tmp_path)))
    assert len(recording) == 3 and recording.subject == "33"
    assert recording.dropped == {"garbled line": 1, "no timestamp": 1}


def test_dsads_joins_segments_and_leaves_a_gap_for_a_missing_one(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "a03" / "p2"
    folder.mkdir(parents=True)
    for segment in (1, 2, 4):
        row = ",".join(str(column + segment) for column in range(45))
        (folder / f"s{segment:02d}.txt").write_text(f"{row}\n" * 125)
    found = list(open_dataset(tmp_path))
    assert [r.placement for r in found] == [
        "torso",
        "right_arm",
        "left_arm",
        "right_leg",
        "left_leg",
    ]
    assert all(len(r) == 375 and r.labels.names[r.labels.codes[0]] == "lying_back" for r in found)
    assert found[4].acc_g[0] == pytest.approx(np.array([37, 38, 39]) / G)
    assert describe(open_dataset(tmp_path)).gaps == 5


def test_dsads_rows_without_a_measurement_are_gaps(tmp_path: Path) -> None:
    """As in the published files of person 1: four seconds of numbers, then one of zeros."""
    folder = tmp_path / "data" / "a05" / "p1"
    folder.mkdir(parents=True)
    nothing, still = ",".join("0" * 45), ",".join(["0", "0", "9.8"] * 15)
    for segment in (1, 2):
        (folder / f"s{segment:02d}.txt").write_text(f"{still}\n" * 100 + f"{nothing}\n" * 25)
    for recording in open_dataset(tmp_path):
        assert recording.dropped == {"all sensors read 0": 50}
        assert recording.time_s[[0, 99, 100, 199]].tolist() == [0.0, 3.96, 5.0, 8.96]
        assert (recording.acc_g[:, 2] > 0.99).all()


def test_dsads_without_any_measurement_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "a05" / "p1"
    folder.mkdir(parents=True)
    (folder / "s01.txt").write_text((",".join("0" * 45) + "\n") * 125)
    with pytest.raises(DataError, match="no recording of two or more rows"):
        describe(open_dataset(tmp_path))


def test_mhealth_null_class_is_unlabelled_unless_asked_for(tmp_path: Path) -> None:
    rows = ["\t".join([f"{c}" for c in range(23)] + [str(label)]) for label in (0, 0, 1, 12)]
    (tmp_path / "mHealth_subject3.log").write_text("\n".join(rows) + "\n")
    plain = list(open_dataset(tmp_path))
    assert [r.placement for r in plain] == ["chest", "left_ankle", "right_lower_arm"]
    assert plain[0].labels.codes.tolist() == [-1, -1, 0, 11]
    assert plain[2].acc_g[0] == pytest.approx(np.array([14, 15, 16]) / G)
    with_null = next(iter(open_dataset(tmp_path, format="mhealth-null")))
    assert with_null.labels.codes.tolist() == [0, 0, 1, 12]
    assert with_null.labels.names[0] == "null"


def test_mhealth_excerpt(archive: Callable[[str], Path]) -> None:
    info = describe(open_dataset(archive("mhealth-excerpt.zip")))
    assert info.rows == 72 * 3 and info.dropped == {}
    assert set(info.labels[0].rows.values()) == {18}


def test_sisfall_is_counts(archive: Callable[[str], Path]) -> None:
    info = describe(open_dataset(archive("sisfall-adxl345-subset.tar.xz")))
    assert (info.rows, info.recordings, len(info.subjects)) == (546_590, 72, 4)
    assert info.dropped == {} and info.rates.median_hz == 200.0


def test_sisfall_refuses_what_no_adxl345_sends(tmp_path: Path) -> None:
    (tmp_path / "D01_SA01_R01.txt").write_text("  5000,-179, -99, -18,-504,-352,76,-697,-279;\n")
    with pytest.raises(DataError, match="no ADXL345 sends"):
        list(open_dataset(tmp_path))


def write_uci_har(folder: Path, part: str, windows: np.ndarray, subject: int) -> None:
    signals = folder / part / "Inertial Signals"
    signals.mkdir(parents=True)
    for axis, name in enumerate("xyz"):
        rows = [" ".join(f"{v:.7e}" for v in window[:, axis]) for window in windows]
        (signals / f"total_acc_{name}_{part}.txt").write_text("\n".join(rows) + "\n")
    (folder / part / f"subject_{part}.txt").write_text(f"{subject}\n" * len(windows))
    (folder / part / f"y_{part}.txt").write_text("5\n" * len(windows))


def test_uci_har_joins_overlapping_windows(tmp_path: Path) -> None:
    run = np.arange(320 * 3).reshape(320, 3) * 1e-3
    windows = np.stack([run[s : s + 128] for s in (0, 64, 128, 192)])
    write_uci_har(tmp_path, "train", windows, 1)
    write_uci_har(tmp_path, "test", np.stack([run[:128], run[100:228]]), 2)
    found = list(open_dataset(tmp_path))
    assert [(r.subject, len(r)) for r in found] == [
        ("user02", 128),
        ("user02", 128),
        ("user01", 320),
    ]
    assert found[2].acc_g == pytest.approx(run, abs=1e-6)
    assert found[2].labels.names[found[2].labels.codes[0]] == "standing"


def test_sleep_forms_and_names_read_from_the_right(tmp_path: Path) -> None:
    (tmp_path / "01_Up_An_RightUp_nguc.txt").write_text("0,0.1,0.2,0.9;\n1,0.1,0.2,0.9;\n")
    (tmp_path / "02_Binh_down_co.csv").write_text("ax,ay,az\n0.1,0.2,-0.9\nx,1,2\n0,0,-1\n")
    first, second = list(open_dataset(tmp_path, format="sleep"))
    assert (first.subject, first.placement) == ("01_Up_An", "chest")
    assert first.labels.names[first.labels.codes[0]] == "rightup"
    assert (second.subject, second.placement, len(second)) == ("02_Binh", "neck", 2)
    assert second.time_s.tolist() == [0.0, 0.04] and second.dropped == {"garbled line": 1}


def cwa_block(
    sequence: int, second: int, data: bytes, layout: int, count: int, offset: int = 0
) -> bytes:
    stamp = (26 << 26) | (3 << 22) | (4 << 17) | (5 << 12) | (6 << 6) | second
    head = struct.pack(
        *(
            "<2sHHIIIHHBBBBhH",
            b"AX",
            508,
            0,
            7,
            sequence,
            stamp,
            0,
            0,
            0,
            0,
            0x4A,
            layout,
            offset,
            count,
        )
    )
    body = head + data.ljust(480, b"\0")
    total = int(np.frombuffer(body, "<u2").sum(dtype=np.uint64))
    return body + struct.pack("<H", -total & 0xFFFF)


def cwa_file(blocks: list[bytes]) -> bytes:
    return b"MD".ljust(1024, b"\0") + b"".join(blocks)


def test_cwa_plain_samples_and_true_rate(tmp_path: Path) -> None:
    plain = np.tile(np.array([256, -128, 0], "<i2"), 80).tobytes()
    # 80 samples each in 1 s: the clock says 80 Hz though the file says 100.
    blocks = [cwa_block(n, n, plain, 0x32, 80) for n in range(5)]
    (tmp_path / "anna.cwa").write_bytes(cwa_file(blocks))
    recording = only(list(open_dataset(tmp_path)))
    assert (recording.subject, len(recording)) == ("anna", 400)
    assert recording.acc_g[7].tolist() == [1.0, -0.5, 0.0]
    assert recording.rate_hz == pytest.approx(80.0)


def test_cwa_packed_samples_gaps_and_sums(tmp_path: Path) -> None:
    # x = 100, y = -200, z = 511, all shifted left by an exponent of 1.
    word = (1 << 30) | (511 << 20) | ((-200 & 0x3FF) << 10) | 100
    packed = struct.pack("<I", word) * 120
    blocks = [cwa_block(n, n, packed, 0x30, 120) for n in (0, 1, 2, 4, 5)]
    broken = bytearray(blocks[1])
    broken[100] ^= 1
    (tmp_path / "b.cwa").write_bytes(cwa_file([blocks[0], bytes(broken), *blocks[2:]]))
    found = list(open_dataset(tmp_path))
    assert [len(recording) for recording in found] == [120, 120, 240]
    assert found[0].acc_g[0].tolist() == [200 / 256, -400 / 256, 1022 / 256]
    assert found[0].dropped == {"block with a wrong checksum": 1}


def test_cwa_whose_stamps_are_all_of_one_sample(tmp_path: Path) -> None:
    plain = np.tile(np.array([256, -128, 0], "<i2"), 80).tobytes()
    blocks = [cwa_block(0, 0, plain, 0x32, 80, offset=80), cwa_block(1, 1, plain, 0x32, 80)]
    (tmp_path / "d.cwa").write_bytes(cwa_file(blocks))
    with pytest.raises(DataError, match="clock stamps are of one and the same sample"):
        list(open_dataset(tmp_path))


def test_cwa_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "c.cwa").write_bytes(b"no" * 900)
    with pytest.raises(DataError, match=r"\.cwa"):
        list(open_dataset(tmp_path))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "rows", "subjects", "dropped"),
    [
        ("wisdm-2019-accel.tar.xz", 4_455_450, 50, {}),
        ("dsads-p1-p5.tar.xz", 709_500 * 5, 5, {"all sensors read 0": 3_000 * 5}),
    ],
)
def test_large_archives_hold_what_they_say(
    archive: Callable[[str], Path], name: str, rows: int, subjects: int, dropped: dict[str, int]
) -> None:
    info = describe(open_dataset(archive(name)))
    assert (info.rows, len(info.subjects), info.dropped) == (rows, subjects, dropped)
