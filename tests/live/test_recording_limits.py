"""What a recording's first record may say, and what its summary says of the rest."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit import __version__
from wearkit.capture.decode import (
    Capture,
    Gap,
    options_of,
    read_recording,
    session_record,
)
from wearkit.capture.file import CaptureWriter, Kind, _record
from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES
from wearkit.link.options import StreamOptions
from wearkit.link.text.header import parse_axes
from wearkit.units import Unit

HEADER = b"#wearkit text/1 units=counts fields=index,x,y,z\n"


def written(path: Path, record: dict[str, Any], *chunks: bytes, ended: bool = False) -> Capture:
    log = CaptureWriter(path, force=True)
    log.note(Kind.SESSION, record)
    for second, chunk in enumerate(chunks):
        log.chunk(chunk, float(second))
    if ended:
        log.note(Kind.END, {})
    log.close()
    return read_recording(path)


def plain() -> dict[str, Any]:
    return session_record(StreamOptions(50.0), "p", "m")


def lines(first: int, end: int) -> bytes:
    return b"".join(b"%d,%d,-7,256\n" % (k, k) for k in range(first, end))


def test_the_first_record_holds_everything_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wearkit.capture.decode.time.time", lambda: 1234.56789)
    options = StreamOptions(
        25.0,
        Unit.MG,
        fields=("index", "x", "y", "z"),
        axes=parse_axes("-y+x+z", ""),
        skip_head=True,
        settle_s=3.5,
    )
    expected = {
        "wearkit": __version__,
        "started_unix_s": 1234.568,
        "port": "/dev/x",
        "model_id": "ab",
        "rate_hz": 25.0,
        "units": "mg",
        "fields": "index,x,y,z",
        "axes": "-y+x+z",
        "skip_head": True,
        "settle_s": 3.5,
        "hop": 30,
    }
    record = session_record(options, "/dev/x", "ab", hop=30)
    assert {name: record[name] for name in expected} == expected
    assert session_record(StreamOptions(50.0), "p", "m")["hop"] == 1


@pytest.mark.parametrize("rate_hz", [1e-3, 0.5, 1, 99_999.9])
def test_every_rate_a_sensor_may_have_is_read(rate_hz: float) -> None:
    assert options_of(plain() | {"rate_hz": rate_hz}).rate_hz == rate_hz


@pytest.mark.parametrize("rate_hz", [-1, -1e-3, 0, 1e5, float("nan"), float("inf")])
def test_no_other_rate_is_read(rate_hz: float) -> None:
    with pytest.raises(DataError, match="first record is damaged"):
        options_of(plain() | {"rate_hz": rate_hz})


@pytest.mark.parametrize("hop", [1, 100_000])
def test_windows_may_be_so_far_apart(tmp_path: Path, hop: int) -> None:
    assert written(tmp_path / "a", plain() | {"hop": hop}, HEADER + lines(0, 4)).samples == 4


@pytest.mark.parametrize("hop", [0, 100_001])
def test_and_no_further(tmp_path: Path, hop: int) -> None:
    with pytest.raises(DataError, match=f"windows are {hop} apart"):
        written(tmp_path / "a", plain() | {"hop": hop}, HEADER + lines(0, 4))


@pytest.mark.parametrize(("hop", "place"), [(None, 5), (1, 5), (2, 6), (60, 60)])
def test_a_restart_begins_on_the_grid_of_windows(
    tmp_path: Path, hop: int | None, place: int
) -> None:
    record = plain() | {"hop": hop}
    if hop is None:  # of before it was written down
        del record["hop"]
    again = written(tmp_path / "a", record, HEADER + lines(0, 4), b"#restart 1\n" + lines(0, 4))
    times = [k / 50 for k in range(4)] + [(place + k) / 50 for k in range(4)]
    assert again.restarts == 1 and again.time_s == pytest.approx(times)
    assert again.gaps == (Gap(again.time_s[4], 0, True),)


def test_the_summary_of_a_session(tmp_path: Path) -> None:
    header = b"#wearkit text/1 units=mg rate=25 axes=-y+x+z sensor=simulated fields=index,x,y,z\n"
    again = written(
        tmp_path / "a", plain(), header + lines(0, 10) + b"junk\n", lines(13, 20), ended=True
    )
    assert (again.samples, again.missing, again.restarts, again.rejected) == (17, 3, 0, 1)
    assert (again.rate_hz, again.nominal_rate_hz, again.rate) == (50.0, 25.0, None)
    assert (again.simulated, again.ended, again.unit) == (True, True, "mg")
    assert again.unit_evidence == "said by the device's header"
    assert again.axes.text == "-y+x+z"
    assert again.gaps == (Gap(again.time_s[10], 3, False),)
    assert again.time_s[10] == pytest.approx(13 / 50)
    assert again.seconds == again.time_s[-1] == pytest.approx(19 / 50)
    assert again.hello is None and again.session == plain() | {
        "started_unix_s": again.session["started_unix_s"]
    }
    assert again.acc_g.dtype == np.float32
    assert (again.acc_g * 256 == again.counts).all()


def test_a_session_of_no_sample(tmp_path: Path) -> None:
    again = written(tmp_path / "a", plain())
    assert again.time_s.shape == (0,) and again.counts.shape == (0, 3)
    assert (again.time_s.dtype.name, again.counts.dtype.name) == ("float64", "int16")
    assert (again.samples, again.seconds, again.gaps, again.gaps_not_listed) == (0, 0.0, (), 0)
    assert (again.unit, again.unit_evidence, again.rate) == (None, None, None)
    assert (again.simulated, again.ended, again.nominal_rate_hz) == (False, False, 50.0)
    assert again.axes == SAME_AXES


def test_a_session_that_went_on_after_its_end_did_not_end_itself(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert written(path, plain(), HEADER, ended=True).ended
    log = CaptureWriter(tmp_path / "b")
    log.chunk(lines(0, 5), 9.0)
    log.close()
    path.write_bytes(path.read_bytes() + (tmp_path / "b").read_bytes()[8:])
    assert not read_recording(path).ended


@pytest.mark.parametrize("order", list(permutations("xyz")))
def test_axes_are_written_as_they_are_read(order: tuple[str, ...]) -> None:
    for signs in product("+-", repeat=3):
        text = "".join(sign + axis for sign, axis in zip(signs, order, strict=True))
        assert parse_axes(text, "").text == text


def test_records_of_other_kinds_do_not_break_a_line_in_two(tmp_path: Path) -> None:
    log = CaptureWriter(tmp_path / "a")
    log.note(Kind.SESSION, plain())
    log.chunk(HEADER + b"0,1,2,25", 0.0)
    for kind in (0, Kind.SESSION, Kind.EVENT, 77):
        log._append(_record(kind, 0, b"{}"))
    log.chunk(b"6\n" + lines(1, 5), 0.1)
    log._append(_record(77, 0, b"{}"))
    log.close()
    again = read_recording(tmp_path / "a")
    assert (again.samples, again.rejected, again.counts[0, 2]) == (5, 0, 256)
    assert not again.ended


@pytest.mark.parametrize("kind", [0, Kind.BYTES, Kind.END])
def test_only_a_session_may_come_first(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a"
    CaptureWriter(path).close()
    payload = json.dumps(plain()).encode()
    path.write_bytes(path.read_bytes() + _record(kind, 0, payload))
    with pytest.raises(DataError, match="holds no session"):
        read_recording(path)


@pytest.mark.parametrize(("arrival_s", "rejected"), [(102.9, 0), (103.1, 1)])
def test_noise_is_none_while_the_board_starts_by_the_hosts_clock(
    tmp_path: Path, arrival_s: float, rejected: int
) -> None:
    log = CaptureWriter(tmp_path / "a")
    log.note(Kind.SESSION, session_record(StreamOptions(50.0, settle_s=3.0), "p", "m"))
    log.chunk(HEADER + lines(0, 5), 100.0)
    log.chunk(b"boot: 1\n", arrival_s)
    log.close()
    assert read_recording(tmp_path / "a").rejected == rejected
