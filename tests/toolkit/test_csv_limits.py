"""Our CSV at its limits: the last value that is read, the first that is not, and what is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from wearkit.errors import DataError
from wearkit.recordings.formats import csv_text, open_dataset, text_rows
from wearkit.recordings.formats.csv_header import CsvHeader, HeaderReader, unquoted
from wearkit.recordings.recording import Recording
from wearkit.units import Unit

LABELLED = "# units=g\ntime,x,y,z,label\n0.00,0,0,1,sit\n0.02,0,0,1,sit\n"


def read(path: Path, text: str) -> Recording:
    path.write_text(text)
    (recording,) = open_dataset(path)
    return recording


@pytest.mark.parametrize(("value_g", "is_read"), [("1000", True), ("-1000.01", False)])
def test_a_thousand_g_are_read_and_no_more(tmp_path: Path, value_g: str, is_read: bool) -> None:
    recording = read(tmp_path / "a.csv", f"{LABELLED}0.04,{value_g},0,1,sit\n")
    assert len(recording) == 2 + is_read
    assert recording.dropped == ({} if is_read else {csv_text.OUT_OF_RANGE: 1})


@pytest.mark.parametrize(("length", "is_read"), [(64, True), (65, False), (66, False)])
def test_a_label_has_at_most_64_letters(tmp_path: Path, length: int, is_read: bool) -> None:
    recording = read(tmp_path / "a.csv", f"{LABELLED}0.04,0,0,1,{'w' * length}\n")
    assert len(recording) == 2 + is_read
    assert recording.dropped == ({} if is_read else {text_rows.GARBLED: 1})
    assert recording.labels.names == (("sit", "w" * length) if is_read else ("sit",))


def test_a_row_with_two_faults_is_counted_once(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.csv", f"{LABELLED}0.04,5000,0,1,\x1b[31m\n")
    assert recording.dropped == {text_rows.GARBLED: 1}


def test_a_comment_with_commas_holds_no_label(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.csv", f"{LABELLED}# 0.04,0,0,1,fall\n1#,2,3,4,odd\n")
    assert recording.labels.names == ("odd", "sit")  # only a line that begins with # is one
    assert recording.dropped == {text_rows.GARBLED: 1}


def test_a_row_may_begin_with_a_blank(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.csv", f"{LABELLED} 0.04,0,0,1,walk\n")
    assert recording.labels.names == ("sit", "walk")
    assert recording.labels.codes.tolist() == [0, 0, 1]


def test_so_many_labels_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = LABELLED + "0.04,0,0,1,lie\n0.06,0,0,1,walk\n"
    monkeypatch.setattr(csv_text, "MAX_LABELS", 3)
    monkeypatch.setattr(csv_text, "MAX_TAGS", 3)
    assert read(tmp_path / "a.csv", text).labels.names == ("lie", "sit", "walk")
    monkeypatch.setattr(csv_text, "MAX_LABELS", 2)
    with pytest.raises(DataError, match="over 2 different labels:"):
        read(tmp_path / "a.csv", text)
    monkeypatch.setattr(csv_text, "MAX_TAGS", 2)
    with pytest.raises(DataError, match="over 2 different labels, placements"):
        read(tmp_path / "a.csv", text)


def header(*lines: str, units: Unit | None = None) -> CsvHeader | None:
    reader = HeaderReader("a.csv", units)
    for line in lines[:-1]:
        assert reader.push(line) is None
    return reader.push(lines[-1])


def refusal(*lines: str, units: Unit | None = None) -> str:
    with pytest.raises(DataError) as caught:
        header(*lines, units=units)
    return str(caught.value)


def test_a_header_holds_what_its_lines_say() -> None:
    whole = header(
        "\ufeff# units = mg task=gait", "", "#sensor=simulated", ' "Time" , x,Y,"z",subject,LABEL '
    )
    assert whole == CsvHeader(("subject", "label"), Unit.MG, "gait", True)
    assert whole is not None and whole.width == 6
    plain = header("# sensor=real", "time,x,y,z", units=Unit.G)
    assert plain == CsvHeader((), Unit.G, "activity", False)
    assert header("# units=g", "time,x,y,z", units=Unit.G) == plain
    assert header("time,x,y,z,placement,label,subject", units=Unit.G) is not None


@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (["time,x,y," + "w" * 80], "has the header 'time,x,y," + "w" * 51 + "': begin"),
        (["time,x,y,z,mood"], "has the header 'time,x,y,z,mood': begin"),
        (["time,y,x,z"], "has the header 'time,y,x,z': begin"),
        (["# units=" + "w" * 30, "time,x,y,z"], "says units=" + "w" * 20 + "; known"),
        (["# task=" + "1" * 50, "time,x,y,z"], "says task='" + "1" * 40 + "'"),
        (["time,x,y,z,label,label"], "has a column twice"),
        (["0.5,x,y,z"], "begins with numbers"),
        (["time,x,y,z"], "does not say what its numbers are in"),
    ],
)
def test_a_header_that_is_refused_is_quoted_so_far(lines: list[str], quoted: str) -> None:
    assert quoted in refusal(*lines)


@pytest.mark.parametrize(
    ("field", "text"),
    [(' "a" ', "a"), ('"a', "a"), ('a"', "a"), ('""a""', '"a"'), ('" a "', "a"), ("'a'", "'a'")],
)
def test_one_pair_of_quotes_is_taken_off(field: str, text: str) -> None:
    assert unquoted(field) == text
