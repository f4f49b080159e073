"""The Cortex-M4 image on unicorn: two timers, and two UARTs with a sensor on one and a port on the
other.

Time is virtual, so a run gives the same bytes on every computer: an instruction takes one cycle of
CLOCK_HZ, and when the program waits for its tick, time goes on to the tick. That is the time of a
core that never waits for its memory and has no instruction of two cycles: infer_us is the exact
number of instructions, divided by 25.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, VerificationError
from wearkit.link.ports.pty import PseudoTerminal, StopCheck
from wearkit_export.device.cortex_m4 import M4Image
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
from wearkit_export.emulate.sensor_bus import SensorBus
from wearkit_export.targets.block_counter import BlockCounter

CLOCK_HZ = 25_000_000
TICK_US = 5_000
_CYCLES_PER_US = CLOCK_HZ // 1_000_000
_PERIPHERALS, _PERIPHERAL_BYTES = 0x4000_0000, 0x10000
_SYSTEM, _SYSTEM_BYTES = 0xE000_E000, 0x1000  # interrupt enables; plain memory is enough for them
_TIMER_VALUE, _TICK_DUE, _LINK, _BUS = 0x0004, 0x100C, 0x4000, 0x5000
_DATA, _STATE, _RX_FULL = 0x0, 0x4, 2
_PAINT = b"\xa5"  # of wk_start.c


class M4Device(Device):
    """Runs an image; every run is a boot. blocks: what the last run executed; stack_bytes: how deep
    its stack was ever written.

    Raises MissingToolError without unicorn.
    """

    def __init__(self, image: M4Image, work: Path) -> None:
        if importlib.util.find_spec("unicorn") is None:
            raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
        self._image = image
        self._sensor = SensorLibrary(work)
        self.blocks = BlockCounter(image.elf, work)
        self.stack_bytes = 0

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        """As emulate.Device.run."""
        begin_sensor(self._sensor, counts, options, self._image.rate_mhz)
        self.blocks.clear()
        board = _Board(self._sensor, self.blocks, port, options.speed, stop)
        stack = _execute(self._image, board, options)
        self.stack_bytes = len(stack.lstrip(_PAINT))
        return end_of_image(
            self._sensor, board.now_us, reader_left=board.link.reader_left, port=port, stop=stop
        )


def _execute(image: M4Image, board: _Board, options: EmulateOptions) -> bytes:
    """Run until the program or the board ends it; the stack's memory as it was left."""
    import unicorn
    from unicorn import arm_const

    elf, target = image.elf, image.target
    machine: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    machine.ctl_set_cpu_model(getattr(arm_const, str(target.unicorn_cpu)))
    for region in (target.flash, target.ram):
        machine.mem_map(region.origin, region.size_bytes)
    flash = elf.sections[".text"]
    machine.mem_write(flash.address, flash.data)
    machine.mem_write(elf.symbol("wk_data_load").address, initial_data(image, options))
    board.halt = machine.emu_stop
    machine.mmio_map(_PERIPHERALS, _PERIPHERAL_BYTES, board.read, None, board.write, None)
    machine.mem_map(_SYSTEM, _SYSTEM_BYTES)
    board.blocks.attach(machine)
    machine.reg_write(arm_const.UC_ARM_REG_SP, int.from_bytes(flash.data[:4], "little"))
    entry = int.from_bytes(flash.data[4:8], "little")
    try:
        machine.emu_start(entry | 1, 0xFFFF_FFFE)
    except unicorn.UcError as error:
        where = machine.reg_read(arm_const.UC_ARM_REG_PC)
        raise VerificationError(f"The image faulted at 0x{where:08x}: {error}.") from error
    finally:
        board.link.flush()
    if board.failure is not None:
        raise board.failure
    limit, top = (elf.symbol(f"wk_stack_{end}").address for end in ("limit", "top"))
    return bytes(machine.mem_read(limit, top - limit))


class _Board:
    """Peripherals as the program sees them. An error in here must not pass through the emulator:
    it is kept and the machine halted."""

    def __init__(
        self,
        sensor: SensorLibrary,
        blocks: BlockCounter,
        port: PseudoTerminal,
        speed: float,
        stop: StopCheck,
    ) -> None:
        self.link, self._stop = PacedPort(port, speed, stop), stop
        self.blocks = blocks
        self._bus = SensorBus(sensor)
        self._reply: deque[int] = deque()
        self._received: deque[int] = deque()
        self._idle_cycles = 0
        self._tick_cycles = TICK_US * _CYCLES_PER_US
        self.failure: Exception | None = None
        self.halt: Any = None

    @property
    def now_us(self) -> int:
        return self._cycles() // _CYCLES_PER_US

    def read(self, _machine: Any, offset: int, _size: int, _data: Any) -> int:
        if offset == _TIMER_VALUE:
            return -self._cycles() & 0xFFFF_FFFF
        if offset == _TICK_DUE:
            self._guarded(self._wait_for_tick)
            return 1
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
            self.link.send(bytes([value & 0xFF]))
        elif offset == _BUS + _DATA:
            self._guarded(lambda: self._transfer(value & 0xFF))

    def _cycles(self) -> int:
        return self.blocks.instructions + self._idle_cycles

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - raised again once the machine has halted
            self.failure = error
            self.halt()

    def _transfer(self, byte: int) -> None:
        self._reply.extend(self._bus.take(byte))
        if self._bus.finished:
            self.halt()

    def _wait_for_tick(self) -> None:
        """The core sleeps: time goes on to the tick, where the computer has its turn."""
        self._idle_cycles += max(0, self._tick_cycles - self._cycles())
        while self._tick_cycles <= self._cycles():
            self._tick_cycles += TICK_US * _CYCLES_PER_US
        self._received.extend(self.link.turn(self.now_us))
        if self._stop() or self.link.reader_left:
            self.halt()


def initial_data(image: M4Image, options: EmulateOptions) -> bytes:
    """The image's .data, with wk_m4_settings_t as asked for."""
    section = image.elf.sections[".data"]
    data = bytearray(section.data)
    at = image.elf.symbol("wk_m4_settings").address - section.address
    data[at : at + 4] = options.boot_id.to_bytes(4, "little")
    data[at + 4] = STREAMS[options.mode]
    data[at + 5] = int(options.streaming)
    return bytes(data)
