"""Commands out and frames in on real ports: what is written arrives, or the link is lost."""

import os
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.live.replay_device import ReplayDevice

from wearkit.bundle.bundle import open_bundle
from wearkit.errors import LinkLostError
from wearkit.link.classify import Carried
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.frame import FrameFault, FrameType
from wearkit.link.frames.from_device import Ack, Hello, Pong
from wearkit.link.frames.from_host import Ping, Replay, Stop
from wearkit.link.ports.serial_port import open_port
from wearkit.verification.dialogue import Dialogue, Received
from wearkit.verification.replay import ReplayOptions, replay_verify


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, reader = os.openpty()
    tty.setraw(reader)
    name = os.ttyname(reader)
    os.close(reader)
    yield master, name
    with suppress(OSError):
        os.close(master)


def hear(link: Dialogue, count: int) -> list[Received]:
    heard: list[Received] = []
    while len(heard) < count:
        heard += link.receive(1.0)
    return heard


def test_what_is_sent_arrives_numbered_and_what_comes_is_booked(pty: tuple[int, str]) -> None:
    master, name = pty
    link = Dialogue(open_port(name))
    assert [link.send(Ping(7)), link.send(Stop())] == [0, 1]
    commands = encode_message(Ping(7), 0) + encode_message(Stop(), 1)
    arrived = b""
    while len(arrived) < len(commands):
        arrived += os.read(master, 4096)
    assert arrived == commands
    good = encode_message(Pong(7), 0)
    damaged = bytearray(encode_message(Ack(FrameType.STOP, 1, 0), 1))
    damaged[6] ^= 4
    hello = encode_message(Hello(boot_id=3), 2)
    echo = encode_message(Stop(), 1)
    tail = b"\x05half"
    sent = b"boot ok\r\n" + good + bytes(damaged) + echo + b"\0words\n" + hello + tail
    os.write(master, sent)
    heard = hear(link, 3)
    assert heard == [Pong(7), FrameFault.CRC, Hello(boot_id=3)]
    assert link.carried is Carried.FRAMES
    link.close()
    ledger = link.ledger
    assert link.received_bytes == len(sent) == ledger.bytes_total
    assert ledger.bytes_ok == len(good) + len(hello) - 4
    assert (dict(ledger.rejected), ledger.bytes_rejected) == ({FrameFault.CRC: 1}, len(damaged) - 2)
    assert link.text_lines == 2


def test_noise_before_the_first_frame_is_no_fault(pty: tuple[int, str]) -> None:
    master, name = pty
    link = Dialogue(open_port(name))
    os.write(master, b"\x80\x81torn\0" + encode_message(Pong(1), 0))
    assert hear(link, 2)[1:] == [Pong(1)]
    link.close()
    assert link.ledger.rejected.total() == 0 and link.ledger.messages_noise == 1


def test_a_peer_that_is_gone_is_a_lost_link_for_both(pty: tuple[int, str]) -> None:
    master, name = pty
    link = Dialogue(open_port(name))
    os.close(master)
    with pytest.raises(LinkLostError, match="takes nothing any more"):
        link.send(Stop())
    with pytest.raises(LinkLostError, match="went away"):
        hear(link, 1)
    link.close()


def test_a_peer_that_takes_nothing_is_a_lost_link_in_the_end(pty: tuple[int, str]) -> None:
    _, name = pty
    link = Dialogue(open_port(name))
    window = Replay(0, ((1, 2, 3),) * 32)
    sent = 0
    with pytest.raises(LinkLostError, match="takes nothing any more: Write timeout"):
        while sent < 10_000:  # 2 MB: no pty buffers that
            link.send(window)
            sent += 1
    assert sent > 0
    link.close()


def test_a_test_set_goes_through_a_socket_as_well(micro_bundle: Path) -> None:
    bundle = open_bundle(micro_bundle)
    device = ReplayDevice(bundle)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.01)
            while True:
                with suppress(TimeoutError):
                    asked = connection.recv(4096)
                    if not asked:
                        return
                    device.write(asked)
                if said := device.read():
                    connection.sendall(said)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = open_port(f"socket://127.0.0.1:{listener.getsockname()[1]}")
    done = replay_verify(Dialogue(port), bundle, bundle.golden().counts, ReplayOptions("golden"))
    thread.join(timeout=60)
    listener.close()
    assert not thread.is_alive()
    assert done.report.error is None and done.report.put_back
    assert done.verifier.tally.equal == len(bundle.golden().counts)
