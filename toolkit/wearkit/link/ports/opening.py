"""open_at(): a port that may not be there yet, at a rate that may have to be found."""

from __future__ import annotations

from collections.abc import Callable

from wearkit.errors import WearkitError
from wearkit.link.baud import find_baud
from wearkit.link.ports.reconnect import wait_for
from wearkit.link.ports.serial_port import BAUD, Port, open_port

AUTO = "auto"


def open_at(
    url: str,
    baud: int | str = BAUD,
    *,
    wait: bool = False,
    dtr: bool = True,
    send: bytes = b"",
    stop: Callable[[], bool] = lambda: False,
    on_rate: Callable[[int], None] = lambda _: None,
) -> Port:
    """The open port. baud: a rate, or AUTO to listen at the common ones; on_rate gets the rate
    that was found so. wait: for a port that is not there yet, until `stop`. dtr, send: as in
    open_port.

    Raises PortError and LinkLostError as open_port and find_baud.
    """
    if wait:
        wait_for(url, stop)
    if baud != AUTO:
        return open_port(url, int(baud), dtr=dtr, send=send)
    port = open_port(url, dtr=dtr, send=send)
    try:
        rate = find_baud(port, stop)
    except WearkitError:
        port.close()
        raise
    if rate is not None:
        on_rate(rate)
    return port
