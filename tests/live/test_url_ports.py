"""`socket://` and `rfc2217://`: the same bytes, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial
from numpy.typing import NDArray
from serial import rfc2217

from wearkit.bundle.bundle import open_bundle
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples
from wearkit.link.ports.serial_port import open_port

Counts = NDArray[np.int16]
# pyserial 3.5 names and marks its thread in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
HELLO = Hello(boot_id=7, features=Feature.SAMPLES)


def frames(counts: Counts) -> bytes:
    said: list[Message] = []
    for first in range(0, len(counts), 10):
        if first % 100 == 0:
            said.append(HELLO)
        block = [(x, y, z) for x, y, z in counts[first : first + 10].tolist()]
        said.append(Samples(first, (first + len(block) - 1) * 20_000, tuple(block)))
    return b"".join(encode_message(message, seq) for seq, message in enumerate(said))


class Server:
    """Sends `data` to whoever connects, plainly or as an RFC 2217 serial server, and hangs up."""

    def __init__(self, data: bytes, *, as_rfc2217: bool) -> None:
        self._data, self._as_rfc2217 = data, as_rfc2217
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "rfc2217" if as_rfc2217 else "socket"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.baud: int | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # Closing alone does not wake a thread that waits for a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, suppress(ConnectionError):
            if self._as_rfc2217:
                self._serve_rfc2217(connection)
            else:
                connection.sendall(self._data)

    def _serve_rfc2217(self, connection: socket.socket) -> None:
        device = serial.serial_for_url("loop://")
        manager = rfc2217.PortManager(device, _Writer(connection))
        connection.settimeout(0.2)
        quiet = 0
        while quiet < 3:  # until the client has said all it wants to set
            try:
                asked = connection.recv(1024)
            except TimeoutError:
                quiet += 1
                continue
            if not asked:
                return
            quiet = 0
            assert b"".join(manager.filter(asked)) == b""
        self.baud = device.baudrate
        connection.settimeout(None)
        connection.sendall(b"".join(manager.escape(self._data)))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass


class _Writer:
    """What pyserial's server side wants to write to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    """server(data, as_rfc2217=...) -> one that waits for its client, closed with the test."""
    started: list[Server] = []

    def start(data: bytes, *, as_rfc2217: bool) -> Server:
        started.append(Server(data, as_rfc2217=as_rfc2217))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("as_rfc2217", [False, True])
@pytest.mark.parametrize("kind", ["frames", "lines"])
def test_live_reads_every_sample_over_the_network(
    server: Callable[..., Server],
    wearkit_process: Callable[..., Any],
    micro_bundle: Path,
    moving_counts: Callable[..., Counts],
    sensor_lines: Callable[..., list[bytes]],
    expected_logits: Callable[..., dict[str, NDArray[np.int8]]],
    kind: str,
    as_rfc2217: bool,
) -> None:
    counts = moving_counts(1000)
    # A head that a reader of a remote UART drops, as of any UART.
    lines = b"\n#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
    lines += b"".join(sensor_lines(counts))
    sent = server(frames(counts) if kind == "frames" else lines, as_rfc2217=as_rfc2217)
    live = wearkit_process(
        "live", "--json", "--port", sent.url, "--bundle", str(micro_bundle), "--reconnect", "0"
    )
    out, err = live.communicate(timeout=120)
    assert live.returncode == 4, err
    assert "Traceback" not in err
    windows = [json.loads(line) for line in out.splitlines()]
    expected = expected_logits(open_bundle(micro_bundle).graph, counts)
    for task, rows in expected.items():
        assert [window["tasks"][task]["logits"] for window in windows] == rows.tolist()
    summary = json.loads(next(line for line in err.splitlines() if line.startswith("{")))["summary"]
    assert (summary["samples"], summary["missing_samples"], summary["rejected"]) == (1000, 0, {})
    if as_rfc2217:
        assert sent.baud == 115_200


@pytest.mark.parametrize("as_rfc2217", [False, True])
def test_bytes_before_the_end_are_all_read(server: Callable[..., Server], as_rfc2217: bool) -> None:
    data = bytes(range(256)) * 400
    port = open_port(server(data, as_rfc2217=as_rfc2217).url)
    time.sleep(1.5)  # everything, the hang-up too, has come before the first read
    received = b""
    with pytest.raises(OSError, match=r"."):
        while True:
            received += port.read()
    port.close()
    assert received == data


def test_only_a_uart_is_joined_in_mid_line(server: Callable[..., Server]) -> None:
    plain, remote = (open_port(server(b"", as_rfc2217=kind).url) for kind in (False, True))
    assert (plain.joins_in_mid_line, remote.joins_in_mid_line) == (False, True)
    plain.close()
    remote.close()
