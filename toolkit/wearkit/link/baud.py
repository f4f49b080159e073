"""find_baud(): the rate at which a port's bytes make sense, by listening at one after the other."""

from __future__ import annotations

import termios
import time
from collections.abc import Callable
from typing import Protocol

from wearkit.errors import LinkLostError, PortError
from wearkit.link.classify import Carried, carried
from wearkit.link.faults import Fault
from wearkit.link.frames.from_device import HELLO_PERIOD_S
from wearkit.link.options import SETTLE_S

RATES = (115200, 9600, 57600, 230400, 460800, 921600, 38400, 19200, 74880)
"""The common ones first; 74880 is what an ESP8266's loader prints at."""

LISTEN_S = HELLO_PERIOD_S + 0.5  # a device that was stopped still says HELLO
_KEPT_BYTES = 4096


class Tunable(Protocol):
    """An open port whose rate can be changed, as wearkit.link.ports.serial_port.Port."""

    url: str

    @property
    def baud(self) -> int: ...

    def set_baud(self, baud: int) -> None: ...

    def read(self) -> bytes: ...

    def give_back(self, data: bytes) -> None: ...


def find_baud(
    port: Tunable,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], float] = time.monotonic,
) -> int | None:
    """The first of RATES at which whole frames or lines arrive; the port stays at it, and gives
    what came at it once more. None on `stop`.

    A silent port takes half a minute. Noise that no rate explains is left as soon as it is
    recognised, except right after opening, when a board that was reset prints at its loader's rate.
    Raises PortError when there is none, LinkLostError when the port goes away.
    """
    opened_s = now()
    received = 0
    for rate in RATES:
        try:
            if rate != port.baud:
                port.set_baud(rate)
            data = _listen(port, stop, now, opened_s)
        except ValueError:  # a rate this computer's driver does not have
            continue
        except (OSError, termios.error) as error:
            raise LinkLostError(f"{port.url} went away while its baud rate was sought.") from error
        if stop():
            return None
        if carried(data) in (Carried.FRAMES, Carried.LINES):
            port.give_back(data)
            return rate
        received += len(data)
    came = "bytes came that are neither lines nor frames" if received else "nothing came"
    raise PortError(
        f"No rate fits {port.url}: at {', '.join(map(str, RATES))} baud {came}; check that the "
        "board sends x,y,z lines or frames, or give its rate with --baud.",
        fault=Fault.BAUD_MISMATCH_SUSPECTED if received else Fault.NO_VALID_DATA,
    )


def _listen(
    port: Tunable, stop: Callable[[], bool], now: Callable[[], float], opened_s: float
) -> bytes:
    end_s = max(now() + LISTEN_S, opened_s + SETTLE_S)
    data = b""
    while now() < end_s and not stop():
        chunk = port.read()
        if not chunk:
            continue
        data = (data + chunk)[-_KEPT_BYTES:]
        content = carried(data)
        settled = now() - opened_s > SETTLE_S
        if content in (Carried.FRAMES, Carried.LINES) or (content is Carried.NOISE and settled):
            break
    return data
