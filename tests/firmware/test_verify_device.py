"""wearkit verify against the firmware itself, over a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle
from wearkit.cli import run
from wearkit.link.frames.frame import Frame, FrameDecoder, FrameType
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.verification import replay as replay_verify
from wearkit_export.device import build as device_build
from wearkit_export.device.build import build_host_device
from wearkit_export.emulate.device import Emulated, EmulateOptions, HostDevice

Counts = NDArray[np.int16]
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass
class Running:
    """A device on a port that a test holds open, so that its readers may come and go."""

    port: PseudoTerminal
    holder: int
    thread: threading.Thread
    stop: list[bool] = field(default_factory=list)
    result: list[Emulated] = field(default_factory=list)

    def heard(self, enough: Callable[[list[Frame]], bool]) -> list[Frame]:
        """What the device says from now on."""
        decoder, frames = FrameDecoder(), list[Frame]()
        while not enough(frames):
            for part in decoder.feed(os.read(self.holder, 4096)):
                if isinstance(part.content, Frame):
                    frames.append(part.content)
        return frames


@pytest.fixture(scope="module")
def program(
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    needs_program: Callable[[str, str], str],
) -> Path:
    needs_program("gcc", "apt-get install gcc")
    return build_host_device(bundle, tmp_path_factory.mktemp("device"), flags=SANITIZERS)


@pytest.fixture
def start(program: Path, made_counts: Callable[..., Counts]) -> Iterator[Callable[..., Running]]:
    """start(**options) -> the device, running on recordings that do not end by themselves."""
    started: list[Running] = []

    def begin(
        *, device: Path = program, counts: Counts | None = None, **options: object
    ) -> Running:
        port = PseudoTerminal()
        holder = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
        made: Counts = made_counts(2000, seed=3).reshape(-1, 3) if counts is None else counts
        chosen = EmulateOptions(**({"speed": 20.0, "boot_id": 70} | options))  # type: ignore[arg-type]
        running = Running(port, holder, threading.Thread())

        def play() -> None:
            parts = [made] if counts is not None else [made] * 20
            stop = lambda: bool(running.stop)  # noqa: E731
            running.result.append(HostDevice(device).run(port, parts, chosen, stop))

        running.thread = threading.Thread(target=play)
        running.thread.start()
        started.append(running)
        return running

    yield begin
    for running in started:
        running.stop.append(True)
        running.thread.join(60)
        assert not running.thread.is_alive()
        running.port.close()
        os.close(running.holder)


def verify(running: Running, bundle: Bundle, folder: Path, *options: str) -> int:
    return run(
        ["verify", "--port", running.port.path, "--bundle", str(bundle.path),
         "--certificate", str(folder / "e.json"), *options]
    )  # fmt: skip


def test_golden_and_recorded_windows_are_computed_as_the_reference_does(
    start: Callable[..., Running],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = made_counts(5, seed=12).reshape(-1, 3)
    rows = "".join(f"{i / 50:.2f},{x},{y},{z}\n" for i, (x, y, z) in enumerate(counts.tolist()))
    (tmp_path / "walk.csv").write_text("# units=counts\ntime,x,y,z\n" + rows)
    device = start(streaming=True)
    code = verify(device, bundle, tmp_path, "--data", str(tmp_path / "walk.csv"), "--json")
    out, err = capsys.readouterr()
    assert code == 0, err
    said = json.loads((tmp_path / "e.json").read_text())
    assert json.loads(out) == said
    golden = len(bundle.golden().counts)
    expected = golden + (500 - 100) // 60 + 1
    assert (said["result"], said["windows_compared"], said["windows_differing"]) == (
        "equivalent", expected, 0,
    )  # fmt: skip
    session = said["session"]
    assert (session["retries"], session["put_back"], said["faults"]) == (0, True, {})
    assert said["replayed"].startswith(f"{golden} golden windows of the bundle, then ")
    assert said["device"]["uid"] == b"wk-host\0".hex()
    assert all(line["whole"] == line["parts"] for line in said["sums"])
    page = (tmp_path / "e.md").read_text()
    assert "replayed through the link in the sensor's place" in page
    # The sensor runs again, and counts from 0.
    frames = device.heard(lambda heard: any(frame.type == FrameType.SAMPLES for frame in heard))
    assert all(frame.type != FrameType.ACK for frame in frames)


def test_a_device_that_errs_in_one_window_is_caught_there(
    start: Callable[..., Running],
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    original = device_build.firmware_sources
    first = bundle.golden().counts[10, :3].ravel().tolist()
    is_window = " && ".join(
        f"app->window.counts[{at // 3}][{at % 3}] == {count}" for at, count in enumerate(first)
    )

    def changed(*folders: str) -> list[Path]:
        sources = original(*folders)
        for position, path in enumerate(sources):
            if path.name == "wk_app_take.c":
                text = path.read_text()
                before = "    if (status == WK_OK) {\n"
                assert text.count(before) == 1
                wrong = f"    if ({is_window}) {{\n        logits[0] ^= 1;\n    }}\n"
                sources[position] = tmp_path / path.name
                sources[position].write_text(text.replace(before, wrong + before))
        return sources

    monkeypatch.setattr(device_build, "firmware_sources", changed)
    device = start(device=build_host_device(bundle, tmp_path))
    assert verify(device, bundle, tmp_path) == 1
    err = capsys.readouterr().err
    assert "wearkit: Replayed window 10: 1 of 15 logits differ (same samples, other" in err
    said = json.loads((tmp_path / "e.json").read_text())
    assert (said["result"], said["windows_compared"], said["windows_differing"]) == (
        "different", 11, 1,
    )  # fmt: skip
    assert said["faults"] == {"MISMATCH": 1}
    assert said["session"]["put_back"]


def test_ctrl_c_puts_the_device_back(
    start: Callable[..., Running], bundle: Bundle, tmp_path: Path
) -> None:
    device = start(speed=1.0)
    process = subprocess.Popen(
        [sys.executable, "-c", _TELLS, "verify",
         "--port", device.port.path, "--bundle", str(bundle.path), "--data", "posture-sim",
         "--certificate", str(tmp_path / "e.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ten windows\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    frames = device.heard(lambda heard: any(frame.type == FrameType.SAMPLES for frame in heard))
    assert frames
    said = json.loads((tmp_path / "e.json").read_text())
    assert said["result"] == "incomplete" and said["windows_compared"] >= 10
    assert said["session"]["put_back"] and said["session"]["ended"] == "stopped"


_TELLS = """
from wearkit.verification import replay as replay_verify
from wearkit.cli import main

compare = replay_verify._Run._compare

def tell(self, window, said):
    compare(self, window, said)
    if window.number == 9:
        print("ten windows", flush=True)

replay_verify._Run._compare = tell
main()
"""


def test_a_device_that_goes_away_ends_it_with_4(
    start: Callable[..., Running],
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = start(speed=1.0)

    def end_it() -> None:
        device.stop.append(True)
        device.thread.join()
        device.port.close()

    def end_once(self: replay_verify._Run, *arguments: Any) -> None:
        compare(self, *arguments)
        if device.thread.is_alive():
            end_it()

    compare = replay_verify._Run._compare
    monkeypatch.setattr(replay_verify._Run, "_compare", end_once)
    assert verify(device, bundle, tmp_path, "--data", "posture-sim") == 4
    device.port = PseudoTerminal()
    said = json.loads((tmp_path / "e.json").read_text())
    assert said["result"] == "incomplete" and said["faults"]["UNPLUGGED"] == 1
    assert "Traceback" not in capsys.readouterr().err


def test_a_device_that_prints_lines_is_told_so(
    start: Callable[..., Running],
    bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(start(mode="text"), bundle, tmp_path) == 3
    err = capsys.readouterr().err.strip()
    assert err.startswith("wearkit: The device sends lines of text, which carry no logits")
    assert "\n" not in err
    assert not (tmp_path / "e.json").exists()


def test_a_device_that_only_sends_samples_answers_meanwhile(
    start: Callable[..., Running], bundle: Bundle, tmp_path: Path
) -> None:
    device = start(mode="samples")
    assert verify(device, bundle, tmp_path, "--windows", "9") == 0
    said = json.loads((tmp_path / "e.json").read_text())
    assert (said["windows_compared"], said["session"]["ended"]) == (9, "windows")
    frames = device.heard(lambda heard: sum(f.type == FrameType.SAMPLES for f in heard) > 30)
    assert not any(frame.type == FrameType.PREDICTION for frame in frames)


def test_another_bundle_is_refused_and_the_device_left_alone(
    start: Callable[..., Running],
    tmp_path: Path,
    bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = start()
    monkeypatch.setattr("wearkit.integer.graph_file.model_id", lambda _: "ab" * 32)
    monkeypatch.setattr("wearkit.bundle.bundle.model_id", lambda _: "ab" * 32)
    monkeypatch.setattr("wearkit.bundle.bundle.read_json", _other_id)
    assert verify(device, bundle, tmp_path) == 1
    assert "the bundle is abababababababab" in capsys.readouterr().err
    assert not (tmp_path / "e.json").exists()


def _other_id(path: Path, *arguments: object) -> dict[str, object]:
    loaded: dict[str, object] = json.loads(path.read_text())
    return loaded | {"model_id": "ab" * 32}


def test_options_that_choose_from_nothing_are_a_usage_error(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", "--port", "/dev/null", "--bundle", str(bundle.path), "--subject", "3"]
    assert run(arguments) == 2
    assert "choose from --data" in capsys.readouterr().err
