"""A board without index or clock that begins again says so by what its loader prints."""

import pytest

from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

BANNERS = [
    b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
    b"ESP-ROM:esp32c3-api1-20210207\r\nload:0x3fcd5820,len:0x1714\r\n",
    b"*** Booting Zephyr OS build v3.7.0 ***\r\n",
    b"Rebooting...\r\n",
    b"MicroPython v1.24.0 on 2024-10-25; Raspberry Pi Pico with RP2040\r\n",
]


@pytest.mark.parametrize("banner", BANNERS)
@pytest.mark.parametrize("before", [0, 5, 30])
def test_a_boot_banner_is_a_restart(banner: bytes, before: int) -> None:
    stream = TextStream(StreamOptions(rate_hz=50.0, unit=Unit.COUNTS))
    steps = stream.feed(b"250,-10,5\n" * before + banner + b"250,-10,5\n" * 30) + stream.finish()
    assert len(steps) == before + 30
    assert [at for at, step in enumerate(steps) if step.restarted] == ([before] if before else [])
    assert not any(step.missing for step in steps)
