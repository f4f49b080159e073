"""`wearkit live --verify` as a process: exit codes, the certificate, the end of a device."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, flip_one

from wearkit.bundle.bundle import Bundle
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Stats

Counts = NDArray[np.int16]
OLDER = '{"format": "wearkit-equivalence"}'


def test_what_compared_nothing_leaves_an_older_proof_alone(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    path = tmp_path / "proof.json"
    path.write_text(OLDER)
    counts = made_counts(3).reshape(300, 3)
    other = Device(bundle, counts, model_id=b"\x01" * 8)
    for device, code, says in ((other, 1, "runs model"), (Device(bundle, counts[:90]), 4, "went")):
        process = live_on_pty("--verify", "--certificate", str(path))
        process.send(device.run())
        process.unplug()
        outcome = process.finish()
        assert outcome.code == code and says in outcome.err, outcome.err
    assert path.read_text() == OLDER and not path.with_suffix(".md").exists()


def test_the_command_exits_1_and_leaves_both_files(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    counts = made_counts(7).reshape(700, 3)
    path = tmp_path / "proof.json"
    for change, code, result in ((None, 0, "equivalent"), (flip_one, 1, "different")):
        device = Device(bundle, counts)
        if change is not None:
            device.change = change
        process = live_on_pty("--verify", "--certificate", str(path), "--windows", "11")
        process.send(device.run() + encode_message(Stats(1, 1), device.seq))
        outcome = process.finish()
        assert outcome.code == code, outcome.err
        assert json.loads(path.read_text())["result"] == result
        assert f"{result}: " in outcome.err
        assert path.with_suffix(".md").exists()
    assert "Window at sample 240" in outcome.err


def without_last(device: Device) -> bytes:
    """All but the last prediction, which nothing follows."""
    return b"".join(device.wire[:-1])


@pytest.mark.parametrize(
    ("options", "sent", "code"),
    [
        ((), lambda device: device.run(), 0),
        # A window alone, a wish for more windows, one that differs: no complete run.
        ((), lambda device: device.run() and without_last(device), 4),
        (("--windows", "12"), lambda device: device.run(), 4),
        ((), lambda device: replace(device, change=flip_one).run(), 1),
        # Without --verify the end of a recording is the loss of a sensor, as it always was.
        (None, lambda device: device.run(), 4),
    ],
)
def test_the_end_of_an_emulated_device_is_a_clean_end_when_every_window_was_compared(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    options: tuple[str, ...] | None,
    sent: Callable[[Device], bytes],
    code: int,
) -> None:
    counts = made_counts(7).reshape(700, 3)[:640]
    path = tmp_path / "proof.json"
    wanted = () if options is None else ("--verify", "--certificate", str(path), *options)
    process = live_on_pty(*wanted)
    process.send(sent(Device(bundle, counts)))
    process.unplug()
    outcome = process.finish()
    assert outcome.code == code, outcome.err
    assert ("The port closed, and every window was compared" in outcome.err) == (code == 0)
    assert ("went away" in outcome.err.splitlines()[-1]) == (code == 4)
    if options == () and code == 0:
        said = json.loads(path.read_text())
        assert (said["result"], said["windows_compared"]) == ("equivalent", 10)


def test_a_board_that_began_again_is_no_complete_run(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    """Every window was compared and is equal, but it need not have been one device."""
    counts = made_counts(4).reshape(400, 3)
    process = live_on_pty("--verify", "--certificate", str(tmp_path / "proof.json"))
    process.send(Device(bundle, counts).run() + Device(bundle, counts, boot_id=8).run())
    process.unplug()
    outcome = process.finish()
    assert outcome.code == 1, outcome.err
    assert "The certificate is incomplete: 12 windows compared, 0 differ; 2 boots, 2 runs" in (
        outcome.err
    )


@pytest.mark.parametrize("answers", ["all", "all but the last", "all but two"])
def test_ctrl_c_is_no_error_and_hides_none(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    answers: str,
) -> None:
    """What was compared until then stands; one answer may have been on its way, two not."""
    device = Device(bundle, made_counts(4).reshape(400, 3)[:340])  # 5 windows, the last at its end
    device.run()
    *rest, last = device.wire
    if answers == "all but two":
        del rest[-7]  # the answer before it; six frames of samples lie between them
    path = tmp_path / "proof.json"
    process = live_on_pty("--verify", "--certificate", str(path))
    process.send(b"".join(rest) + (last if answers == "all" else b""))
    for _ in range(5):
        process.read_window()
    process.process.send_signal(signal.SIGINT)
    outcome = process.finish()
    assert outcome.code == 130, outcome.err
    proof = json.loads(path.read_text())
    expected = {"all": (5, "equivalent"), "all but the last": (4, "equivalent"),
                "all but two": (3, "incomplete")}  # fmt: skip
    assert (proof["windows_compared"], proof["result"]) == expected[answers]
