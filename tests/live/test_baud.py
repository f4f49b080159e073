"""--baud auto against a line that is sampled bit by bit at the wrong rates."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import serial
from numpy.typing import NDArray
from tests.live.software_uart import Line, Uart

from wearkit.cli import run
from wearkit.errors import LinkLostError, PortError
from wearkit.link import baud as baud_module
from wearkit.link.baud import RATES, find_baud
from wearkit.link.classify import Carried, carried
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples
from wearkit.link.ports.serial_port import Port

Counts = NDArray[np.int16]
Lines = Callable[..., list[bytes]]
SECONDS = 40
HEADER = b"#wearkit text/1 units=counts rate=50 fields=index,t_us,x,y,z\n"


@pytest.fixture
def text(moving_counts: Callable[..., Counts], sensor_lines: Lines) -> list[tuple[float, bytes]]:
    lines = sensor_lines(moving_counts(50 * SECONDS))
    sent = [(index / 50, line) for index, line in enumerate(lines)]
    return [(0.0, HEADER), *sent]


@pytest.fixture
def frames(moving_counts: Callable[..., Counts]) -> list[tuple[float, bytes]]:
    counts = moving_counts(50 * SECONDS)
    said: list[tuple[float, Message]] = []
    for first in range(0, len(counts), 10):
        if first % 100 == 0:
            said.append((first / 50, Hello(boot_id=7, features=Feature.SAMPLES)))
        block = tuple((x, y, z) for x, y, z in counts[first : first + 10].tolist())
        said.append(((first + 9) / 50, Samples(first, (first + 9) * 20_000, block)))
    return [(at_s, encode_message(message, seq)) for seq, (at_s, message) in enumerate(said)]


def sent_at(rate: int, what: list[tuple[float, bytes]]) -> Uart:
    line = Line()
    for at_s, data in what:
        line.send(data, rate, at_s)
    return Uart(line)


def port(uart: Uart) -> Port:
    return Port("/dev/ttyUSB0", uart, is_device=False, is_pty=False)


def find(uart: Uart) -> tuple[int | None, Port]:
    opened = port(uart)
    return find_baud(opened, now=lambda: uart.now_s), opened


def test_the_uart_of_this_test_is_one() -> None:
    everything = bytes(range(256)) * 3
    for rate in RATES:
        uart = sent_at(rate, [(0.01, everything)])
        uart.baudrate = rate
        received = b""
        while uart.now_s < 2:
            received += uart.read(uart.in_waiting)
        assert received == everything
    # A rate 2 % off is still read, as on real parts; 10 % off is not.
    for off, same in ((1.02, True), (0.98, True), (1.1, False), (0.9, False)):
        uart = sent_at(round(9600 * off), [(0.01, everything)])
        uart.baudrate = 9600
        received = b""
        while uart.now_s < 2:
            received += uart.read(uart.in_waiting)
        assert (received == everything) == same


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_of_lines_is_found(text: list[tuple[float, bytes]], rate: int) -> None:
    uart = sent_at(rate, text)
    found, opened = find(uart)
    assert found == rate == uart.baudrate == opened.baud
    assert uart.rates == list(RATES[: RATES.index(rate) + 1])
    first = opened.read()
    assert carried(first) is Carried.LINES  # what was heard at that rate is not lost


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_of_frames_is_found(frames: list[tuple[float, bytes]], rate: int) -> None:
    uart = sent_at(rate, frames)
    found, opened = find(uart)
    assert found == rate
    assert carried(opened.read()) is Carried.FRAMES


@pytest.mark.parametrize("rate", [300, 76800 * 4, 250000])
def test_a_rate_that_is_not_tried_is_refused_with_one_sentence(
    text: list[tuple[float, bytes]], rate: int
) -> None:
    with pytest.raises(PortError, match=r"No rate fits .* bytes came that are neither") as caught:
        find(sent_at(rate, text))
    assert caught.value.fault == "BAUD_MISMATCH_SUSPECTED"
    assert all(str(tried) in str(caught.value) for tried in RATES)


def test_a_silent_port_is_refused_in_half_a_minute() -> None:
    uart = sent_at(9600, [])
    with pytest.raises(PortError, match="nothing came") as caught:
        find(uart)
    assert caught.value.fault == "NO_VALID_DATA"
    assert 20 < uart.now_s < 30


def test_a_loader_at_another_rate_right_after_opening_is_waited_for(
    text: list[tuple[float, bytes]],
) -> None:
    # An ESP8266's boot messages at 74880, then the sketch at 115200.
    line = Line()
    line.send(b"\r\n ets Jan  8 2013,rst cause:2, boot mode:(3,6)\r\n" * 20, 74880, 0.0)
    for at_s, data in text:
        line.send(data, 115200, at_s + 2.0)
    uart = Uart(line)
    assert find(uart)[0] == 115200
    assert uart.rates == [115200]


def test_a_device_that_only_says_hello_is_found() -> None:
    hello = encode_message(Hello(boot_id=3, features=Feature.SAMPLES), 0)
    uart = sent_at(57600, [(2.0 * k, hello) for k in range(20)])
    assert find(uart)[0] == 57600


def test_stopping_and_unplugging_end_it(text: list[tuple[float, bytes]]) -> None:
    uart = sent_at(9600, text)
    assert find_baud(port(uart), stop=lambda: uart.now_s > 1, now=lambda: uart.now_s) is None

    class Gone(Uart):
        @property
        def in_waiting(self) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(LinkLostError, match="went away"):
        find_baud(port(Gone(Line())))


def test_live_finds_it_says_it_and_loses_no_sample(
    text: list[tuple[float, bytes]],
    micro_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    uart = sent_at(57600, text)
    monkeypatch.setattr(serial, "serial_for_url", lambda *_, **__: uart)
    monkeypatch.setattr(baud_module, "SETTLE_S", 0.0)
    arguments = ["live", "--port", "loop://", "--bundle", str(micro_bundle), "--json"]
    code = run([*arguments, "--baud", "auto", "--units", "counts", "--windows", "3"])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert err.startswith("Baud rate: 57600,")
    assert [json.loads(line)["window"] for line in out.splitlines()] == [0, 1, 2]
    assert uart.rates == [115200, 9600, 57600]


@pytest.mark.parametrize("said", ["fast", "12", "-9600", "9600.0", "AUTO", ""])
def test_what_is_no_rate_is_a_usage_error(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["live", "--port", "/dev/null", "--baud", said]) == 2
    assert "--baud" in capsys.readouterr().err
