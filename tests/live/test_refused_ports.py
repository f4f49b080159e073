"""Ports that `wearkit live` cannot have, as a user meets them: a real process."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Counts = NDArray[np.int16]
Start = Callable[..., Any]  # conftest's live_on_pty and wearkit_process
Lines = Callable[..., list[bytes]]
HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z\n"


def test_a_busy_port_names_who_holds_it(
    live_on_pty: Start, wearkit_process: Start, micro_bundle: Path
) -> None:
    first = live_on_pty()
    second = wearkit_process("live", "--port", first.port, "--bundle", str(micro_bundle))
    _, err = second.communicate(timeout=60)
    assert second.returncode == 3
    assert f"(process {first.process.pid})" in err
    assert len(err.splitlines()) == 1
    first.process.send_signal(signal.SIGINT)
    assert first.finish().code == 130


def test_a_killed_reader_does_not_lock_the_next_one_out(
    wearkit_process: Start, micro_bundle: Path, moving_counts: Callable[..., Counts],
    sensor_lines: Lines,
) -> None:  # fmt: skip
    master, reader = os.openpty()
    port = os.ttyname(reader)
    arguments = ("live", "--json", "--port", port, "--bundle", str(micro_bundle), "--windows", "1")
    first: subprocess.Popen[str] = wearkit_process(*arguments)
    os.write(master, HEADER + b"".join(sensor_lines(moving_counts(100))))
    assert first.stdout is not None
    first.stdout.readline()
    first.kill()
    first.wait(timeout=60)
    os.write(master, HEADER + b"".join(sensor_lines(moving_counts(100))))
    second = wearkit_process(*arguments)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert len(out.splitlines()) == 1
    os.close(reader)
    os.close(master)


@pytest.mark.parametrize(
    ("port", "says"),
    [
        ("/dev/wearkit-no-such-port", "There is no port /dev/wearkit-no-such-port"),
        ("/dev/null", "cannot be used as a serial port"),
        ("socket://127.0.0.1:1", "check the address"),
        ("nonsense://x", "check the address"),
    ],
)
def test_a_port_that_cannot_be_opened_is_one_sentence(
    wearkit_process: Start, micro_bundle: Path, port: str, says: str
) -> None:
    process = wearkit_process("live", "--port", port, "--bundle", str(micro_bundle))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert says in err
    assert len(err.splitlines()) == 1
