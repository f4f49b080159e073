"""The Cortex-M4 image on unicorn: a timer, and two UARTs with a sensor on one and a port on the
other.

Time is virtual: it passes when the program looks at its timer, 5 ms a look, so a run gives the same
bytes on every computer. infer_us is therefore no measurement here; `wearkit profile` counts.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, VerificationError
from wearkit.link.pseudo_terminal import PseudoTerminal, ReaderLeftError, Stop
from wearkit_export.emulate import STREAMS, Emulated, EmulateOptions
from wearkit_export.m4_image import M4Image
from wearkit_export.sensor_library import SensorLibrary

LOOK_US = 5_000
_TICKS_PER_US = 25
_PERIPHERALS, _PERIPHERAL_BYTES = 0x4000_0000, 0x10000
_TIMER_VALUE, _LINK, _BUS = 0x0004, 0x4000, 0x5000
_DATA, _STATE, _RX_FULL = 0x0, 0x4, 2
_FLUSH_BYTES = 4096
_FLUSH_S = 0.1  # a slow computer must not look like a dead device


class M4Device:
    """Runs an image; every run is a boot. Raises MissingToolError without unicorn."""

    def __init__(self, image: M4Image, work: Path) -> None:
        if importlib.util.find_spec("unicorn") is None:
            raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
        self._image = image
        self._sensor = SensorLibrary(work)

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: Stop = lambda: False,
    ) -> Emulated:
        """As emulate.Device.run."""
        self._sensor.begin(
            counts,
            odr_error=options.odr_error,
            jitter_us=options.jitter_us,
            bus=options.bus,
            faults=options.faults,
        )
        board = _Board(self._sensor, port, options.speed, stop)
        _execute(self._image, board, options)
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


def _execute(image: M4Image, board: _Board, options: EmulateOptions) -> None:
    import unicorn
    from unicorn import arm_const

    elf, target = image.elf, image.target
    machine: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    machine.ctl_set_cpu_model(getattr(arm_const, str(target.unicorn_cpu)))
    for region in (target.flash, target.ram):
        machine.mem_map(region.origin, region.size_bytes)
    flash = elf.sections[".text"]
    machine.mem_write(flash.address, flash.data)
    data = bytearray(elf.sections[".data"].data)
    _set_options(
        data, elf.symbol("wk_m4_settings").address - elf.sections[".data"].address, options
    )
    machine.mem_write(elf.symbol("wk_data_load").address, bytes(data))
    board.halt = machine.emu_stop
    machine.mmio_map(_PERIPHERALS, _PERIPHERAL_BYTES, board.read, None, board.write, None)
    machine.reg_write(arm_const.UC_ARM_REG_SP, int.from_bytes(flash.data[:4], "little"))
    entry = int.from_bytes(flash.data[4:8], "little")
    try:
        machine.emu_start(entry | 1, 0xFFFF_FFFE)
    except unicorn.UcError as error:
        where = machine.reg_read(arm_const.UC_ARM_REG_PC)
        raise VerificationError(f"The image faulted at 0x{where:08x}: {error}.") from error
    finally:
        board.flush()
    if board.failure is not None:
        raise board.failure


def _set_options(data: bytearray, at: int, options: EmulateOptions) -> None:
    """wk_m4_settings_t in the initial data."""
    data[at : at + 4] = options.boot_id.to_bytes(4, "little")
    data[at + 4] = STREAMS[options.mode]
    data[at + 5] = int(options.streaming)


class _Board:
    """Peripherals as the program sees them. An error in here must not pass through the emulator:
    it is kept and the machine halted."""

    def __init__(
        self, sensor: SensorLibrary, port: PseudoTerminal, speed: float, stop: Stop
    ) -> None:
        self._sensor, self._port, self._speed, self._stop = sensor, port, speed, stop
        self._out = bytearray()
        self._request = bytearray()
        self._reply: deque[int] = deque()
        self._received: deque[int] = deque()
        self._start_s = self._flushed_s = time.monotonic()
        self.now_us = 0
        self.reader_left = False
        self.failure: Exception | None = None
        self.halt: Any = None

    def read(self, _machine: Any, offset: int, _size: int, _data: Any) -> int:
        if offset == _TIMER_VALUE:
            return self._look()
        if offset == _LINK + _STATE:
            return _RX_FULL if self._received else 0
        if offset == _BUS + _STATE:
            return _RX_FULL if self._reply else 0
        if offset == _BUS + _DATA:
            return self._reply.popleft() if self._reply else 0
        if offset == _LINK + _DATA:
            return self._received.popleft() if self._received else 0
        return 0

    def write(self, _machine: Any, offset: int, _size: int, value: int, _data: Any) -> None:
        if offset == _LINK + _DATA:
            self._out.append(value & 0xFF)
        elif offset == _BUS + _DATA:
            self._request.append(value & 0xFF)
            if len(self._request) == 3:
                self._transfer()

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

    def _transfer(self) -> None:
        kind, reg, value = self._request
        self._request.clear()
        if kind == ord("W"):
            self._reply.append(0 if self._sensor.write(reg, value) else 1)
            return
        answer = self._sensor.read(reg, value)
        self._reply.append(1 if answer is None else 0)
        self._reply.extend(answer or b"")

    def _look(self) -> int:
        """The timer, counting down. Looking at it lets time pass."""
        try:
            self._pass_time()
        except Exception as error:  # noqa: BLE001 - raised again once the machine has halted
            self.failure = error
            self.halt()
        return -self.now_us * _TICKS_PER_US & 0xFFFF_FFFF

    def _pass_time(self) -> None:
        self.now_us += LOOK_US
        self._sensor.until(self.now_us)
        late = time.monotonic() - self._flushed_s > _FLUSH_S
        if self._speed or late or len(self._out) >= _FLUSH_BYTES:
            self.flush()
        with suppress(BlockingIOError, OSError):  # a reader that left shows when writing
            self._received.extend(os.read(self._port.fileno(), 512))
        if self._speed:
            early_s = self._start_s + self.now_us * 1e-6 / self._speed - time.monotonic()
            time.sleep(max(0.0, early_s))
        if self._stop() or self.reader_left or self._sensor.counters().ended:
            self.halt()
