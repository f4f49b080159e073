"""The same image on QEMU: another emulator, other time, the same samples and logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, Received, assert_predictions, play

from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit_export.emulate.device import EmulateOptions

FAST = EmulateOptions(speed=0.0, boot_id=43)


@pytest.fixture(scope="module")
def moving(made_counts: Callable[..., Counts]) -> Counts:
    counts: Counts = made_counts(4, seed=9).reshape(-1, 3)
    return counts


@pytest.fixture(scope="module")
def devices(
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
) -> tuple[object, object]:
    """One image: (on QEMU, on unicorn)."""
    for module in ("unicorn", "elftools", "ziglang"):
        needs_module(module, "pip install 'wearkit[profile]'")
    needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
    from wearkit_export.device.cortex_m4 import build_m4_image
    from wearkit_export.emulate.cortex_m4 import M4Device
    from wearkit_export.emulate.qemu import QemuDevice

    work = tmp_path_factory.mktemp("qemu")
    image = build_m4_image(bundle, work)
    return QemuDevice(image, work), M4Device(image, work)


def said(heard: Received) -> list[tuple[int, int, bytes]]:
    """Predictions but for the time they took: it lies behind the model's id."""
    return [(first, crc, body[:8] + body[12:]) for first, crc, body in heard.predictions]


@pytest.mark.parametrize("streaming", [False, True])
def test_qemu_says_what_unicorn_and_the_reference_say(
    devices: tuple[object, object], bundle: Bundle, moving: Counts, streaming: bool
) -> None:
    options = replace(FAST, streaming=streaming)
    qemu, unicorn = (play(device, moving, options) for device in devices)  # type: ignore[arg-type]
    (run,) = qemu.runs()

    np.testing.assert_array_equal(run, moving[1:])
    assert_predictions(qemu, bundle, run)
    assert said(qemu) == said(unicorn) and len(said(qemu)) == 5
    assert qemu.hellos[0] == unicorn.hellos[0]
    # An instruction takes 32 ns there and 40 ns here; inference waits for nobody.
    took = [[int.from_bytes(body[8:12], "little") for *_, body in heard.predictions]
            for heard in (qemu, unicorn)]  # fmt: skip
    assert took[0] == pytest.approx([0.8 * us for us in took[1]], rel=0.02, abs=30)
    assert qemu.errors == []
    assert qemu.seqs == list(range(len(qemu.seqs)))
    result = qemu.result
    assert (result.taken, result.lost, result.live_writes) == (len(moving), 0, 0)
    free = [int.from_bytes(heard.stats[-1][28:32], "little") for heard in (qemu, unicorn)]
    assert free[0] == free[1]  # the deepest stack is the program's, not the emulator's


def test_an_emulator_that_ends_by_itself_is_named(
    devices: tuple[object, object], moving: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wearkit_export.emulate import qemu as emulate_qemu

    monkeypatch.setattr(emulate_qemu, "_ICOUNT_SHIFT", 99)
    with pytest.raises(VerificationError, match=r"QEMU stopped: .*icount"):
        play(devices[0], moving, FAST)  # type: ignore[arg-type]


def test_what_is_missing_or_impossible_is_said(
    devices: tuple[object, object], moving: Counts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shutil

    from wearkit_export.emulate.qemu import QemuDevice

    qemu = devices[0]
    assert isinstance(qemu, QemuDevice)
    with pytest.raises(DataError, match="speed 1 or, as fast as it goes, 0"):
        play(qemu, moving, replace(FAST, speed=3.0))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="apt-get install qemu-system-arm"):
        QemuDevice(qemu._image, tmp_path)


class _Clock:
    """A sensor that only notes what time it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def until(self, now_us: int) -> None:
        self.told.append(now_us)

    def counters(self) -> object:
        return type("Counters", (), {"ended": len(self.told) > 3})


@pytest.mark.parametrize(("longest_us", "stalled_us"), [(None, 900_000), (200_000, 200_000)])
def test_the_sensor_does_not_see_time_that_the_core_spent_waiting_for_this_computer(
    needs_module: Callable[[str, str], None], longest_us: int | None, stalled_us: int
) -> None:
    needs_module("elftools", "pip install 'wearkit[profile]'")
    from wearkit_export.emulate.sensor_bus import SensorBus

    sensor = _Clock()
    bus = SensorBus(sensor, longest_us)  # type: ignore[arg-type]
    answers = []
    for now_us in (100_000, 1_000_000, 1_005_000, (1 << 32) + 1_005_000 - 5_000):
        request = b"T" + (now_us % (1 << 32)).to_bytes(4, "little")
        answers.append(b"".join(bus.take(byte) for byte in request))
    turn = (1 << 32) - 5_000 if longest_us is None else longest_us
    at = [100_000, 100_000 + stalled_us, 105_000 + stalled_us, 105_000 + stalled_us + turn]
    assert (sensor.told, answers) == (at, [b"\0", b"\0", b"\0", b"\1"])
    assert bus.now_us == (1 << 32) + 1_000_000
    assert (bus.take(ord("X")), bus.finished) == (b"", True)


def test_qemu_is_for_the_core_it_has() -> None:
    from click.testing import CliRunner

    from wearkit.cli.emulate import command

    done = CliRunner().invoke(command, ["--emulator", "qemu"])
    assert done.exit_code == 2 and "--emulator qemu is for --target cortex-m4." in done.output
