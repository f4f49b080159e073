"""A small graph without export tools, lines of samples, and live as a real process."""

from __future__ import annotations

import array
import fcntl
import json
import os
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import INPUT_SCALE_G, counts_to_int8
from wearkit.integer.graph import Dense, Head, QuantizedGraph, Reshape, Tensor
from wearkit.integer.reference import Reference
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

HOP, LENGTH = 60, 100
_MAIN = "from wearkit.cli import main; main()"


@pytest.fixture(scope="session")
def tiny_graph() -> QuantizedGraph:
    """Two linear heads over the raw window: any changed sample changes some logit."""
    tasks = (
        TaskSpec("activity", ("lie", "sit", "walk", "run")),
        TaskSpec("side", ("left", "right")),
    )
    model = ModelSpec("mtl-net-micro", WindowSpec(), tasks)
    random = np.random.default_rng(5)
    tensors = [
        Tensor("in", (1, LENGTH, 3), INPUT_SCALE_G, 0),
        Tensor("flat", (1, 1, 300), INPUT_SCALE_G, 0),
    ]
    ops: list[Any] = [Reshape("flatten", "in", "flat")]
    for task in tasks:
        labels = len(task.labels)
        tensors.append(Tensor(task.name, (1, 1, labels), 0.0625, 3))
        ops.append(
            Dense(
                f"head_{task.name}",
                "flat",
                task.name,
                random.integers(-127, 128, (labels, 300)).astype(np.int8),
                np.array([2.0**-9], dtype=np.float32),
                np.zeros(labels, dtype=np.int32),
            )
        )
    heads = tuple(Head(task.name, task.name) for task in tasks)
    return QuantizedGraph(model, tuple(tensors), tuple(ops), "in", heads)


@pytest.fixture(scope="session")
def moving_counts() -> Callable[..., NDArray[np.int16]]:
    """moving_counts(n, seed=0): (n, 3) int16, three still seconds, then motion up to the rails."""

    def make(samples: int, seed: int = 0) -> NDArray[np.int16]:
        random = np.random.default_rng(seed)
        still = np.array([120.0, -80.0, 210.0])  # |a| = 254.8
        vigour = np.where(np.arange(samples) < 150, 1.0, random.uniform(20.0, 200.0, samples))
        counts = still + vigour[:, None] * random.normal(size=(samples, 3))
        return np.clip(np.rint(counts), -512, 511).astype(np.int16)

    return make


@pytest.fixture(scope="session")
def expected_logits() -> Callable[..., dict[str, NDArray[np.int8]]]:
    """expected_logits(graph, counts): windows cut by hand at hop 60, run in one batch."""

    def run(graph: QuantizedGraph, counts: NDArray[np.int16]) -> dict[str, NDArray[np.int8]]:
        starts = range(0, len(counts) - LENGTH + 1, HOP)
        windows = np.stack([counts[start : start + LENGTH] for start in starts])
        return Reference(graph).run(counts_to_int8(windows))

    return run


@pytest.fixture(scope="session")
def sensor_lines() -> Callable[..., list[bytes]]:
    """sensor_lines(counts, first=0): `index,t_us,x,y,z` at 50 Hz, one line a sample."""

    def make(counts: NDArray[np.int16], first: int = 0) -> list[bytes]:
        return [
            b"%d,%d,%d,%d,%d\n" % (index, index * 20_000, *row)
            for index, row in enumerate(counts.tolist(), first)
        ]

    return make


@dataclass(frozen=True)
class Outcome:
    """How a `wearkit live --json` ended."""

    code: int
    windows: list[dict[str, Any]]
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        (line,) = [line for line in self.err.splitlines() if line.startswith('{"summary"')]
        result: dict[str, Any] = json.loads(line)["summary"]
        return result


@dataclass
class LiveProcess:
    """`wearkit live --json` in a process of its own, on a pty the test writes to."""

    process: subprocess.Popen[str]
    port: str
    master: int
    out: list[str] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.master, view[:4000]) :]

    def unplug(self) -> None:
        """Close the sender's end once everything was read: closing discards what was not."""
        port = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
        empty_looks = 0
        while empty_looks < 10 and self.process.poll() is None:
            unread = array.array("i", [0])
            fcntl.ioctl(port, termios.FIONREAD, unread)
            empty_looks = 0 if unread[0] else empty_looks + 1
            time.sleep(0.01)
        os.close(port)
        os.close(self.master)
        self.master = -1

    def read_window(self) -> dict[str, Any]:
        """The next window; waits for it."""
        assert self.process.stdout is not None
        self.out.append(self.process.stdout.readline())
        result: dict[str, Any] = json.loads(self.out[-1])
        return result

    def finish(self) -> Outcome:
        """Wait for the end and read everything."""
        out, err = self.process.communicate(timeout=60)
        windows = [json.loads(line) for line in [*self.out, *out.splitlines()]]
        return Outcome(self.process.returncode, windows, err)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not happen"
        time.sleep(0.01)


@pytest.fixture
def wearkit_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """wearkit_process(*arguments) -> the command line in a process, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, program: str = _MAIN) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def live_on_pty(
    micro_bundle: Path, wearkit_process: Callable[..., subprocess.Popen[str]]
) -> Iterator[Callable[..., LiveProcess]]:
    """live_on_pty(*options, sent=b""): `sent` waits in the port before live opens it."""
    started: list[LiveProcess] = []

    def start(*options: str, sent: bytes = b"", program: str = _MAIN) -> LiveProcess:
        master, reader = os.openpty()
        tty.setraw(reader)
        port = os.ttyname(reader)
        os.write(master, sent)
        bundle = str(micro_bundle)
        process = wearkit_process(
            "live", "--json", "--port", port, "--bundle", bundle, *options, program=program
        )
        started.append(LiveProcess(process, port, master))
        wait_until(lambda: _has_open(process, port), "opening the port")
        os.close(reader)
        return started[-1]

    yield start
    for live in started:
        if live.master >= 0:
            live.unplug()


def _has_open(process: subprocess.Popen[str], path: str) -> bool:
    if process.poll() is not None:
        return True
    try:
        handles = list(Path(f"/proc/{process.pid}/fd").iterdir())
        return any(str(handle.readlink()) == path for handle in handles)
    except OSError:
        return False
