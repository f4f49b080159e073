"""A model's rate is the device's: what is built for a bundle samples at the rate the network was
trained at, says so, and is proved at it; a rate that a board cannot have is refused."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, of_windows, play

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.cli import run
from wearkit.errors import ModelFileError
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.model.checkpoint import Checkpoint
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit_export.device.build import build_host_device, model_sources
from wearkit_export.device.sensor_rate import (
    LINK_BYTES_S,
    RATES_HZ,
    check_link,
    check_text_rate,
    sensor_rate_mhz,
)
from wearkit_export.emulate.device import EmulateOptions, HostDevice

CODES = {25.0: 0x08, 100.0: 0x0A}


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., Counts],
    quick_export: Callable[[pytest.MonkeyPatch], None],
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
) -> Callable[[float], tuple[Bundle, HostDevice]]:
    """built(rate_hz): a bundle of a network of that rate, and the device built around it."""
    needs_program("gcc", "apt-get install gcc")
    for module in ("onnx", "ai_edge_litert"):
        needs_module(module, "pip install 'wearkit[export]'")
    from wearkit_export.bundle.write import write_bundle

    made: dict[float, tuple[Bundle, HostDevice]] = {}

    def build(rate_hz: float) -> tuple[Bundle, HostDevice]:
        if rate_hz not in made:
            folder = tmp_path_factory.mktemp("rates")
            checkpoint = untrained_checkpoint("mtl-net-micro")
            model = replace(checkpoint.model, window=WindowSpec(rate_hz=rate_hz))
            with pytest.MonkeyPatch.context() as patch:
                quick_export(patch)
                write_bundle(replace(checkpoint, model=model), made_counts(64), folder / "bundle")
            bundle = open_bundle(folder / "bundle")
            made[rate_hz] = bundle, HostDevice(build_host_device(bundle, folder, flags=("-O1",)))
        return made[rate_hz]

    return build


@pytest.mark.parametrize("rate_hz", CODES)
def test_a_device_samples_at_its_model_s_rate(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    made_counts: Callable[..., Counts],
    rate_hz: float,
) -> None:
    bundle, device = built(rate_hz)
    fed = made_counts(10, seed=7).reshape(-1, 3)
    heard = play(device, fed, EmulateOptions(speed=0.0))

    (samples,) = heard.runs()
    np.testing.assert_array_equal(samples, fed[1 : len(samples) + 1])
    assert len(samples) > 980
    assert_predictions(heard, bundle, samples)
    assert {hello[4] for hello in heard.hellos} == {CODES[rate_hz]}
    assert heard.result.device_s == pytest.approx(len(fed) / rate_hz, rel=0.01)
    (first, first_us, _), (last, last_us, _) = heard.samples[0], heard.samples[-2]
    assert (last - first) * 1e6 / (last_us - first_us) == pytest.approx(rate_hz, rel=0.002)


@pytest.mark.parametrize("rate_hz", CODES)
def test_it_is_proved_at_that_rate(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rate_hz: float,
) -> None:
    bundle, device = built(rate_hz)
    port = PseudoTerminal()
    fed = made_counts(40, seed=8).reshape(-1, 3)
    options = EmulateOptions(speed=0.0)
    holder = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    ended: list[bool] = []
    thread = threading.Thread(
        target=lambda: device.run(port, [fed] * 50, options, lambda: bool(ended))
    )
    thread.start()
    try:
        code = run(
            ["live", "--port", port.path, "--bundle", str(bundle.path), "--verify", "--json",
             "--windows", "12", "--certificate", str(tmp_path / "e.json")]
        )  # fmt: skip
    finally:
        ended.append(True)
        thread.join()
        port.close()
        os.close(holder)
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "RATE_FAULT" not in out + err
    said = json.loads((tmp_path / "e.json").read_text())
    assert said["result"] == "equivalent" and said["windows_compared"] >= 12
    assert said["windows_differing"] == 0
    assert json.dumps(said).count(f'"bw_rate": {CODES[rate_hz]}') >= 1


def test_an_image_for_a_board_samples_at_its_model_s_rate(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    made_counts: Callable[..., Counts],
    needs_module: Callable[[str, str], None],
    tmp_path: Path,
) -> None:
    for module in ("unicorn", "elftools", "ziglang"):
        needs_module(module, "pip install 'wearkit[profile]'")
    from wearkit_export.device.cortex_m4 import build_m4_image
    from wearkit_export.emulate.cortex_m4 import M4Device

    bundle = built(100.0)[0]
    device = M4Device(build_m4_image(bundle, tmp_path), tmp_path)
    fed = made_counts(3, seed=7).reshape(-1, 3)
    heard = play(device, fed, EmulateOptions(speed=0.0))
    (samples,) = heard.runs()
    np.testing.assert_array_equal(samples, fed[1 : len(samples) + 1])
    assert_predictions(heard, bundle, samples)
    assert {hello[4] for hello in heard.hellos} == {CODES[100.0]}
    (first, first_us, _), (last, last_us, _) = heard.samples[0], heard.samples[-2]
    assert (last - first) * 1e6 / (last_us - first_us) == pytest.approx(100.0, rel=0.02)

    lines = play(device, fed, EmulateOptions(speed=0.0, mode="text")).text.decode().splitlines()
    assert " rate=100 " in lines[0]
    assert len(lines) > 290 and not any(line.startswith("#restart") for line in lines)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_rate_of_the_part_is_printed_for_the_firmware(
    built: Callable[[float], tuple[Bundle, HostDevice]], rate_hz: float, tmp_path: Path
) -> None:
    bundle = of_windows(built(25.0)[0], tmp_path / "bundle", rate_hz=rate_hz)
    model = model_sources(bundle, tmp_path)
    mhz = round(rate_hz * 1000)
    assert f"    100, 60, {mhz},\n" in (model / "wk_device_model.c").read_text()
    assert f"#define WK_DEVICE_RATE_MHZ {mhz}u" in (model / "wk_device_model.h").read_text()


@pytest.mark.parametrize(
    ("rate_hz", "nearest"),
    [(20, "12.5 or 25"), (30, "25 or 50"), (60, "50 or 100"), (49.999, "25 or 50"),
     (104, "100 or 200"), (5, "6.25"), (1000, "800"), (1600, "800"), (3.125, "6.25")],
)  # fmt: skip
def test_a_rate_the_part_has_not_is_refused_with_the_nearest(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    tmp_path: Path,
    rate_hz: float,
    nearest: str,
) -> None:
    bundle = of_windows(built(25.0)[0], tmp_path / "bundle", rate_hz=float(rate_hz))
    sentence = (
        f"The model was trained at {rate_hz:g} Hz, to which the firmware cannot set an ADXL345: "
        f"train with --rate {nearest}."
    )
    for build in (model_sources, build_host_device):
        with pytest.raises(ModelFileError, match=re.escape(sentence)):
            build(bundle, tmp_path / build.__name__)


def test_the_command_refuses_and_writes_nothing(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = of_windows(built(25.0)[0], tmp_path / "bundle", rate_hz=30.0)
    monkeypatch.setattr("wearkit.bundle.bundle.open_bundle", lambda _: bundle)
    for port in ("sources", "arduino", "rp2040"):
        out = tmp_path / port
        assert run(["firmware", "--bundle", "b", "--port", port, "--out", str(out)]) == 6
        assert "train with --rate 25 or 50." in capsys.readouterr().err
        assert not out.exists()


def test_what_the_line_cannot_carry_is_refused() -> None:
    tasks = (TaskSpec("posture", tuple("abcdefghijkl")),)
    for rate_hz in RATES_HZ:
        check_link(ModelSpec("a", WindowSpec(rate_hz=rate_hz), tasks))
    with pytest.raises(ModelFileError, match=rf"carries {LINK_BYTES_S}: train with a longer hop"):
        check_link(ModelSpec("a", WindowSpec(rate_hz=400.0, hop=1), tasks))


def test_lines_of_text_have_a_lower_limit(
    built: Callable[[float], tuple[Bundle, HostDevice]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_text_rate(WindowSpec(rate_hz=200.0))
    bundle = of_windows(built(25.0)[0], tmp_path / "bundle", rate_hz=400.0)
    monkeypatch.setattr("wearkit.bundle.bundle.open_bundle", lambda _: bundle)
    assert run(["emulate", "--bundle", "b", "--mode", "text"]) == 6
    assert "are for up to 200 Hz" in capsys.readouterr().err


@pytest.mark.parametrize(("hop", "step"), [(60, 4), (50, 0), (99, 0), (4, 4)])
def test_a_model_streams_only_where_its_pushes_end_with_its_windows(
    built: Callable[[float], tuple[Bundle, HostDevice]], tmp_path: Path, hop: int, step: int
) -> None:
    bundle = of_windows(built(25.0)[0], tmp_path / "bundle", hop=hop)
    text = (model_sources(bundle, tmp_path) / "wk_device_model.c").read_text()
    assert f"    run, {step}, " in text


def test_rates_are_printed_as_sensor_rate_mhz() -> None:
    assert [sensor_rate_mhz(WindowSpec(rate_hz=rate)) for rate in RATES_HZ] == [
        6250, 12500, 25000, 50000, 100000, 200000, 400000, 800000,
    ]  # fmt: skip
