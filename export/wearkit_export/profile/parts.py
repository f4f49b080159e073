"""Memory of common microcontrollers, from their makers' data sheets. 1 KB here is 1024 bytes."""

from __future__ import annotations

from dataclasses import dataclass

_KB = 1024


@dataclass(frozen=True, slots=True)
class Microcontroller:
    """flash_bytes: program memory, on chip unless `external`; core: a target's name."""

    name: str
    core: str
    flash_bytes: int
    ram_bytes: int
    clock_mhz: float
    external: bool = False


PARTS: tuple[Microcontroller, ...] = (
    Microcontroller("ATmega328P (Uno)", "avr", 32 * _KB, 2 * _KB, 16),
    Microcontroller("ATmega2560 (Mega)", "avr", 256 * _KB, 8 * _KB, 16),
    Microcontroller("SAMD21G18 (Zero)", "cortex-m0plus", 256 * _KB, 32 * _KB, 48),
    Microcontroller("RP2040 (Pico)", "cortex-m0plus", 2048 * _KB, 264 * _KB, 133, external=True),
    Microcontroller("nRF52810", "cortex-m4", 192 * _KB, 24 * _KB, 64),
    Microcontroller("nRF52832", "cortex-m4", 512 * _KB, 64 * _KB, 64),
    Microcontroller("nRF52840", "cortex-m4", 1024 * _KB, 256 * _KB, 64),
    Microcontroller("STM32F411RE", "cortex-m4", 512 * _KB, 128 * _KB, 100),
    Microcontroller("STM32L4R5ZI", "cortex-m4", 2048 * _KB, 640 * _KB, 120),
    Microcontroller("STM32F746NG", "cortex-m7", 1024 * _KB, 320 * _KB, 216),
    Microcontroller("STM32H743ZI", "cortex-m7", 2048 * _KB, 1024 * _KB, 480),
    Microcontroller("nRF54L15", "cortex-m33", 1524 * _KB, 256 * _KB, 128),
    Microcontroller("STM32U585AI", "cortex-m33", 2048 * _KB, 786 * _KB, 160),
    Microcontroller("RP2350 (Pico 2)", "cortex-m33", 4096 * _KB, 520 * _KB, 150, external=True),
    Microcontroller("CH32V003F4", "rv32", 16 * _KB, 2 * _KB, 48),
    Microcontroller("GD32VF103CB", "rv32", 128 * _KB, 32 * _KB, 108),
    Microcontroller("ESP32-C3 (4 MB module)", "rv32", 4096 * _KB, 400 * _KB, 160, external=True),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """Shares of a part's memory the model takes. same_core: sized as built for that core."""

    part: Microcontroller
    flash_share: float
    ram_share: float
    same_core: bool

    @property
    def fits(self) -> bool:
        return self.flash_share <= 1 and self.ram_share <= 1


def fits(flash_bytes: int, ram_bytes: int, core: str) -> list[Fit]:
    """How much of every part's memory a model needs. ram_bytes: stack included."""
    return [
        Fit(
            part,
            flash_bytes / part.flash_bytes,
            ram_bytes / part.ram_bytes,
            part.core == core,
        )
        for part in PARTS
    ]
