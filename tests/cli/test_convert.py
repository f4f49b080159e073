"""wearkit live --record, cut off or not, through wearkit convert to what train reads."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wearkit.capture.decode import session_record
from wearkit.capture.file import CaptureWriter, Kind
from wearkit.cli import run
from wearkit.counts import g_to_counts
from wearkit.files.npz import read_npz
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Hello, Samples
from wearkit.link.options import StreamOptions
from wearkit.link.text.header import parse_axes
from wearkit.recordings.formats import open_dataset
from wearkit.units import Unit

HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z sensor=simulated\n"
ROWS = [(i % 400 - 200, 17, 250 + i % 5) for i in range(300)]


def line(index: int) -> bytes:
    return b"%d,%d,%d,%d,%d\n" % (index, index * 20_000, *ROWS[index])


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """300 samples less 150 to 159, unplugged in the middle of line 200, and a torn end."""
    path = tmp_path / "walk.wkrec"
    log = CaptureWriter(path)
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
    from wearkit.capture.file import _record

    path = tmp_path / "odd.wkrec"
    log = CaptureWriter(path)
    log._append(_record(Kind.SESSION, 0, first))
    log.close()
    assert run(["convert", str(path), str(tmp_path / "o.csv")]) == 5
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_the_user_said_is_recorded_and_used_again(tmp_path: Path) -> None:
    options = StreamOptions(
        50.0, Unit.MG, ("t_ms", "x", "y", "z"), parse_axes("-y+x+z", ""), settle_s=3.0
    )
    path = tmp_path / "said.wkrec"
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(options, "p", "m"))
    log.chunk(b"".join(b"%d,10,500,-800\n" % (20 * i) for i in range(5)), 1.0)
    log.close()
    out = tmp_path / "said.csv"
    assert run(["convert", str(path), str(out)]) == 0
    # -y+x+z: the first number is minus y, the second x.
    assert out.read_text().splitlines()[2].split(",")[1:] == ["128", "-3", "-205"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_the_sidecar_says_what_the_table_does_not(
    recording: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"walk{suffix}"
    assert run(["convert", str(recording), str(out)]) == 0
    said = json.loads((tmp_path / f"walk{suffix}.json").read_text())
    assert said["table"] == {"file": out.name, "sha256": _sha256(out)}
    assert said["recording"] == {"file": recording.name, "sha256": _sha256(recording)}
    assert (said["samples"], said["missing_samples"], said["restarts"]) == (290, 10, 0)
    assert said["gaps"] == [{"time_s": 3.2, "missing": 10, "restart": False}]
    assert said["measured_rate_hz"] == pytest.approx(50.0)
    assert (said["nominal_rate_hz"], said["range_g"], said["counts_per_g"]) == (50.0, 2, 256)
    assert (said["unit"], said["sent_unit"]) == ("counts", "counts")
    assert (said["axes"], said["clipped_samples"], said["simulated"]) == ("+x+y+z", 0, True)
    assert (said["torn_bytes"], said["ended_by_itself"]) == (5, False)
    assert (said["port"], said["bundle_model_id"]) == ("/dev/ttyACM0", "ab" * 32)
    assert said["device"] is None


def test_the_sidecar_of_frames_names_the_device(tmp_path: Path) -> None:
    hello = Hello(
        boot_id=4, uid=bytes(range(8)), firmware=(1, 2, 3), axes=parse_axes("-y+x+z", ""),
        supply_mv=3300, lsb_per_g=(265, 265, 256), model_id=b"\xab" * 8,
    )  # fmt: skip
    path = tmp_path / "worn.wkrec"
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(StreamOptions(50.0), "/dev/ttyACM0", "ab" * 32))
    said: list[Message] = [hello]
    # The second frame is lost; then the device boots again.
    for first in (0, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110):
        rows = tuple((511 if first == 30 else 5, -6, 256) for _ in range(10))
        said.append(Samples(first, round((first + 9) * 20_000 / 0.98), rows))
    said += [replace(hello, boot_id=5), Samples(0, 180_000, ((1, 2, 3),) * 10)]
    for seq, message in enumerate(said):
        log.chunk(encode_message(message, seq), 1.0 + seq / 5)
    log.close()
    assert run(["convert", str(path), str(tmp_path / "worn.csv")]) == 0
    found = json.loads((tmp_path / "worn.csv.json").read_text())
    device = found["device"]
    assert (device["uid"], device["firmware"]) == ("0001020304050607", "1.2.3")
    assert (device["supply_mv"], device["lsb_per_g"]) == (3300, [265, 265, 256])
    assert (device["model_id"], device["offsets"], device["data_format"]) == ("ab" * 8, None, 8)
    assert (found["axes"], found["clipped_samples"]) == ("-y+x+z", 10)
    assert [(gap["missing"], gap["restart"]) for gap in found["gaps"]] == [(10, False), (0, True)]
    assert (found["missing_samples"], found["restarts"]) == (10, 1)
    assert found["measured_rate_hz"] is None  # the run since the restart is too short


def test_a_sidecar_that_is_there_is_not_replaced_unasked(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk.csv.json").write_text("mine")
    out = tmp_path / "walk.csv"
    assert run(["convert", str(recording), str(out)]) == 8
    assert "--force" in capsys.readouterr().err
    assert not out.exists() and (tmp_path / "walk.csv.json").read_text() == "mine"
    assert run(["convert", str(recording), str(out), "--force"]) == 0
    assert json.loads((tmp_path / "walk.csv.json").read_text())["samples"] == 290


def test_a_folder_with_sidecars_is_read_as_before(recording: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    assert run(["convert", str(recording), str(folder / "walk.csv")]) == 0
    (read,) = list(open_dataset(folder))
    assert len(read.time_s) == 290
