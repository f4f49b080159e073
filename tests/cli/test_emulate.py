"""`wearkit emulate`: when the board boots, and when its port is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.cli import emulate as command
from wearkit.cli import run
from wearkit.link.ports.pty import PseudoTerminal, StopCheck
from wearkit_export.emulate.device import Device, Emulated, EmulateOptions


@dataclass
class SlowDevice(Device):
    """Writes down what is asked of it, and whether the port was there while it booted."""

    link: Path
    asked: list[str] = field(default_factory=list)
    early: list[bool] = field(default_factory=list)
    boots: list[EmulateOptions] = field(default_factory=list)
    runs: list[EmulateOptions] = field(default_factory=list)

    def boot(self, options: EmulateOptions) -> None:
        assert options.mode == "samples"
        self.boots.append(options)
        self.asked.append("boot")

    def booted(self, stop: StopCheck = lambda: False) -> bool:
        self.asked.append("booted")
        self.early.append(self.link.is_symlink())
        return True

    def close(self) -> None:
        self.asked.append("close")

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        self.asked.append("run")
        self.runs.append(options)
        return Emulated(0, 0, 0, 0, 0, 0, 0.0, reader_left=True, drained=False)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowDevice:
    device = SlowDevice(tmp_path / "port")
    monkeypatch.setattr(command, "_build", lambda *_: device)
    return device


@pytest.fixture
def emulate(device: SlowDevice, micro_bundle: Path) -> Callable[..., int]:
    given = ("--bundle", str(micro_bundle), "--mode", "samples", "--link", str(device.link))
    return lambda *more: run(["emulate", *given, *more])


@pytest.fixture
def readers(device: SlowDevice, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Who comes, one after the other."""
    coming: list[bool] = []

    def came(*_: object) -> bool:
        device.asked.append("reader")
        return coming.pop(0)

    monkeypatch.setattr(command, "reader_came", came)
    return coming


def test_the_port_is_there_once_the_board_has_booted(
    device: SlowDevice,
    emulate: Callable[..., int],
    readers: list[bool],
    capsys: pytest.CaptureFixture[str],
) -> None:
    readers.append(True)

    assert emulate() == 0
    assert device.asked == ["boot", "booted", "booted", "reader", "run", "close"]
    assert device.early == [False, True]
    assert capsys.readouterr().out.startswith("/dev/")


def test_the_next_reader_s_board_boots_while_one_reads(
    device: SlowDevice, emulate: Callable[..., int], readers: list[bool]
) -> None:
    readers += [True, True, False]

    assert emulate("--loop") == 0
    turn = ["booted", "reader", "boot", "run"]
    assert device.asked == ["boot", "booted", *turn, *turn, "booted", "reader", "close"]
    assert device.runs == device.boots[:2]
    assert len({options.boot_id for options in device.boots}) == 3


def test_a_board_nobody_reads_is_switched_off(
    device: SlowDevice, emulate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert emulate("--wait", "0.05") != 0
    assert device.asked == ["boot", "booted", "booted", "close"]
    assert "Nobody opened" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lost", "says"),
    [(0, "of device time, all read."), (339, "did not read 339 of them, as while it replays")],
)
def test_what_a_replaying_program_does_not_read_is_no_loss(lost: int, says: str) -> None:
    played = Emulated(
        taken=416, lost=lost, short_reads=0, early_reads=0, live_writes=0, tx_dropped=0,
        device_s=8.3, reader_left=False, drained=True,
    )  # fmt: skip
    sentence = command._ending(played)
    assert says in sentence and "lost" not in sentence
