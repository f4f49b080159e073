"""The RP2040 image on rp2040js, an emulated chip: the sensor model at the wires of its I2C0, a
pseudo-terminal at its UART0.

rp2040js runs in node and asks here, message by message, so time is the chip's own: CPU cycles as
rp2040js counts them, and 5 ms naps of the program that take no time to emulate.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit.link.pseudo_terminal import PseudoTerminal, ReaderLeftError, Stop
from wearkit_export.emulate import STREAMS, Emulated, EmulateOptions
from wearkit_export.firmware import firmware_dir
from wearkit_export.rp2040_image import FLASH_ORIGIN, PORT, Rp2040Image
from wearkit_export.sensor_library import SensorLibrary

EMULATOR = f"{PORT}/emulate"
_HEAD = struct.Struct("<cdH")
_FLUSH_BYTES = 4096
_FLUSH_S = 0.1  # a slow computer must not look like a dead device
_MESSAGE_LIMIT = 300
_END_S = 5.0
_READ_BYTES = 512


def find_node() -> str:
    """The node that can run rp2040js. Raises MissingToolError saying what to install."""
    node = shutil.which("node")
    if node is None:
        raise MissingToolError("node is not installed: apt-get install nodejs npm.")
    folder = firmware_dir() / EMULATOR
    if not (folder / "node_modules" / "rp2040js").is_dir():
        raise MissingToolError(f"rp2040js is not installed: npm ci --prefix {folder}.")
    return node


class Rp2040Device:
    """Runs an image; every run is a boot. Raises MissingToolError without node or rp2040js."""

    def __init__(self, image: Rp2040Image, work: Path) -> None:
        self._node = find_node()
        self._image, self._work = image, work
        self._sensor = SensorLibrary(work)

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: Stop = lambda: False,
    ) -> Emulated:
        """As emulate.Device.run. Raises DataError for a bus that the port has not."""
        if options.bus != "i2c":
            raise DataError("The RP2040 port has its sensor on I2C: leave --bus out.")
        self._sensor.begin(
            counts,
            odr_error=options.odr_error,
            jitter_us=options.jitter_us,
            faults=options.faults,
        )
        board = _Board(self._sensor, port, options.speed, stop)
        self._execute(board, options)
        counters = self._sensor.counters()
        return Emulated(
            taken=counters.taken,
            lost=counters.lost,
            short_reads=counters.short_reads,
            early_reads=counters.early_reads,
            live_writes=counters.live_writes,
            tx_dropped=0,
            device_s=board.now_us * 1e-6,
            reader_left=board.reader_left,
            drained=not board.reader_left and port.drain(stop),
        )

    def _execute(self, board: _Board, options: EmulateOptions) -> None:
        script = firmware_dir() / EMULATOR / "wk_rp2040js.mjs"
        with tempfile.TemporaryFile() as said:
            with subprocess.Popen(
                [self._node, str(script), str(self._flash_file(options)), str(options.boot_id)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
            ) as process:
                try:
                    whole = board.serve(process)
                    process.wait(_END_S)
                finally:
                    process.kill()
                    board.flush()
            said.seek(0)
            message = said.read().decode(errors="replace").strip()[-_MESSAGE_LIMIT:]
        if not whole:
            raise VerificationError(
                f"The emulated RP2040 stopped with code {process.returncode}: {message}"
            )

    def _flash_file(self, options: EmulateOptions) -> Path:
        """The image with wk_rp2040_settings_t as the options ask."""
        elf = self._image.elf
        place = elf.symbol("wk_rp2040_settings").address - elf.sections[".data"].address
        at = elf.symbol("wk_data_load").address + place - FLASH_ORIGIN
        flash = bytearray(self._image.flash)
        flash[at : at + 3] = bytes((STREAMS[options.mode], options.streaming, True))
        path = self._work / "wk_rp2040_flash.bin"
        path.write_bytes(flash)
        return path


class _Board:
    """Answers what the emulated chip asks of its surroundings."""

    def __init__(
        self, sensor: SensorLibrary, port: PseudoTerminal, speed: float, stop: Stop
    ) -> None:
        self._sensor, self._port, self._speed, self._stop = sensor, port, speed, stop
        self._out = bytearray()
        self._start_s = self._flushed_s = time.monotonic()
        self.now_us = 0.0
        self.reader_left = False

    def serve(self, process: subprocess.Popen[bytes]) -> bool:
        """Until the end; False when the emulator ended on its own."""
        assert process.stdin is not None and process.stdout is not None
        while True:
            head = process.stdout.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return False
            kind, self.now_us, length = _HEAD.unpack(head)
            done = self._answer(kind, process.stdout.read(length), process.stdin)
            if done:
                return True

    def flush(self) -> None:
        """Hand over what the program sent, however long the reader takes."""
        self._flushed_s = time.monotonic()
        data, self._out = bytes(self._out), bytearray()
        if not data or self.reader_left:
            return
        try:
            self._port.write(data, self._stop)
        except ReaderLeftError:
            self.reader_left = True

    def _answer(self, kind: bytes, data: bytes, stdin: IO[bytes]) -> bool:
        done = False
        if kind == b"w":
            self._sensor.put(data[0])
            return False
        if kind == b"p":
            self._sensor.stop()
            return False
        if kind == b"S":
            self._sensor.until(int(self.now_us))
            answer = bytes([self._sensor.start(data[0], reading=data[1] != 0)])
        elif kind == b"R":
            answer = bytes([self._sensor.get()])
        else:
            done, answer = self._pass_time(data)
        stdin.write(len(answer).to_bytes(2, "little") + answer)
        stdin.flush()
        return done

    def _pass_time(self, sent: bytes) -> tuple[bool, bytes]:
        """Whether this is the end, and the answer: that, and what the host sent."""
        self._out += sent
        self._sensor.until(int(self.now_us))
        late = time.monotonic() - self._flushed_s > _FLUSH_S
        if self._speed or late or len(self._out) >= _FLUSH_BYTES:
            self.flush()
        received = b""
        with suppress(BlockingIOError, OSError):  # a reader that left shows when writing
            received = os.read(self._port.fileno(), _READ_BYTES)
        if self._speed:
            early_s = self._start_s + self.now_us * 1e-6 / self._speed - time.monotonic()
            time.sleep(max(0.0, early_s))
        done = self._stop() or self.reader_left or bool(self._sensor.counters().ended)
        return done, bytes([done]) + received
