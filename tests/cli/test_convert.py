"""wearkit live --record, cut off or not, through wearkit convert to what train reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from wearkit.cli import run
from wearkit.counts import g_to_counts
from wearkit.link.recording import session_record
from wearkit.link.session_log import Kind, SessionLog
from wearkit.link.stream import StreamOptions
from wearkit.link.text_header import parse_axes
from wearkit.npz import read_npz
from wearkit.readers import open_dataset
from wearkit.units import Unit

HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z sensor=simulated\n"
ROWS = [(i % 400 - 200, 17, 250 + i % 5) for i in range(300)]


def line(index: int) -> bytes:
    return b"%d,%d,%d,%d,%d\n" % (index, index * 20_000, *ROWS[index])


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """300 samples less 150 to 159, unplugged in the middle of line 200, and a torn end."""
    path = tmp_path / "walk.wkrec"
    log = SessionLog(path)
    log.note(Kind.SESSION, session_record(StreamOptions(50.0), "/dev/ttyACM0", "ab" * 32))
    log.chunk(HEADER, 5.0)
    for index in [*range(150), *range(160, 200)]:
        log.chunk(line(index), 5.0 + index / 50)
    log.chunk(line(200)[:5], 9.0)
    log.chunk(line(200) + line(201), 20.0, resumed=True)
    for index in range(202, 300):
        log.chunk(line(index), 20.0 + index / 50)
    log.close()
    path.write_bytes(path.read_bytes() + b"\xf0\x9dWK\x02")
    return path


def test_the_csv_holds_what_came_and_is_read_like_any_other(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.csv"
    assert run(["convert", str(recording), str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["missing_samples"], found["torn_bytes"]) == (290, 10, 5)
    assert (found["restarts"], found["lines_rejected"], found["ended_by_itself"]) == (0, 0, False)
    (read,) = list(open_dataset(out))
    expected = [row for index, row in enumerate(ROWS) if not 150 <= index < 160]
    assert g_to_counts(read.acc_g).tolist() == [list(row) for row in expected]
    assert read.simulated
    kept = [index for index in range(300) if not 150 <= index < 160]
    assert read.time_s == pytest.approx(np.array(kept) / 50, abs=1e-6)


def test_the_npz_holds_counts_and_times(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.npz"
    assert run(["convert", str(recording), str(out)]) == 0
    types = {"time_s": "float64", "counts": "int16", "rate_hz": "float64"}
    arrays = read_npz(out, types)
    assert arrays["counts"].shape == (290, 3)
    assert arrays["rate_hz"].tolist() == [50.0]


def test_parquet_needs_pyarrow_and_says_so(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.parquet"
    code = run(["convert", str(recording), str(out)])
    try:
        from pyarrow import parquet
    except ImportError:
        assert code == 7
        assert "pip install pyarrow" in capsys.readouterr().err
        assert not out.exists()
        return
    assert code == 0
    assert parquet.read_table(out).num_rows == 290


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [("walk.xlsx", 5, ".csv, .npz, .parquet"), ("here.csv", 8, "--force")],
)
def test_what_cannot_be_written_is_one_sentence(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: int,
    says: str,
) -> None:
    (tmp_path / "here.csv").write_text("mine")
    assert run(["convert", str(recording), str(tmp_path / name)]) == code
    assert says in capsys.readouterr().err
    assert (tmp_path / "here.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "first", [b'{"rate_hz":"x"}', b"[]", b'{"rate_hz":50}', b"\xff", b'{"rate_hz":1e999}']
)
def test_a_first_record_that_is_not_ours_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: bytes
) -> None:
    from wearkit.link.session_log import _record

    path = tmp_path / "odd.wkrec"
    log = SessionLog(path)
    log._append(_record(Kind.SESSION, 0, first))
    log.close()
    assert run(["convert", str(path), str(tmp_path / "o.csv")]) == 5
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_the_user_said_is_recorded_and_used_again(tmp_path: Path) -> None:
    options = StreamOptions(
        50.0, Unit.MG, ("t_ms", "x", "y", "z"), parse_axes("-y+x+z", ""), settle_s=3.0
    )
    path = tmp_path / "said.wkrec"
    log = SessionLog(path)
    log.note(Kind.SESSION, session_record(options, "p", "m"))
    log.chunk(b"".join(b"%d,10,500,-800\n" % (20 * i) for i in range(5)), 1.0)
    log.close()
    out = tmp_path / "said.csv"
    assert run(["convert", str(path), str(out)]) == 0
    # -y+x+z: the first number is minus y, the second x.
    assert out.read_text().splitlines()[2].split(",")[1:] == ["128", "-3", "-205"]
