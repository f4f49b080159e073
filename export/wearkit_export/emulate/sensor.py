"""The C sensor model for Python: what an emulated core finds at the end of its bus."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, VerificationError
from wearkit_export.device.build import firmware_sources
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.toolchain import WARNINGS, find_program, run_tool

_SOURCE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int16))
BUS_HZ = {"i2c": 400_000, "spi": 5_000_000}


class SensorCounters(ctypes.Structure):
    """As wk_sensor_counters_t."""

    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("taken", "lost", "short_reads", "early_reads", "live_writes", "ended")
    )


class SensorLibrary:
    """One sensor. Raises MissingToolError without a C compiler, VerificationError when it refuses.

    work: an existing folder for the library.
    """

    def __init__(self, work: Path) -> None:
        program, version = find_program()
        host = firmware_dir() / "ports" / "host"
        sources = firmware_sources("ports/host", "ports/host/shared")
        sources.append(firmware_dir() / "drivers" / "wk_adxl345_bus.c")
        output = work / "wk_sensor.so"
        completed = run_tool(
            (
                *program,
                *WARNINGS,
                *("-O2", "-shared", "-fPIC", f"-I{firmware_dir() / 'include'}", f"-I{host}"),
                *(str(path) for path in sources),
                *("-o", str(output)),
            )
        )
        if completed.returncode != 0:
            raise VerificationError(
                f"{version} refuses the sensor model: {completed.stderr[:1000]}"
            )
        self._library = ctypes.CDLL(str(output))
        self._library.wk_sensor_get.restype = ctypes.c_uint8
        self._source = _SOURCE(self._next)  # kept: the library calls it until the next begin
        self._samples: Iterator[NDArray[np.int16]] = iter(())

    def begin(
        self,
        counts: Iterable[NDArray[np.int16]],
        *,
        rate_mhz: int = 50_000,
        odr_error: float = 0.0,
        jitter_us: int = 0,
        bus: str = "i2c",
        faults: str = "",
    ) -> None:
        """Power on, with these samples of rate_mhz / 1000 Hz in front. Raises DataError for faults
        that are none."""
        self._samples = (row for part in counts for row in part)
        place = self._library.wk_sensor_begin(
            self._source,
            ctypes.c_uint32(rate_mhz),
            ctypes.c_int32(round(odr_error * 1e6)),
            ctypes.c_uint32(jitter_us),
            ctypes.c_uint32(BUS_HZ[bus]),
            faults.encode(),
        )
        if place:
            raise DataError(f"The faults are not understood from character {place} on.")

    def until(self, now_us: int) -> None:
        """Let time pass: conversions and faults happen."""
        self._library.wk_sensor_until(ctypes.c_uint64(now_us))

    def read(self, reg: int, length: int) -> bytes | None:
        """One burst; None when it was not acknowledged."""
        buffer = (ctypes.c_uint8 * length)()
        failed = self._library.wk_sensor_read(reg, buffer, length)
        return None if failed else bytes(buffer)

    def write(self, reg: int, value: int) -> bool:
        """Whether it was acknowledged."""
        failed: int = self._library.wk_sensor_write(reg, value)
        return failed == 0

    def start(self, address: int, *, reading: bool) -> bool:
        """START and address of a transfer byte by byte: whether it was acknowledged. What the bus
        takes is then for the caller to let pass."""
        acknowledged: int = self._library.wk_sensor_start(address, int(reading))
        return acknowledged != 0

    def put(self, value: int) -> None:
        self._library.wk_sensor_put(value)

    def get(self) -> int:
        value: int = self._library.wk_sensor_get()
        return value

    def stop(self) -> None:
        self._library.wk_sensor_stop()

    def counters(self) -> SensorCounters:
        counters = SensorCounters()
        self._library.wk_sensor_counters(ctypes.byref(counters))
        return counters

    def _next(self, _context: int, out: ctypes._Pointer[ctypes.c_int16]) -> bool:
        row = next(self._samples, None)
        if row is None:
            return False
        out[0], out[1], out[2] = (int(value) for value in row)
        return True
