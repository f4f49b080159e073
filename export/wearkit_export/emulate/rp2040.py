"""The RP2040 image on rp2040js, an emulated chip: the sensor model at the wires of its I2C0, a
pseudo-terminal at its UART0.

rp2040js runs in node and asks here, message by message, so time is the chip's own: CPU cycles as
rp2040js counts them, and 5 ms naps of the program that take no time to emulate.
"""

from __future__ import annotations

import io
import select
import shutil
import struct
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit.link.ports.pty import PseudoTerminal, StopCheck
from wearkit_export.device.rp2040 import FLASH_ORIGIN, PORT, Rp2040Image
from wearkit_export.emulate.device import (
    STREAMS,
    Device,
    Emulated,
    EmulateOptions,
    begin_sensor,
    end_of_image,
)
from wearkit_export.emulate.paced_port import PacedPort
from wearkit_export.emulate.sensor import SensorLibrary
from wearkit_export.firmware import firmware_dir

EMULATOR = f"{PORT}/emulate"
_HEAD = struct.Struct("<cdH")
_MESSAGE_LIMIT = 300
_POLL_S = 0.05


def find_node() -> str:
    """The node that can run rp2040js. Raises MissingToolError saying what to install."""
    node = shutil.which("node")
    if node is None:
        raise MissingToolError("node is not installed: apt-get install nodejs npm.")
    folder = firmware_dir() / EMULATOR
    if not (folder / "node_modules" / "rp2040js").is_dir():
        raise MissingToolError(f"rp2040js is not installed: npm ci --prefix {folder}.")
    return node


class Rp2040Device(Device):
    """Runs an image; every run is a boot. Raises MissingToolError without node or rp2040js."""

    def __init__(self, image: Rp2040Image, work: Path) -> None:
        self._node = find_node()
        self._image, self._work = image, work
        self._sensor = SensorLibrary(work)
        self._ahead: deque[tuple[EmulateOptions, _Chip]] = deque()

    def boot(self, options: EmulateOptions) -> None:
        """As emulate.Device.boot: seconds, in which the model is asked for its known answers.
        Raises DataError for a bus that the port has not."""
        self._ahead.append((options, self._switch_on(options)))

    def booted(self, stop: StopCheck = lambda: False) -> bool:
        """As emulate.Device.booted."""
        return all(chip.booted(stop) for _, chip in self._ahead)

    def close(self) -> None:
        """As emulate.Device.close."""
        while self._ahead:
            self._ahead.popleft()[1].close()

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        """As emulate.Device.run. Raises DataError for a bus that the port has not."""
        ahead = bool(self._ahead) and self._ahead[0][0] == options
        chip = self._ahead.popleft()[1] if ahead else self._switch_on(options)
        try:
            begin_sensor(self._sensor, counts, options, self._image.rate_mhz)
            board = _Board(self._sensor, port, options.speed, stop)
            if chip.booted(stop):
                board.serve(chip)
        finally:
            chip.close()
        return end_of_image(
            self._sensor, board.now_us, reader_left=board.link.reader_left, port=port, stop=stop
        )

    def _switch_on(self, options: EmulateOptions) -> _Chip:
        if options.bus != "i2c":
            raise DataError("The RP2040 port has its sensor on I2C: leave --bus out.")
        return _Chip(self._node, self._flash(options), options.boot_id, self._work)

    def _flash(self, options: EmulateOptions) -> bytes:
        """The image with wk_rp2040_settings_t as the options ask."""
        elf = self._image.elf
        place = elf.symbol("wk_rp2040_settings").address - elf.sections[".data"].address
        at = elf.symbol("wk_data_load").address + place - FLASH_ORIGIN
        flash = bytearray(self._image.flash)
        flash[at : at + 3] = bytes((STREAMS[options.mode], options.streaming, True))
        return bytes(flash)


class _Chip:
    """rp2040js in a process of its own. It boots at once, and from its first message on it stands
    still whenever nobody answers."""

    def __init__(self, node: str, flash: bytes, boot_id: int, work: Path) -> None:
        script = firmware_dir() / EMULATOR / "wk_rp2040js.mjs"
        self._stderr = tempfile.TemporaryFile()
        self._flash = tempfile.NamedTemporaryFile(dir=work, suffix=".bin")
        self._flash.write(flash)
        self._flash.flush()
        self._process = subprocess.Popen(
            [node, str(script), self._flash.name, str(boot_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            process_group=0,  # a terminal's Ctrl-C is for this program alone
        )
        assert isinstance(self._process.stdout, io.BufferedReader)
        self._from = self._process.stdout
        self._booted = False

    def booted(self, stop: StopCheck) -> bool:
        """Wait for the first message. False on `stop`; VerificationError when none comes."""
        while not self._booted and not stop():
            if select.select([self._from], [], [], _POLL_S)[0]:
                if not self._from.peek(1):
                    raise self._ended()
                self._booted = True
        return self._booted

    def ask(self) -> tuple[bytes, float, bytes]:
        """The next message: its kind, the chip's time in microseconds, what it says.

        Raises VerificationError when the emulator ended on its own.
        """
        head = self._from.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise self._ended()
        kind, now_us, length = _HEAD.unpack(head)
        return kind, now_us, self._from.read(length)

    def answer(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(len(data).to_bytes(2, "little") + data)
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        with self._process, self._stderr, self._flash:
            pass

    def _ended(self) -> VerificationError:
        code = self._process.wait()
        self._stderr.seek(0)
        message = self._stderr.read().decode(errors="replace").strip()[-_MESSAGE_LIMIT:]
        return VerificationError(f"The emulated RP2040 stopped with code {code}: {message}")


class _Board:
    """Answers what the emulated chip asks of its surroundings."""

    def __init__(
        self, sensor: SensorLibrary, port: PseudoTerminal, speed: float, stop: StopCheck
    ) -> None:
        self._sensor, self._stop = sensor, stop
        self.link = PacedPort(port, speed, stop)
        self.now_us = 0.0

    def serve(self, chip: _Chip) -> None:
        """Until the end. Raises VerificationError when the emulator ended on its own."""
        try:
            ended = False
            while not ended:
                kind, self.now_us, data = chip.ask()
                ended, answer = self._answer(kind, data)
                if answer is not None:
                    chip.answer(answer)
        finally:
            self.link.flush()

    def _answer(self, kind: bytes, data: bytes) -> tuple[bool, bytes | None]:
        """Whether this is the end, and the answer, if it is a question."""
        if kind == b"w":
            self._sensor.put(data[0])
            return False, None
        if kind == b"p":
            self._sensor.stop()
            return False, None
        if kind == b"S":
            self._sensor.until(int(self.now_us))
            return False, bytes([self._sensor.start(data[0], reading=data[1] != 0)])
        if kind == b"R":
            return False, bytes([self._sensor.get()])
        return self._pass_time(data)

    def _pass_time(self, sent: bytes) -> tuple[bool, bytes]:
        """Whether this is the end, and the answer: that, and what the host sent."""
        self.link.send(sent)
        self._sensor.until(int(self.now_us))
        received = self.link.turn(self.now_us)
        ended = self._stop() or self.link.reader_left or self._sensor.counters().ended != 0
        return ended, bytes([ended]) + received
