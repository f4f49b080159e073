"""A board that is unplugged and comes back, with ports that are made up."""

import errno
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from wearkit.errors import LinkLostError, PortError
from wearkit.link.faults import FaultLog
from wearkit.link.ports.reader import Chunk
from wearkit.link.ports.reconnect import Identity, SerialSource, identify, wait_for


class Board:
    """A port that gives its pieces and then goes away."""

    def __init__(self, url: str, *pieces: bytes) -> None:
        self.url = url
        self._pieces: Iterator[bytes] = iter(pieces)
        self.closed = False

    def read(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise OSError(errno.EIO, "Input/output error")
        return piece

    def close(self) -> None:
        self.closed = True


def take_until_lost(source: SerialSource, chunks: int) -> list[Chunk]:
    found: list[Chunk] = []
    while len(found) < chunks:
        found += source.take(0.05)
    return found


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_S", "FIRST_RETRY_S", "LAST_RETRY_S"):
        monkeypatch.setattr(f"wearkit.link.ports.reconnect.{name}", 0.001)


def usb(monkeypatch: pytest.MonkeyPatch, ports: dict[str, str]) -> None:
    """ports: device -> USB serial number, "" for none."""
    found = []
    for device, number in ports.items():
        port = ListPortInfo(device, skip_link_detection=True)
        port.vid, port.pid, port.serial_number = 0x2341, 0x8057, number or None
        found.append(port)
    monkeypatch.setattr(list_ports, "comports", lambda: found)


def test_a_board_is_found_by_its_serial_number_under_another_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usb(monkeypatch, {"/dev/ttyACM0": "mine", "/dev/ttyACM1": "other"})
    mine = identify("/dev/ttyACM0")
    assert mine.find() == "/dev/ttyACM0"
    usb(monkeypatch, {"/dev/ttyACM0": "other"})
    assert mine.find() is None
    usb(monkeypatch, {"/dev/ttyACM0": "other", "/dev/ttyACM1": "mine"})
    assert mine.find() == "/dev/ttyACM1"
    assert mine.usb is not None
    another_product = Identity("/dev/ttyACM0", (mine.usb[0], mine.usb[1] + 1, "mine"))
    assert another_product.find() is None


def test_a_board_named_by_a_link_is_found_by_its_serial_number_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node, link = tmp_path / "ttyACM0", tmp_path / "by-id"
    node.touch()
    link.symlink_to(node)
    usb(monkeypatch, {str(node): "mine"})
    assert identify(str(link)) == Identity(str(link), (0x2341, 0x8057, "mine"))


def test_a_board_without_a_serial_number_is_found_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = tmp_path / "ttyUSB0"
    usb(monkeypatch, {str(node): ""})
    board = identify(str(node))
    assert board.usb is None
    assert board.find() is None
    node.touch()
    assert board.find() == str(node)
    assert Identity("socket://127.0.0.1:9").find() == "socket://127.0.0.1:9"


def test_unplugged_and_back_is_one_fault_and_a_marked_chunk(instant: None, tmp_path: Path) -> None:
    node = tmp_path / "port"
    node.touch()
    again = [Board("b", b"3", b"4"), Board("c", b"5")]
    faults = FaultLog()
    source = SerialSource(
        Board("a", b"1", b"2"), Identity(str(node)), lambda _: again.pop(0), faults, give_up_s=60
    )
    data = b""
    resumed = []
    while len(data) < 5:
        for chunk in source.take(0.01):
            if chunk.resumed:
                resumed.append(len(data))
            data += chunk.data
    assert data == b"12345"
    assert resumed == [2, 4]
    source.close()
    assert faults.counts == {"UNPLUGGED": 2}
    assert source.reopened == 2


def test_only_the_first_chunk_after_a_reopening_is_marked(instant: None, tmp_path: Path) -> None:
    node = tmp_path / "port"
    node.touch()

    class Slow(Board):
        def read(self) -> bytes:
            time.sleep(0.05)
            return super().read()

    first, second = Board("a", b"1"), Slow("b", b"2", b"3", b"4")
    source = SerialSource(first, Identity(str(node)), lambda _: second, FaultLog(), give_up_s=60)
    chunks = take_until_lost(source, 4)
    assert [(chunk.data, chunk.resumed) for chunk in chunks] == [
        (b"1", False), (b"2", True), (b"3", False), (b"4", False),
    ]  # fmt: skip
    assert first.closed
    source.close()
    assert second.closed


def test_a_silent_port_is_closed_and_opened_again(instant: None, tmp_path: Path) -> None:
    node = tmp_path / "port"
    node.touch()

    class Silent(Board):
        def read(self) -> bytes:
            time.sleep(0.01)
            return b""

    silent, faults = Silent("a"), FaultLog()
    source = SerialSource(
        silent, Identity(str(node)), lambda _: Board("b", b"2"), faults, give_up_s=60
    )
    assert source.reopen()
    assert silent.closed
    assert source.is_away
    assert take_until_lost(source, 1)[0].resumed
    assert faults.counts == {}
    assert source.reopened == 1
    source.close()


def test_told_not_to_wait_it_ends_at_once() -> None:
    faults = FaultLog()
    source = SerialSource(Board("a", b"1"), Identity("x://"), Board, faults, give_up_s=0)
    assert source.take(1.0)[0].data == b"1"
    with pytest.raises(LinkLostError):
        source.take(1.0)
    assert not source.reopen()
    source.close()


def test_it_gives_up_after_its_time(instant: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 50.0
    monkeypatch.setattr("wearkit.link.ports.reconnect.time.monotonic", lambda: now_s)
    source = SerialSource(
        Board("a"), Identity("/dev/wearkit-absent"), Board, FaultLog(), give_up_s=10
    )
    assert source.take(1.0) == []
    assert source.is_away
    assert source.take(0.0) == []
    now_s = 60.1
    with pytest.raises(LinkLostError, match="a went away"):
        source.take(0.0)


def test_a_port_that_cannot_be_opened_yet_is_tried_again_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    tries: list[float] = []
    monkeypatch.setattr("wearkit.link.ports.reconnect.time.monotonic", lambda: now_s)

    def refuse(url: str) -> Board:
        tries.append(now_s)
        raise PortError("busy")

    source = SerialSource(Board("a"), Identity("x://"), refuse, FaultLog(), give_up_s=20)
    source.take(1.0)
    while now_s < 19:
        source.take(0.0)
        now_s += 0.05
    waits = [round(later - earlier, 1) for earlier, later in pairwise(tries)]
    assert waits[:5] == pytest.approx([0.3, 0.5, 1.0, 2.0, 4.0], abs=0.11)
    assert max(waits) <= 5.1


def test_waiting_for_a_port_ends_when_it_appears_or_on_stop(tmp_path: Path) -> None:
    node = tmp_path / "port"
    wait_for(str(node), stop=lambda: True)
    node.touch()
    wait_for(str(node), stop=lambda: False)
