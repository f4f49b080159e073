"""The time column of our CSV: date-times, packets under one stamp, units of time, encodings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.formats.date_times import in_seconds, is_date_time
from wearkit.recordings.recording import Recording
from wearkit.windows.cut import cut

HEAD = "# units=g\ntime,x,y,z\n"


def read(path: Path, rows: list[str]) -> list[Recording]:
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return list(open_dataset(path))


def stamped(stamps: list[str], seed: int = 0) -> list[str]:
    values = np.random.default_rng(seed).normal((0.99, -0.04, 0.02), 0.01, (len(stamps), 3))
    return [f"{t},{x:.4f},{y:.4f},{z:.4f}" for t, (x, y, z) in zip(stamps, values, strict=True)]


@pytest.mark.parametrize("between", [" ", "T"])
@pytest.mark.parametrize("zone", ["", "Z", "+02:00", "-0530"])
def test_date_times_are_read_to_the_microsecond(tmp_path: Path, between: str, zone: str) -> None:
    stamps = [
        f"2024-05-06{between}07:08:{9 + i // 50:02}.{i % 50 * 20:03}{zone}" for i in range(99)
    ]
    (recording,) = read(tmp_path / "a.csv", stamped(stamps))
    assert len(recording) == 99 and not recording.dropped
    assert np.allclose(np.diff(recording.time_s), 0.02, atol=1e-6)
    assert recording.rate_hz == pytest.approx(50, rel=1e-4)


def test_local_time_and_utc_are_the_same_clock_without_a_zone() -> None:
    local, utc = in_seconds(["1970-01-01 00:00:01.5,1", "1970-01-01T01:00:01.5+01:00,1"])
    assert local == utc == "1.500000,1"
    assert in_seconds(["0.02,1", "#x", ""]) == ["0.02,1", "#x", ""]


@pytest.mark.parametrize(
    "text",
    ["2024-02-31 00:00:00", "2024-05-06", "07:08:09", "06/05/2024 07:08:09", "2024-05-06 25:00:00",
     "٢٠٢٤-05-06 07:08:09", "2024-05-06 07:08:09 CET", "now", ""],
)  # fmt: skip
def test_anything_else_is_no_date_time(text: str) -> None:
    assert not is_date_time(text)


@pytest.mark.parametrize("stamp", ["06/05/2024 07:08:09", "07:08:09.010", "20240506T070809"])
def test_another_date_is_named_in_the_refusal(tmp_path: Path, stamp: str) -> None:
    with pytest.raises(DataError, match="neither a number of seconds nor a date-time") as refusal:
        read(tmp_path / "a.csv", stamped([stamp] * 30))
    assert stamp in str(refusal.value)


@pytest.mark.parametrize("packet", [2, 3, 25])
def test_packets_under_one_stamp_are_refused(tmp_path: Path, packet: int) -> None:
    stamps = [f"{i // packet * packet * 0.02:.2f}" for i in range(300)]
    with pytest.raises(DataError, match="of 300 rows have the time of the row before") as refusal:
        read(tmp_path / "a.csv", stamped(stamps))
    assert f"{300 - 300 // packet}" in str(refusal.value)
    assert "a time of its own" in str(refusal.value)


def test_a_row_that_was_written_twice_is_dropped_and_counted(tmp_path: Path) -> None:
    rows = stamped([f"{i * 0.02:.2f}" for i in range(150)])
    (recording,) = read(tmp_path / "a.csv", [row for row in rows for _ in range(2)])
    assert len(recording) == 150 and recording.dropped == {"repeated time": 150}


def test_a_few_equal_stamps_of_a_coarse_clock_are_no_packets(tmp_path: Path) -> None:
    stamps = [f"{i * 0.02:.2f}" for i in range(300)]
    stamps[100], stamps[200] = stamps[99], stamps[199]
    (recording,) = read(tmp_path / "a.csv", stamped(stamps))
    assert len(recording) == 298 and recording.dropped == {"repeated time": 2}


@pytest.mark.parametrize(("step", "named"), [(1.0, "1 Hz"), (0.5, "2 Hz")])
def test_sampled_too_slowly_names_the_rate_that_was_read(
    tmp_path: Path, step: float, named: str
) -> None:
    path = tmp_path / "a.csv"
    read(path, stamped([f"{i * step:.3f}" for i in range(90)]))
    with pytest.raises(DataError, match="sampled too slowly: 1") as refusal:
        cut(open_dataset(path))
    assert f"at {named} by their own time column" in str(refusal.value)
    assert "12.5 Hz is the least" in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEAD + "0,0,0,1\n").encode(encoding))
    with pytest.raises(DataError, match="save it as UTF-8") as refusal:
        list(open_dataset(path))
    assert "\\x00" not in str(refusal.value)
