"""Our CSV: what is read, what is dropped and counted, what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wearkit.errors import DataError
from wearkit.recordings.formats import csv_text, open_dataset, text_rows
from wearkit.recordings.formats import runs as stretches
from wearkit.recordings.formats.text_rows import Lines, is_number, parse_rows
from wearkit.recordings.recording import Recording

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEAD = "# units=g\ntime,x,y,z\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def read(path: Path, text: str, units: str | None = None) -> list[Recording]:
    return list(open_dataset(written(path, text), units=units))


def refusal(path: Path, text: str, units: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(path, text, units)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows(count: int, start: float = 0.0, tail: str = "") -> str:
    return "".join(f"{start + i / 50:.2f},0.25,-0.5,1{tail}\n" for i in range(count))


def test_the_plain_case(tmp_path: Path) -> None:
    (recording,) = read(tmp_path / "anna.csv", HEAD + rows(3))
    assert recording.subject == "anna" and recording.placement == "unknown"
    assert recording.time_s.tolist() == [0.0, 0.02, 0.04]
    assert recording.acc_g.tolist() == [[0.25, -0.5, 1.0]] * 3
    assert recording.rate_hz == pytest.approx(50)
    assert recording.labels.task == "activity" and recording.labels.names == ()
    assert recording.labels.codes.tolist() == [-1] * 3
    assert not recording.dropped and not recording.simulated


@pytest.mark.parametrize(
    ("unit", "printed"), [("g", "1"), ("mg", "1000"), ("m/s2", "9.80665"), ("counts", "256")]
)
def test_every_unit_becomes_g_by_header_and_by_option(
    tmp_path: Path, unit: str, printed: str
) -> None:
    body = f"time,x,y,z\n0,0,0,{printed}\n0.02,0,{printed},0\n"
    for text, option in ((f"# units={unit}\n{body}", None), (body, unit)):
        (recording,) = read(tmp_path / "a.csv", text, option)
        assert recording.acc_g.tolist() == [[0, 0, 1], [0, 1, 0]]


def test_units_must_be_said_once_and_known(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    body = "time,x,y,z\n" + rows(3)
    assert "--units" in refusal(path, body) and "# units=g" in refusal(path, body)
    assert "units=mg, but g was asked for" in refusal(path, "# units=mg\n" + body, "g")
    assert "known are g, mg, m/s2, counts" in refusal(path, "# units=lsb\n" + body)
    with pytest.raises(DataError, match="Units are one of"):
        open_dataset(path, units="G")


@pytest.mark.parametrize(
    "header",
    [
        "0.0,1,2,3",
        "t,x,y,z",
        "time,x,y",
        "time,x,y,z,lable",
        "time,x,y,z,label,label",
        "time;x;y;z",
    ],
)
def test_a_header_must_be_there_and_known(tmp_path: Path, header: str) -> None:
    message = refusal(tmp_path / "a.csv", f"# units=g\n{header}\n0,0,0,1\n")
    assert "begin with 'time,x,y,z'" in message


def test_text_columns_in_any_order_quoted_and_empty(tmp_path: Path) -> None:
    text = (
        '# units=g task=gait\n"time","x","y","z",subject,label,placement\n'
        '0.00,0,0,1,"ben","walk",waist\n0.02,0,0,1,ben,,waist\n0.04,0,0,1,ben,sit,waist\n'
        "0.00,0,0,1,,sit,\n0.02,0,0,1,,sit,\n"
    )
    one, other = read(tmp_path / "f.csv", text)
    assert (one.subject, one.placement) == ("ben", "waist")
    assert (other.subject, other.placement) == ("f", "unknown")
    assert one.labels.task == "gait" and one.labels.names == ("sit", "walk")
    assert one.labels.codes.tolist() == [1, -1, 0]


def test_interleaved_placements_are_taken_apart(tmp_path: Path) -> None:
    text = "# units=g\ntime,x,y,z,placement\n" + "".join(
        f"{i / 50:.2f},{n},0,0,{place}\n" for i in range(5) for n, place in enumerate("ab")
    )
    a, b = read(tmp_path / "f.csv", text)
    assert (a.placement, b.placement) == ("a", "b")
    assert a.acc_g[:, 0].tolist() == [0] * 5 and b.acc_g[:, 0].tolist() == [1] * 5


def test_a_folder_shares_one_label_list(tmp_path: Path) -> None:
    head = "# units=g\ntime,x,y,z,label\n"
    written(tmp_path / "b" / "ben.csv", head + rows(3, tail=",walk"))
    written(tmp_path / "anna.CSV", head + rows(3, tail=",sit"))
    written(tmp_path / "notes.txt", "not a recording")
    dataset = open_dataset(tmp_path)
    found = [(one.subject, one.labels.names, one.labels.codes[0]) for one in dataset]
    assert found == [("anna", ("sit", "walk"), 0), ("ben", ("sit", "walk"), 1)]
    assert [one.subject for one in dataset] == ["anna", "ben"], "a data set can be read again"
    written(tmp_path / "carl.csv", "# units=g task=mood\ntime,x,y,z,label\n" + rows(3, tail=",ok"))
    with pytest.raises(DataError, match=r"'activity' and .* 'mood'"):
        open_dataset(tmp_path)


def test_time_going_back_starts_a_new_recording(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", HEAD + rows(5) + rows(4) + rows(3, start=1.0))
    assert [len(one) for one in found] == [5, 7]


def test_every_lost_row_is_counted_by_reason(tmp_path: Path) -> None:
    bad = [
        "0.20,nan,0,1",
        "0.22,0,-inf,1",
        "0.24,1e400,0,1",
        "0.26,1_0,0,1",
        "0.28,\uff11,0,1",
        "0.30,0x1,0,1",
        "0.32,,0,1",
        "0.34,0,0",
        "0.36,0,0,1,2",
        "0.38,5000,0,1",
        "0.00,0,0,1",
        "0.00,0,0,1",
        "x" * 5000,
    ]
    text = HEAD + rows(5) + "\n".join(bad) + "\n" + rows(5, start=1.0) + "7.00,0,0"
    found = read(tmp_path / "a.csv", text)
    assert [len(one) for one in found] == [5, 6]  # 0.00 is a jump back in time
    assert found[0].dropped == {}
    assert found[1].dropped == {
        text_rows.NOT_FINITE: 3,
        text_rows.GARBLED: 4,
        text_rows.COLUMNS: 3,
        csv_text.OUT_OF_RANGE: 1,
        stretches.REPEATED: 1,
        text_rows.TOO_LONG: 1,
    }


def test_a_dropped_row_leaves_a_gap_in_time(tmp_path: Path) -> None:
    text = HEAD + rows(3) + "0.06,nan,0,1\n" + rows(2, start=0.08)
    (recording,) = read(tmp_path / "a.csv", text)
    assert np.diff(recording.time_s).round(3).tolist() == [0.02, 0.02, 0.04, 0.02]


def test_nothing_usable_is_refused(tmp_path: Path) -> None:
    assert "no usable row (nothing after its header)" in refusal(tmp_path / "a.csv", HEAD)
    assert "2 x garbled line" in refusal(tmp_path / "a.csv", HEAD + "a,b,c,d\n" * 2)
    assert "no header line" in refusal(tmp_path / "a.csv", "# units=g\n")


def test_milliseconds_are_found_out(tmp_path: Path) -> None:
    text = HEAD + "".join(f"{20 * i},0,0,1\n" for i in range(200))
    assert "must be in seconds" in refusal(tmp_path / "a.csv", text)


def test_too_many_labels_are_refused(tmp_path: Path) -> None:
    head = "# units=g\ntime,x,y,z,label\n"
    text = head + "".join(f"{i / 50},0,0,1,{i * 0.37}\n" for i in range(1500))
    assert "over 1000 different labels" in refusal(tmp_path / "a.csv", text)
    text = head + "".join(f"{i / 50},0,0,1,{i * 0.37}\n" for i in range(5000))
    assert "over 4096 different" in refusal(tmp_path / "a.csv", text)


def test_a_label_that_is_no_text_is_a_garbled_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    head = "# units=g\ntime,x,y,z,label\n" + rows(3, tail=",sit")
    path.write_bytes(head.encode() + b"0.06,0,0,1,wa\xffk\n0.08,0,0,1,\x1b[31m\n0.10,0,0,1,sit\n")
    (recording,) = open_dataset(path)
    assert recording.labels.names == ("sit",) and len(recording) == 4
    assert recording.dropped == {text_rows.GARBLED: 2}


def test_windows_line_ends_a_bom_blank_lines_and_late_comments(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD + rows(2) + "\n# pause\n" + rows(2, start=0.04)
    (recording,) = read(tmp_path / "a.csv", text.replace("\n", "\r\n"))
    assert len(recording) == 4 and not recording.dropped


def test_simulated_is_carried_on(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "# units=g sensor=simulated\ntime,x,y,z\n" + rows(3))
    dataset = open_dataset(path)
    assert dataset.simulated and all(one.simulated for one in dataset)


def test_long_files_are_given_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_rows, "_BLOCK_BYTES", 500)
    monkeypatch.setattr(stretches, "MAX_HELD_ROWS", 50)
    found = read(tmp_path / "a.csv", HEAD + rows(400))
    assert sum(map(len, found)) == 400
    assert len(found) > 4 and max(map(len, found)) < 100


NASTY = [
    "nan", "-inf", "1_0", "1e400", "1e0004", "", " 1 ", "\t2", "\x0b3", "1\x1f", "\xa01", "1.",
    ".5", "+.5e-3", "\u0663", "\uff11", "0x1", "1e", "--1", "1 2", "infinity", "1d3", "#",
]  # fmt: skip
FIELD = st.one_of(
    st.sampled_from(NASTY),
    st.floats(-2, 2).map(lambda value: f"{value:.4g}"),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r,"), max_size=4),
)
LINE = st.lists(FIELD, min_size=1, max_size=5).map(",".join)


@SLOW
@example(["1,2,\x1f3"])
@example(["1,2,\x0b3"])
@example(["1,2,1e0001"])
@example(["1,2,1E400", "1,2,3"])
@given(st.lists(LINE, max_size=12))
def test_the_fast_and_the_careful_parser_agree(lines: list[str]) -> None:
    together = parse_rows(lines, width=3, numbers=3, delimiter=",")
    apart = [parse_rows([line], width=3, numbers=3, delimiter=",") for line in lines]
    assert together.values.tolist() == [row for one in apart for row in one.values.tolist()]
    assert together.kept.tolist() == [i for i, one in enumerate(apart) if len(one.kept)]
    assert together.dropped == sum((one.dropped for one in apart), start=type(together.dropped)())
    for line, one in zip(lines, apart, strict=True):
        fields = [field.strip(" \t") for field in line.split(",")]
        good = len(fields) == 3 and all(map(is_number, fields))
        good = good and all(math.isfinite(float(field)) for field in fields)
        assert len(one.kept) == good, line
        if good:
            assert one.values.tolist() == [[float(field) for field in fields]]
        else:
            assert one.dropped.total() == bool(line.strip(" \t")), line


@SLOW
@given(
    lines=st.lists(st.integers(0, 60).map(lambda n: "a" * n), max_size=20),
    size=st.integers(1, 50),
    ended=st.booleans(),
)
def test_lines_do_not_depend_on_where_blocks_end(
    tmp_path: Path, lines: list[str], size: int, ended: bool
) -> None:
    path = written(tmp_path / "t", "\n".join(lines) + "\n" * ended)
    outcomes = []
    for block in (size, 1 << 20):
        with pytest.MonkeyPatch.context() as patch, path.open("rb") as stream:
            patch.setattr(text_rows, "_BLOCK_BYTES", block)
            patch.setattr(text_rows, "MAX_LINE_BYTES", 40)
            reader = Lines(stream)
            outcomes.append(([line for part in reader for line in part], reader.dropped))
    assert outcomes[0] == outcomes[1]
    kept, dropped = outcomes[0]
    assert len(kept) + dropped.total() == sum(1 for line in lines if line)


def test_a_last_line_without_an_end_is_used_when_nothing_of_it_is_new(tmp_path: Path) -> None:
    (one,) = read(tmp_path / "a.csv", (HEAD + rows(3)).rstrip("\n"))
    assert len(one) == 3 and not one.dropped
    labelled = "# units=g\ntime,x,y,z,label\n" + rows(3, tail=",walking")
    (one,) = read(tmp_path / "b.csv", labelled + "0.06,0,0,1,walking")
    assert len(one) == 4 and not one.dropped
    (one,) = read(tmp_path / "c.csv", labelled + "0.06,0,0,1,walki")
    assert len(one) == 3 and one.labels.names == ("walking",)
    assert one.dropped == {text_rows.UNFINISHED: 1}
    (one,) = read(tmp_path / "d.csv", labelled + "0.06,0,0")
    assert len(one) == 3 and one.dropped == {text_rows.COLUMNS: 1}


STEP = st.sampled_from([0.02, 0.02, 0.02, 0.0, -0.5, 1.0])


@SLOW
@given(
    steps=st.lists(st.tuples(STEP, st.sampled_from("ab"), st.sampled_from(["", "sit", "walk"]))),
    block=st.sampled_from([40, 1 << 20]),
)
def test_rows_in_are_rows_out_plus_rows_counted(
    tmp_path: Path, steps: list[tuple[float, str, str]], block: int
) -> None:
    time, text = 0.0, "# units=counts\ntime,x,y,z,placement,label\n"
    for number, (step, placement, label) in enumerate(steps):
        time += step
        text += f"{time:.2f},{number},0,0,{placement},{label}\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_rows, "_BLOCK_BYTES", block)
        try:
            found = read(tmp_path / "a.csv", text)
        except DataError as error:
            assert "no usable row" in str(error)
            return
    assert sum(len(one) + sum(one.dropped.values()) for one in found) == len(steps)
    for one in found:
        for x, code in zip(one.acc_g[:, 0] * 256, one.labels.codes, strict=True):
            _, placement, label = steps[int(x)]
            assert placement == one.placement
            assert label == ("" if code < 0 else one.labels.names[code])


def test_lines_of_blanks_alone_are_no_rows() -> None:
    """numpy warns of them, and a warning is an error here."""
    found = parse_rows(["\t", " ", "\t \t"], width=3, numbers=3, delimiter=None)
    assert len(found.values) == 0 and not found.dropped


@pytest.mark.parametrize("text", ["1e31", "-1e308", "9" * 40])
def test_a_number_beyond_all_sensors_and_clocks_is_left_out(tmp_path: Path, text: str) -> None:
    body = "time,x,y,z\n0,0,0,1\n" + f"{text},0,0,1\n0.02,0,0,{text}\n0.04,0,0,1\n0.06,0,0,1\n"
    (recording,) = read(tmp_path / "a.csv", body, units="g")
    assert len(recording) == 3 and recording.dropped == {"not a finite number": 2}


def test_a_file_name_that_is_no_utf_8_gives_a_subject_that_can_be_written(tmp_path: Path) -> None:
    for name in ("p\udcfe.csv", "p\udcff.csv"):
        written(tmp_path / name, HEAD + rows(3))
    dataset = open_dataset(tmp_path)
    assert [one.subject for one in dataset] == ["p\\udcfe", "p\\udcff"]
    assert all(one.source.encode() for one in dataset)
