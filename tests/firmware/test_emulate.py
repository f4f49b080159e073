"""The firmware on a real pseudo-terminal, fed by the sensor model: what it computes is what the
integer reference computes, and what goes wrong is said."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, play

from wearkit.bundle.bundle import Bundle, Golden
from wearkit.cli import run
from wearkit.errors import DataError, ModelFileError, VerificationError
from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit_export.device.build import build_host_device
from wearkit_export.emulate.device import (
    FAULTS,
    EmulateOptions,
    HostDevice,
    check_faults,
    parse_odr_error,
)


@pytest.fixture(scope="module")
def moving(made_counts: Callable[..., Counts]) -> Counts:
    """(T, 3): 40 s of windows made one after the other."""
    counts: Counts = made_counts(20, seed=7).reshape(-1, 3)
    return counts


@pytest.fixture(scope="module")
def device(
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    needs_program: Callable[[str, str], str],
) -> Iterator[HostDevice]:
    needs_program("gcc", "apt-get install gcc")
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    yield HostDevice(build_host_device(bundle, tmp_path_factory.mktemp("device"), flags=flags))


FAST = EmulateOptions(speed=0.0)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("bus", ["i2c", "spi"])
def test_the_device_computes_what_the_reference_computes(
    device: HostDevice, bundle: Bundle, moving: Counts, streaming: bool, bus: str
) -> None:
    options = EmulateOptions(speed=0.0, streaming=streaming, bus=bus)  # type: ignore[arg-type]
    heard = play(device, moving, options)
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, moving[1:])  # the first is the turn-on transient
    assert_predictions(heard, bundle, run)
    assert heard.errors == []
    assert heard.seqs == list(range(len(heard.seqs)))
    result = heard.result
    assert (result.taken, result.lost, result.tx_dropped) == (len(moving), 0, 0)
    assert (result.short_reads, result.early_reads, result.live_writes) == (0, 0, 0)


def test_hello_says_what_the_registers_hold(device: HostDevice, moving: Counts) -> None:
    heard = play(device, moving[:400], FAST)

    assert {hello[3:7] for hello in heard.hellos} == {bytes([0xE5, 0x09, 0x08, 0x8A])}
    assert len(heard.hellos) == 1 + 4  # 8 s, one every 2 s


def test_the_rate_error_shows_in_the_device_s_clock(device: HostDevice, moving: Counts) -> None:
    options = EmulateOptions(speed=0.0, odr_error=parse_odr_error("-1.5%"), jitter_us=800)
    heard = play(device, moving, options)
    first, last = heard.samples[0], heard.samples[-1]
    samples = last[0] + len(last[2]) - first[0] - len(first[2])

    assert samples / (last[1] - first[1]) * 1e6 == pytest.approx(49.25, rel=2e-4)


def test_text_mode_is_read_by_the_toolkit(device: HostDevice, moving: Counts) -> None:
    heard = play(device, moving, EmulateOptions(speed=0.0, mode="text"))
    stream = TextStream(StreamOptions(rate_hz=50.0))
    steps = stream.feed(heard.text)

    assert stream.header is not None and stream.header.simulated
    assert [list(step.sample.counts) for step in steps] == moving[1 : len(steps) + 1].tolist()
    assert len(steps) > len(moving) - 5


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("4000:burst=40", "The sensor's buffer was full"),
        ("4000:brownout=1", "Register 0x38 was set to 0x8A but reads 0x00"),
        ("4000:noise=0x40", "The sensor sent a value it cannot have"),
        ("4000:refuse=1", "No answer: check power"),
    ],
)
def test_a_sensor_fault_is_said_and_no_window_spans_it(
    device: HostDevice, bundle: Bundle, moving: Counts, fault: str, sentence: str
) -> None:
    heard = play(device, moving, EmulateOptions(speed=0.0, faults=fault, boot_id=10))
    before, after = heard.runs()
    boot_ids = [struct.unpack_from("<I", hello, 8)[0] for hello in heard.hellos]

    assert len(heard.errors) == 1 and heard.errors[0].startswith(sentence)
    assert sorted(set(boot_ids)) == [11, 12] and boot_ids == sorted(boot_ids)
    np.testing.assert_array_equal(before, moving[1 : len(before) + 1])
    np.testing.assert_array_equal(after, moving[len(moving) - len(after) :])
    again = next(i for i, (first, *_) in enumerate(heard.predictions) if first == 0 and i)
    heard.predictions = heard.predictions[again:]
    assert_predictions(heard, bundle, after)


def test_a_sensor_that_never_answers_is_explained_every_second(
    device: HostDevice, moving: Counts
) -> None:
    heard = play(device, moving, EmulateOptions(speed=0.0, faults="0:absent=1,5500:absent=0"))

    assert len(heard.errors) == 6
    assert all(error.startswith("No answer: check power") for error in heard.errors)
    (run,) = heard.runs()
    np.testing.assert_array_equal(run, moving[1:])  # it waited: measuring began at 6 s


def test_a_model_changed_by_one_bit_is_not_asked(
    bundle: Bundle, moving: Counts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = bundle.golden()
    logits = {task: values.copy() for task, values in golden.logits.items()}
    logits[bundle.model.tasks[-1].name][0, 0] ^= 1
    changed = Golden(golden.counts, golden.inputs, logits)
    monkeypatch.setattr(Bundle, "golden", lambda _: changed)
    monkeypatch.setattr("wearkit_export.c.folder._differing", lambda *_: [])
    heard = play(HostDevice(build_host_device(bundle, tmp_path)), moving[:500], FAST)

    assert heard.errors == ["The model does not give its known answers: flash it again."]
    assert heard.predictions == []
    assert len(heard.runs()[0]) == 499


def test_what_cannot_be_is_refused() -> None:
    for bad in ("1.5", "-%", "1e3%", "", "-0x1%"):
        with pytest.raises(DataError):
            parse_odr_error(bad)
    assert parse_odr_error(" +2 % ") == pytest.approx(0.02)
    for bad in ("5:rate=-1000000", "5:rate=500000", "5:burst=-4", "5:noise=256", "5:mute=-1"):
        with pytest.raises(DataError, match="takes"):
            check_faults(bad)
    for bad in ("5", "5:what=1", "9:mute=1,5:mute=0", "5:absent=1,", "-1:mute=1"):
        with pytest.raises(DataError):
            check_faults(bad)
    for kind in FAULTS:
        check_faults(f"0:{kind}=1")
    with pytest.raises(DataError):
        EmulateOptions(speed=-1.0)
    with pytest.raises(DataError):
        EmulateOptions(odr_error=0.6)


def test_fault_names_are_those_of_the_firmware(repository: Path) -> None:
    source = (repository / "firmware/ports/host/wk_adxl345_pace.c").read_text()
    table = source.split("names[] = {")[1].split("};")[0]

    assert tuple(part.split('"')[1] for part in table.split(",") if '"' in part) == FAULTS


def test_a_model_too_large_for_the_firmware_is_refused(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wearkit_export.device import model_source as device_source

    monkeypatch.setattr(device_source, "MAX_LENGTH", 99)
    with pytest.raises(ModelFileError, match="windows of up to 99"):
        build_host_device(bundle, tmp_path)


def test_a_killed_emulator_leaves_no_device_that_plays_on(micro_bundle: Path) -> None:
    """The pipe holds minutes of samples: a board that lost its emulator must not play them."""
    command = [sys.executable, "-m", "wearkit", "emulate", "--bundle", str(micro_bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        reader = os.open(process.stdout.readline().decode().strip(), os.O_RDWR | os.O_NOCTTY)
        try:
            heard = 0
            while heard < 2000:  # by then the pipe has been filled
                heard += len(os.read(reader, 500))
            process.kill()
            look = select.poll()
            look.register(reader, 0)
            assert look.poll(20_000), "the device plays on without its emulator"
        finally:
            process.kill()
            os.close(reader)


def test_ctrl_c_while_the_firmware_is_built_is_no_fault_of_the_compiler(
    monkeypatch: pytest.MonkeyPatch, micro_bundle: Path
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)  # a terminal sends it to the compiler, too
        raise VerificationError("cc refuses the firmware: ")

    monkeypatch.setattr("wearkit_export.device.build.build_host_device", interrupted)
    assert run(["emulate", "--bundle", str(micro_bundle)]) == 130
