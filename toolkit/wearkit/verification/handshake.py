"""Negotiation: host and device settle on a minor version, or the host says why they cannot."""

from __future__ import annotations

import time
from collections.abc import Callable

from wearkit.errors import DataError, PortError
from wearkit.link.classify import Carried
from wearkit.link.faults import Fault
from wearkit.link.frames.foreign import ForeignFrames
from wearkit.link.frames.frame import MINOR_MAX, MINOR_MIN, FrameFault
from wearkit.link.frames.from_device import DeviceError, ErrorCode, Hello
from wearkit.link.frames.from_host import HelloRequest
from wearkit.verification.dialogue import Dialogue, Received

SILENT_S = 8.0  # a board that opening its port has reset says nothing until it has booted
_POLL_S = 0.1


class Negotiation:
    """Asks for a HELLO up to TRIES times, TRY_S apart; the caller sends and receives."""

    TRIES, TRY_S = 3, 1.0

    def __init__(self) -> None:
        self._asked = 0
        self._next_s = float("-inf")
        self._foreign = ForeignFrames()

    def due(self, now_s: float) -> HelloRequest | None:
        """The request to send now, if one is due."""
        if self._asked == self.TRIES or now_s < self._next_s:
            return None
        self._asked += 1
        self._next_s = now_s + self.TRY_S
        return HelloRequest()

    def gave_up(self, now_s: float) -> bool:
        """Whether the last request, too, has waited long enough."""
        return self._asked == self.TRIES and now_s >= self._next_s

    def take(self, received: Received) -> Hello | None:
        """The HELLO in a minor version of ours; None for everything else, garbage included.

        Raises DataError when there is no version in common: of the major one after two such
        frames, of the minor one when the device says so or names its own.
        """
        if received is FrameFault.MAJOR:
            self._foreign.add()
        if isinstance(received, DeviceError) and received.code == ErrorCode.VERSION:
            raise _no_minor(f"says {received.text.rstrip('.')!r}")
        if not isinstance(received, Hello):
            return None
        if MINOR_MIN <= received.minor <= MINOR_MAX:
            return received
        if received.minor_min > MINOR_MAX or received.minor_max < MINOR_MIN:
            raise _no_minor(f"speaks {received.minor_min} to {received.minor_max}")
        return None  # it has not heard the request yet


def negotiate(link: Dialogue, stop: Callable[[], bool] = lambda: False) -> Hello | None:
    """Ask until the device answers; None on `stop`. From a device that says nothing at all, the
    HELLO of its boot is waited for, up to SILENT_S.

    Raises PortError when it does not answer in time, DataError as Negotiation.take,
    LinkLostError when the port goes away.
    """
    asking = Negotiation()
    start_s = time.monotonic()
    while not stop():
        now_s = time.monotonic()
        may_boot = not link.received_bytes and now_s - start_s < SILENT_S
        request = asking.due(now_s)
        if request is not None:
            link.send(request)
        elif asking.gave_up(now_s) and not may_boot:
            raise _unanswered(link, now_s - start_s)
        hellos = [hello for received in link.receive(_POLL_S) if (hello := asking.take(received))]
        if hellos:
            return hellos[-1]  # a sensor that starts changes the boot id
    return None


def _no_minor(reason: str) -> DataError:
    return DataError(
        f"There is no minor version of wearkit link in common: the device {reason}, wearkit speaks "
        f"{MINOR_MIN} to {MINOR_MAX}; update the older one."
    )


def _unanswered(link: Dialogue, waited_s: float) -> PortError:
    """Why nobody answered, as far as the bytes tell."""
    carried = link.carried
    if carried is Carried.LINES:
        return PortError(
            "The device sends lines of text, which carry no logits to compare: let it send "
            "frames (docs/protocol.md).",
            fault=Fault.NO_VALID_DATA,
        )
    if carried is Carried.FRAMES:
        return PortError(
            f"The device sends frames and no HELLO in {waited_s:.0f} s: its firmware is not "
            "complete, or not of wearkit link/1.",
            fault=Fault.NO_VALID_DATA,
        )
    if carried is Carried.NOISE:
        return PortError(
            f"The device did not answer in {waited_s:.0f} s, and what it sends looks like another "
            "baud rate: try --baud auto.",
            fault=Fault.BAUD_MISMATCH_SUSPECTED,
        )
    came = f"{link.received_bytes} bytes came" if link.received_bytes else "nothing came"
    return PortError(
        f"The device did not answer in {waited_s:.0f} s ({came}): check that it is powered, runs "
        "the wearkit firmware and is the one on this port.",
        fault=Fault.NO_VALID_DATA,
    )
