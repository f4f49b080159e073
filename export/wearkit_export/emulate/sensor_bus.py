"""What the Cortex-M4 port finds at the other end of its UART 1: the sensor, register by register.

The requests are those of firmware/ports/cortex-m4/wk_main_m4.c.
"""

from __future__ import annotations

from wearkit_export.emulate.sensor import SensorLibrary

_REQUEST_BYTES = {ord("R"): 3, ord("W"): 3, ord("T"): 5, ord("X"): 1}
_US_WRAP = 1 << 32


class SensorBus:
    """Takes the port's bytes one by one. now_us: the device's time as it was last told, unwrapped;
    finished: the program has sent everything.

    longest_turn_us: a program that does not tell the time for longer than that waited for this
    computer, of which the sensor must not know; None: it never waits.
    """

    def __init__(self, sensor: SensorLibrary, longest_turn_us: int | None = None) -> None:
        self.now_us = 0
        self.finished = False
        self._sensor, self._longest_turn_us = sensor, longest_turn_us
        self._sensor_us = 0
        self._request = bytearray()

    def take(self, byte: int) -> bytes:
        """The answer, once a request is whole; nothing before."""
        self._request.append(byte)
        if len(self._request) < _REQUEST_BYTES.get(self._request[0], 1):
            return b""
        request = bytes(self._request)
        self._request.clear()
        return self._answer(request)

    def _answer(self, request: bytes) -> bytes:
        match chr(request[0]):
            case "T":
                self._pass_time(int.from_bytes(request[1:], "little"))
                return bytes([self._sensor.counters().ended])
            case "R":
                data = self._sensor.read(request[1], request[2])
                return b"\x01" if data is None else b"\x00" + data
            case "W":
                return b"\x00" if self._sensor.write(request[1], request[2]) else b"\x01"
            case "X":
                self.finished = True
        return b""

    def _pass_time(self, told_us: int) -> None:
        passed_us = (told_us - self.now_us) % _US_WRAP
        self.now_us += passed_us
        if self._longest_turn_us is not None:
            passed_us = min(passed_us, self._longest_turn_us)
        self._sensor_us += passed_us
        self._sensor.until(self._sensor_us)
