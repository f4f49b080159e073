"""The loop and the ways a port can be useless, without waiting for real seconds."""

import errno
import grp
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.capture.file import CaptureWriter
from wearkit.errors import LinkLostError, PortError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import Fault
from wearkit.link.ledger import Ended
from wearkit.link.options import StreamOptions
from wearkit.link.ports.reader import Chunk, PortReader
from wearkit.link.ports.serial_port import open_port
from wearkit.live.loop import live
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow


class Script:
    """A byte source that says its pieces, then stays silent."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    is_away = False

    def take(self, timeout_s: float) -> list[Chunk]:
        return [Chunk(self._pieces.pop(0), time.monotonic())] if self._pieces else []

    def reopen(self) -> bool:
        return False


def run(graph: QuantizedGraph, *pieces: bytes) -> tuple[LiveReport, list[LiveWindow]]:
    session = LiveSession(graph, Reference(graph), StreamOptions(50.0))
    windows: list[LiveWindow] = []
    report = live(
        Script(*pieces), session, on_update=windows.extend, first_line_s=0.05, silence_s=0.05
    )
    return report, windows


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([], "Nothing came from the port"),
        ([bytes(range(128, 256)) * 4], "--baud 9600"),
        ([b"hello\nworld\n" * 3], "6 not_numbers"),
        ([b"1,2\n" * 3], "3 columns"),
        ([b"1,2,3 without an end"], "no line end came"),
        ([b"boot\n#error DEVID is 0x00: check the wiring\n"], "DEVID is 0x00: check the wiring."),
    ],
)
def test_a_port_with_nothing_to_read_says_what_came(
    tiny_graph: QuantizedGraph, pieces: list[bytes], says: str
) -> None:
    report, windows = run(tiny_graph, *pieces)
    assert isinstance(report.error, PortError)
    assert says in str(report.error)
    assert str(report.error).endswith(".")
    assert (report.ended, windows) == (Ended.REFUSED, [])


def test_a_disk_that_is_full_at_the_last_record_is_reported(
    tiny_graph: QuantizedGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def until_the_end(file: int, data: memoryview) -> int:
        if b'"ended"' in bytes(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    log = CaptureWriter(tmp_path / "a.wkrec")
    monkeypatch.setattr(os, "write", until_the_end)
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    report = live(Script(), session, on_update=lambda _: None, stop=lambda: True, log=log)
    log.close()
    assert report.faults == {"DISK_FULL": 1}
    assert report.ended == Ended.STOPPED


def test_a_sensor_that_falls_silent_is_lost_not_waited_for(tiny_graph: QuantizedGraph) -> None:
    report, windows = run(tiny_graph, b"0,0,256\n" * 170)
    assert isinstance(report.error, LinkLostError)
    assert report.ended == Ended.LOST
    assert len(windows) == 2


def test_the_last_window_may_wait_for_the_end(tiny_graph: QuantizedGraph) -> None:
    # Line 98 is missing, so line 99 is believed only when nothing contradicts it.
    lines = [b"%d,%d,0,0,256\n" % (i, i * 20_000) for i in range(100) if i != 98]
    header = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
    report, windows = run(tiny_graph, header + b"".join(lines))
    assert [(w.window, w.reasons) for w in windows] == [(0, ("gap",))]
    assert report.windows_invalid == 1


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, code: int, group: str) -> None:
    """Have every port refused with this code, as a device that belongs to the group."""

    def refuse(path: str, flags: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    entry = grp.struct_group((group, "x", 20, []))
    monkeypatch.setattr(grp, "getgrgid", lambda _: entry)
    assert grp.getgrgid(0).gr_name == group


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_forbidden_port_names_the_group_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse_to_open(monkeypatch, code, "dialout")
    remedy = r"group \S+; run `sudo usermod -aG \S+ \$USER`"
    with pytest.raises(PortError, match=remedy) as refusal:
        open_port("/dev/null")
    assert refusal.value.fault == Fault.PERMISSION


@pytest.mark.parametrize(
    "code", [errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EAGAIN, errno.EBUSY]
)
def test_a_port_that_is_not_there_and_one_that_is_in_use_have_their_codes(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse_to_open(monkeypatch, code, "dialout")
    with pytest.raises(PortError) as refusal:
        open_port("/dev/null")
    in_use = code in (errno.EAGAIN, errno.EBUSY)
    assert refusal.value.fault == (Fault.BUSY if in_use else Fault.NO_PORT)


def test_nobody_is_told_to_join_a_group_that_is_not_for_ports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_to_open(monkeypatch, errno.EACCES, "root")
    with pytest.raises(PortError, match="belongs to group root: ask who looks after") as refusal:
        open_port("/dev/null")
    assert "usermod" not in str(refusal.value)


def test_missing_port_lists_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from serial.tools import list_ports
    from serial.tools.list_ports_common import ListPortInfo

    port = ListPortInfo("/dev/ttyACM3", skip_link_detection=True)
    port.description = "Nano 33 BLE"
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    with pytest.raises(PortError, match=r"/dev/ttyACM3 \(Nano 33 BLE\)"):
        open_port("/dev/wearkit-no-such-port")
    monkeypatch.setattr(list_ports, "comports", list)
    with pytest.raises(PortError, match="brltty"):
        open_port("/dev/wearkit-no-such-port")


class Reads:
    """A port whose reads are scripted; an exception in the script is raised."""

    url = "/dev/scripted"

    def __init__(self, *script: bytes | Exception) -> None:
        self._script: Iterator[bytes | Exception] = iter(script)
        self.closed = False

    def read(self) -> bytes:
        item = next(self._script, OSError(errno.EIO, "Input/output error"))
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed = True


def drain(reader: PortReader) -> bytes:
    data = b""
    with pytest.raises(LinkLostError, match="/dev/scripted went away"):
        while True:
            data += b"".join(chunk.data for chunk in reader.take(1.0))
    return data


def test_every_way_a_peer_vanishes_is_a_lost_link_after_its_last_byte() -> None:
    import termios

    import serial

    gone = "device reports readiness to read but returned no data"
    for error in (serial.SerialException(gone), OSError(5, "x"), termios.error(5, "y")):
        port = Reads(b"abc", b"", b"def", error)
        reader = PortReader(port)
        assert drain(reader) == b"abcdef"
        reader.close()
        assert port.closed


def test_a_full_queue_holds_the_port_back_and_drops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wearkit.link.ports.reader.MAX_QUEUED_BYTES", 1000)
    pieces = [bytes([i]) * 400 for i in range(50)]
    reader = PortReader(Reads(*pieces))
    first = reader.take(1.0)
    assert sum(len(chunk.data) for chunk in first) <= 1400
    assert b"".join(chunk.data for chunk in first) + drain(reader) == b"".join(pieces)
    reader.close()


def test_a_reader_that_is_held_back_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wearkit.link.ports.reader.MAX_QUEUED_BYTES", 10)
    port = Reads(*[b"0123456789"] * 50)
    reader = PortReader(port)
    reader.close()
    assert port.closed
    assert not reader._thread.is_alive()


def test_a_device_is_joined_in_mid_line_and_a_pty_is_not() -> None:
    master, slave = os.openpty()
    port = open_port(os.ttyname(slave))
    assert not port.joins_in_mid_line
    os.write(master, b"1,2,3\n")
    assert port.read() == b"1,2,3\n"
    port.close()
    os.close(slave)
    os.close(master)


Make = Callable[..., NDArray[np.int16]]


def test_a_uart_joined_in_mid_line_loses_that_line_only(
    tiny_graph: QuantizedGraph, moving_counts: Make, tmp_path: Path
) -> None:
    options = StreamOptions(50.0).joining(True)
    session = LiveSession(tiny_graph, Reference(tiny_graph), options)
    session.feed(b"3,4,5\n" + b"0,0,256\n" * 20, 0.0)
    session.finish()
    report = session.report()
    assert report.messages_ignored == 1
    assert report.bytes_ignored == len(b"3,4,5\n")
