"""The Cortex-M4 image on QEMU's mps2-an386: the same bytes as on unicorn, on another emulator.

Both UARTs are sockets of this process: the sensor's registers on one, the pseudo-terminal on the
other. Time is QEMU's: an instruction takes 32 ns, and with speed 0 a sleeping core is woken at
once. While the program waits for an answer from here it runs on, so that its time depends on this
computer: samples and logits are the same in every run, time stamps are not.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit.link.ports.pty import PseudoTerminal, ReaderLeftError, StopCheck
from wearkit_export.device.cortex_m4 import M4Image
from wearkit_export.emulate.cortex_m4 import initial_data
from wearkit_export.emulate.device import (
    Device,
    Emulated,
    EmulateOptions,
    begin_sensor,
    end_of_image,
)
from wearkit_export.emulate.sensor import SensorLibrary
from wearkit_export.emulate.sensor_bus import SensorBus

_PROGRAM = "qemu-system-arm"
_ICOUNT_SHIFT = 5  # 2^5 ns an instruction
_LONGEST_TURN_US = 200_000
_START_S = 20.0
_POLL_S = 0.1
_AT_ONCE = 65536
_MESSAGE_LIMIT = 300


class QemuDevice(Device):
    """Runs an image; every run is a boot. Raises MissingToolError without QEMU."""

    def __init__(self, image: M4Image, work: Path) -> None:
        if shutil.which(_PROGRAM) is None:
            raise MissingToolError(f"{_PROGRAM} is not installed: apt-get install {_PROGRAM}.")
        self._image, self._work = image, work
        self._sensor = SensorLibrary(work)

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        """As emulate.Device.run. Raises DataError for a speed other than 0 and 1."""
        if options.speed not in (0.0, 1.0):
            raise DataError("QEMU runs at --speed 1 or, as fast as it goes, 0.")
        begin_sensor(self._sensor, counts, options, self._image.rate_mhz)
        bus = SensorBus(self._sensor, _LONGEST_TURN_US)
        kernel = self._kernel(options)
        with ExitStack() as stack:
            board = _Board(stack, kernel, options.speed == 0.0, bus, port)
            board.run(stop)
        return end_of_image(
            self._sensor, bus.now_us, reader_left=board.reader_left, port=port, stop=stop
        )

    def _kernel(self, options: EmulateOptions) -> Path:
        """A copy of the image with the settings of this run."""
        from elftools.elf.elffile import ELFFile

        image = bytearray(self._image.path.read_bytes())
        with self._image.path.open("rb") as file:
            at = ELFFile(file).get_section_by_name(".data")["sh_offset"]
        data = initial_data(self._image, options)
        image[at : at + len(data)] = data
        path = self._work / "wk_device_qemu.elf"
        path.write_bytes(image)
        return path


def _dies_with_parent() -> tuple[str, ...]:
    """What to start qemu with so that it ends when this program is killed, on Linux: it goes on
    without the sensor and the link that it has lost, at full speed."""
    setpriv = shutil.which("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "KILL")


class _Board:
    """QEMU as a process, and who answers on its UARTs."""

    def __init__(
        self, stack: ExitStack, kernel: Path, fast: bool, bus: SensorBus, port: PseudoTerminal
    ) -> None:
        self._sensor, self._port = bus, port
        self.reader_left = False
        servers = [_listen(stack, kernel.parent / f"{name}.sock") for name in ("link", "bus")]
        icount = f"shift={_ICOUNT_SHIFT},sleep={'off' if fast else 'on'}"
        self._qemu = stack.enter_context(
            subprocess.Popen(
                [
                    *_dies_with_parent(),
                    *(_PROGRAM, "-M", "mps2-an386", "-display", "none", "-monitor", "none"),
                    *("-kernel", kernel.name, "-icount", icount),
                    *("-chardev", "socket,id=link,path=link.sock", "-serial", "chardev:link"),
                    *("-chardev", "socket,id=bus,path=bus.sock", "-serial", "chardev:bus"),
                ],
                cwd=kernel.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        )
        stack.callback(self._qemu.kill)
        self._link, self._bus = (self._accept(stack, server) for server in servers)

    def run(self, stop: StopCheck) -> None:
        """Until the program has sent everything, the reader left or `stop`.

        Raises VerificationError when QEMU ends by itself.
        """
        sources: list[socket.socket | int] = [self._link, self._bus, self._port.fileno()]
        while not (self._sensor.finished or self.reader_left or stop()):
            ready, _, _ = select.select(sources, [], [], _POLL_S)
            if self._bus in ready:
                self._answer()
            if self._link in ready:
                self._send(stop)
            if self._port.fileno() in ready:
                self._receive()
        while select.select([self._link], [], [], _POLL_S)[0] and not self.reader_left:
            self._send(stop)

    def _answer(self) -> None:
        for byte in self._take(self._bus):
            answer = self._sensor.take(byte)
            if answer:
                self._bus.sendall(answer)

    def _send(self, stop: StopCheck) -> None:
        try:
            self._port.write(self._take(self._link), stop)
        except ReaderLeftError:
            self.reader_left = True

    def _receive(self) -> None:
        try:
            data = os.read(self._port.fileno(), 512)
        except BlockingIOError:
            return
        except OSError:
            self.reader_left = True
            return
        self._link.sendall(data)

    def _take(self, source: socket.socket) -> bytes:
        data = source.recv(_AT_ONCE)
        if not data:
            raise self._ended()
        return data

    def _accept(self, stack: ExitStack, server: socket.socket) -> socket.socket:
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s and self._qemu.poll() is None:
            with suppress(TimeoutError):
                return stack.enter_context(server.accept()[0])
        raise self._ended()

    def _ended(self) -> VerificationError:
        self._qemu.kill()
        messages = self._qemu.communicate()[1].decode(errors="replace").strip()
        return VerificationError(
            f"QEMU stopped: {messages[-_MESSAGE_LIMIT:] or 'it says nothing'}."
        )


def _listen(stack: ExitStack, path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    server = stack.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(str(path))
    server.listen(1)
    server.settimeout(_POLL_S)
    return server
