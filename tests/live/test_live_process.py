"""`wearkit live` as a user runs it: a real process on a real port."""

import json
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import open_bundle
from wearkit.capture.decode import read_recording
from wearkit.capture.file import CaptureReader, Kind
from wearkit.counts import g_to_counts
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.recordings.formats import open_dataset

Counts = NDArray[np.int16]
Start = Callable[..., Any]  # conftest's live_on_pty and wearkit_process
Lines = Callable[..., list[bytes]]
HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z\n"


@pytest.fixture
def batch(micro_bundle: Path, expected_logits: Callable[..., Any]) -> Callable[[Counts], Any]:
    graph = open_bundle(micro_bundle).graph
    return lambda counts: expected_logits(graph, counts)


def assert_batch(windows: list[dict[str, Any]], expected: dict[str, NDArray[np.int8]]) -> None:
    assert set(windows[0]["tasks"]) == set(expected)
    for task, rows in expected.items():
        assert [window["tasks"][task]["logits"] for window in windows] == rows.tolist()
        for window, row in zip(windows, rows, strict=True):
            said = window["tasks"][task]
            assert said["label"].endswith(str(row.argmax())) or task == "placement"
            assert 1 / len(row) <= said["prob"] <= 1


@pytest.mark.parametrize(
    ("units", "header"), [("counts", True), ("g", False), ("mg", False), ("m/s2", True)]
)
def test_live_reading_simulate_says_what_the_batch_says(
    wearkit_process: Start,
    micro_bundle: Path,
    moving_counts: Callable[..., Counts],
    batch: Callable[[Counts], Any],
    tmp_path: Path,
    units: str,
    header: bool,
) -> None:
    # At rest 1014 mg: from 980 to 1000 could be cm/s2 as well, and live asks for the unit.
    counts = np.minimum(moving_counts(1300) + np.array([0, 0, 6], np.int16), 511).astype(np.int16)
    recording = tmp_path / "walk.csv"
    rows = "".join(f"{i / 50:.2f},{x},{y},{z}\n" for i, (x, y, z) in enumerate(counts.tolist()))
    recording.write_text("# units=counts\ntime,x,y,z\n" + rows)
    simulate = wearkit_process(
        "simulate", "--data", str(recording), "--speed", "200", "--units", units,
        *([] if header else ["--no-header"]),
    )  # fmt: skip
    assert simulate.stdout is not None
    port = simulate.stdout.readline().strip()
    live = wearkit_process("live", "--json", "--port", port, "--bundle", str(micro_bundle))
    out, err = live.communicate(timeout=60)
    windows = [json.loads(line) for line in out.splitlines()]
    keys = ["window", "windows", "first_index", "t_s", "valid", "reasons", "clipped_share", "tasks"]
    assert list(windows[0]) == keys
    assert [w["window"] for w in windows] == list(range(21))
    assert [w["first_index"] for w in windows] == [60 * k for k in range(21)]
    assert [w["t_s"] for w in windows] == pytest.approx([1.2 * k for k in range(21)])
    assert all(w["valid"] and w["reasons"] in ([], ["clipped"]) for w in windows)
    assert_batch(windows, batch(counts))
    summary = json.loads(err.splitlines()[0])["summary"]
    assert (summary["samples"], summary["missing_samples"], summary["rejected"]) == (1300, 0, {})
    assert (summary["unit"], summary["simulated"]) == (units, header)
    assert summary["rate_hz"] == pytest.approx(50.0)
    # The recording's end is the sensor's end.
    assert live.returncode == 4
    assert "went away" in err
    assert "Traceback" not in err
    assert simulate.wait(timeout=60) == 0


def test_live_reading_simulated_frames_says_what_the_batch_says(
    wearkit_process: Start,
    micro_bundle: Path,
    moving_counts: Callable[..., Counts],
    batch: Callable[[Counts], Any],
    tmp_path: Path,
) -> None:
    counts = moving_counts(1307)
    recording = tmp_path / "walk.csv"
    rows = "".join(f"{i / 50:.2f},{x},{y},{z}\n" for i, (x, y, z) in enumerate(counts.tolist()))
    recording.write_text("# units=counts\ntime,x,y,z\n" + rows)
    simulate = wearkit_process(
        "simulate", "--data", str(recording), "--speed", "200", "--protocol", "binary"
    )
    assert simulate.stdout is not None
    port = simulate.stdout.readline().strip()
    live = wearkit_process("live", "--json", "--port", port, "--bundle", str(micro_bundle))
    out, err = live.communicate(timeout=60)
    windows = [json.loads(line) for line in out.splitlines()]
    assert [w["first_index"] for w in windows] == [60 * k for k in range(21)]
    assert all(w["valid"] and w["reasons"] in ([], ["clipped"]) for w in windows)
    assert_batch(windows, batch(counts))
    summary = json.loads(err.splitlines()[0])["summary"]
    assert (summary["samples"], summary["missing_samples"], summary["rejected"]) == (1307, 0, {})
    assert (summary["unit"], summary["simulated"]) == ("counts", True)
    assert summary["rate_hz"] == pytest.approx(50.0)
    frames = summary["frames"]
    assert (frames["samples"], frames["sample_frames"], frames["lost"]) == (1307, 131, 0)
    assert (frames["hellos"], frames["stats"]) == (14, 5)
    assert live.returncode == 4
    assert "Traceback" not in err
    assert simulate.wait(timeout=60) == 0


def test_bytes_that_wait_in_the_port_are_read_not_flushed(
    live_on_pty: Start,
    moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
    batch: Callable[[Counts], Any],
) -> None:
    counts = moving_counts(220)
    live = live_on_pty("--windows", "3", sent=b"".join(sensor_lines(counts)))
    outcome = live.finish()
    assert outcome.code == 0
    assert [w["first_index"] for w in outcome.windows] == [0, 60, 120]
    assert_batch(outcome.windows, batch(counts))
    assert outcome.summary["ended"] == "windows"


def test_junk_and_a_lost_line_cost_only_what_they_touch(
    live_on_pty: Start,
    moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
    batch: Callable[[Counts], Any],
) -> None:
    counts = moving_counts(640)
    lines = sensor_lines(counts)
    del lines[250]
    live = live_on_pty("--units", "counts")
    live.send(b"\xfe\x00rest of a line\n")
    for line in lines:
        live.send(line + b"junk \xff\x80\n")
    live.unplug()
    outcome = live.finish()
    assert outcome.code == 4
    valid = [w for w in outcome.windows if w["valid"]]
    assert [w["window"] for w in valid] == [0, 1, 2, 5, 6, 7, 8, 9]
    expected = batch(counts)
    assert_batch(valid, {task: np.delete(rows, [3, 4], axis=0) for task, rows in expected.items()})
    for window in outcome.windows[3:5]:
        assert (window["reasons"], window["tasks"]) == (["gap"], {})
    assert outcome.summary["missing_samples"] == 1
    assert outcome.summary["rejected"] == {"not_ascii": 640}


def test_unplugged_in_mid_line_ends_with_a_summary_and_exit_4(
    live_on_pty: Start, moving_counts: Callable[..., Counts], sensor_lines: Lines
) -> None:
    live = live_on_pty(sent=HEADER + b"".join(sensor_lines(moving_counts(150))))
    assert live.read_window()["window"] == 0
    live.send(b"150,3000000,1,2,3")
    live.unplug()
    outcome = live.finish()
    assert outcome.code == 4
    assert outcome.err.splitlines()[-1].startswith("wearkit: /dev/")
    assert "went away" in outcome.err
    assert outcome.summary["ended"] == "lost"
    assert outcome.summary["samples"] == 150
    assert outcome.summary["bytes_ignored"] == len(HEADER) + len(b"150,3000000,1,2,3")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly_and_keeps_the_recording(
    live_on_pty: Start,
    moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    counts = moving_counts(160)
    path = tmp_path / "kept.csv"
    live = live_on_pty("--record", str(path), sent=HEADER + b"".join(sensor_lines(counts)))
    live.read_window()
    live.read_window()
    live.process.send_signal(number)
    outcome = live.finish()
    assert outcome.code == code
    assert outcome.summary["ended"] == "stopped"
    assert "Traceback" not in outcome.err
    (recording,) = list(open_dataset(path))
    assert g_to_counts(recording.acc_g).tolist() == counts.tolist()
    assert recording.time_s == pytest.approx(np.arange(160) / 50)


def test_a_full_disk_stops_the_recording_not_the_verdicts(
    live_on_pty: Start, moving_counts: Callable[..., Counts], sensor_lines: Lines
) -> None:
    live = live_on_pty("--record", "/dev/full", "--force", "--windows", "3")
    live.send(HEADER + b"".join(sensor_lines(moving_counts(300))))
    outcome = live.finish()
    assert len(outcome.windows) == 3
    assert outcome.code == 8
    assert "stopped early: No space left" in outcome.err


def test_an_existing_recording_is_not_touched(live_on_pty: Start, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("precious")
    outcome = live_on_pty("--record", str(path)).finish()
    assert outcome.code == 8
    assert "--force" in outcome.err
    assert path.read_text() == "precious"


def test_live_imports_none_of_the_training_and_export_tools(
    live_on_pty: Start, moving_counts: Callable[..., Counts], sensor_lines: Lines, tmp_path: Path
) -> None:
    listing = tmp_path / "modules"
    program = (
        "import sys\n"
        "from wearkit.cli import run\n"
        "code = run()\n"
        f"open({str(listing)!r}, 'w').write('\\n'.join(sorted(sys.modules)))\n"
        "sys.exit(code)\n"
    )
    live = live_on_pty(
        "--windows", "2", program=program, sent=HEADER + b"".join(sensor_lines(moving_counts(200)))
    )
    assert live.finish().code == 0
    loaded = {name.partition(".")[0] for name in listing.read_text().splitlines()}
    assert {"wearkit", "serial", "numpy"} <= loaded
    heavy = {"torch", "tensorflow", "onnx", "onnxruntime", "wearkit_export", "matplotlib", "scipy"}
    assert not loaded & heavy


def test_a_socket_is_a_port_too(
    wearkit_process: Start,
    micro_bundle: Path,
    moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
    batch: Callable[[Counts], Any],
) -> None:
    counts = moving_counts(700)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server.accept()[0] as connection:
            connection.sendall(b"".join(sensor_lines(counts)))

    sender = threading.Thread(target=serve)
    sender.start()
    url = f"socket://127.0.0.1:{server.getsockname()[1]}"
    live = wearkit_process("live", "--json", "--port", url, "--bundle", str(micro_bundle))
    out, err = live.communicate(timeout=60)
    sender.join()
    server.close()
    assert_batch([json.loads(line) for line in out.splitlines()], batch(counts))
    assert live.returncode == 4, err


def test_a_recorded_session_survives_an_unplug_and_converts_to_what_was_sent(
    wearkit_process: Start,
    micro_bundle: Path,
    moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
    tmp_path: Path,
) -> None:
    counts = moving_counts(460)
    lines = sensor_lines(counts)
    link, path = tmp_path / "port", tmp_path / "session.wkrec"
    first, second = PseudoTerminal(link), PseudoTerminal()
    live = wearkit_process(
        "live", "--json", "--port", str(link), "--bundle", str(micro_bundle), "--windows", "6",
        "--reconnect", "60", "--record", str(path),
    )  # fmt: skip
    assert first.wait_for_reader(lambda: False, 60)
    first.write(HEADER + b"".join(lines[:220]) + lines[220][:7], lambda: False)
    assert live.stdout is not None
    for _ in range(3):
        live.stdout.readline()
    assert first.drain(lambda: False)
    first.close()
    link.symlink_to(second.path)
    assert second.wait_for_reader(lambda: False, 60)
    second.write(b"".join(lines[220:]), lambda: False)
    out, err = live.communicate(timeout=60)
    second.close()
    assert live.returncode == 0, err
    windows = [json.loads(line) for line in out.splitlines()]
    # The index went on and nothing is missing: no window lost its verdict.
    assert [w["valid"] for w in windows] == [True] * 3
    summary = json.loads(err.splitlines()[-1])["summary"]
    faults = {code: times for code, times in summary["faults"].items() if code != "CLIPPED"}
    assert faults == {"UNPLUGGED": 1}
    recorded = read_recording(path)
    assert recorded.ended
    assert recorded.counts[:400].tolist() == counts[:400].tolist()
    kinds = [record.kind for record in CaptureReader(path)]
    assert kinds.count(Kind.RESUMED) == 1
