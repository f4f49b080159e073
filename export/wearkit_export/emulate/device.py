"""An emulated wearable: the firmware with a bundle's model, a sensor model in front of it and a
pseudo-terminal behind it. Nothing between the sensor's registers and the port is a shortcut.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError, VerificationError
from wearkit.link.ports.pty import PseudoTerminal, StopCheck
from wearkit_export.emulate.sensor import SensorLibrary

LinkMode = Literal["text", "samples", "predictions", "both"]
MODES: tuple[LinkMode, ...] = get_args(LinkMode)
STREAMS: dict[LinkMode, int] = {"text": 0, "samples": 1, "predictions": 2, "both": 3}
"""What an image's settings hold for a mode: WK_FEATURE_* bits, 0 for text."""

Bus = Literal["i2c", "spi"]
BUSES: tuple[Bus, ...] = get_args(Bus)

FAULTS = (
    "absent",
    "mute",
    "shifted",
    "frozen",
    "devid",
    "stuck",
    "noise",
    "refuse",
    "brownout",
    "burst",
    "rate",
)
"""Names of wk_adxl345_pace.h."""

_FAULT = re.compile(r"(\d{1,9}):([a-z]+)=(-?(?:0x[0-9a-fA-F]{1,8}|\d{1,8}))")
_BYTE = (0, 255)
_RANGES = {"burst": (0, 1_000_000), "rate": (-499_999, 499_999)}
"""As wk_adxl345_pace.c has them: samples at once, and parts per million."""
_PERCENT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*%")
_MAX_ODR_ERROR = 0.5
_POLL_S = 0.05
_READER_LEFT = 3
_MESSAGE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class EmulateOptions:
    """mode: lines of text, or frames with samples, predictions or both. streaming: ask the model
    sample by sample. speed: times real time, 0 for as fast as the reader takes it. odr_error:
    fraction by which the sensor samples too fast. faults: "MS:NAME=VALUE,..."."""

    mode: LinkMode = "both"
    streaming: bool = False
    speed: float = 1.0
    odr_error: float = 0.0
    jitter_us: int = 0
    faults: str = ""
    bus: Bus = "i2c"
    boot_id: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.speed < float("inf"):
            raise DataError("The speed must be 0 (as fast as it goes) or a positive number.")
        if not abs(self.odr_error) < _MAX_ODR_ERROR:
            off = f"An output rate error of {self.odr_error:.0%}"
            raise DataError(f"{off} is not possible: stay under 50%.")
        check_faults(self.faults)


@dataclass(frozen=True, slots=True)
class Emulated:
    """What the sensor and the program counted. taken: conversions, lost: of these, overwritten
    before they were read; short_reads, early_reads and live_writes: rules of the data sheet that
    the driver broke; tx_dropped: frames the port did not take; device_s: time on the device."""

    taken: int
    lost: int
    short_reads: int
    early_reads: int
    live_writes: int
    tx_dropped: int
    device_s: float
    reader_left: bool
    drained: bool


class Device(Protocol):
    """Something that runs the firmware: HostDevice, or an image on an emulated core. One whose boot
    takes time on this computer overrides boot, booted and close."""

    def boot(self, options: EmulateOptions) -> None:
        """Begin to boot ahead of a run with these options. `run` boots what nobody did before."""
        return

    def booted(self, stop: StopCheck = lambda: False) -> bool:
        """Wait until every `boot` came as far as it can without a reader: the port is silent for
        no longer than a real board's. False on `stop`; VerificationError when it failed."""
        return not stop()

    def close(self) -> None:
        """Switch off what was booted and not run."""
        return

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        """Boot, and play `counts` ((T, 3) each) to the sensor until they end, the reader leaves
        or `stop`. Raises VerificationError when the firmware fails."""
        ...


def parse_odr_error(text: str) -> float:
    """ "-1.5%" -> -0.015. Raises DataError for anything else."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise DataError(f"{text!r} is no rate error: write per cent, such as -1.5%.")
    return float(match[1]) / 100


def check_faults(spec: str) -> None:
    """Raises DataError naming the first item of "MS:NAME=VALUE,..." that is not understood."""
    before_ms = 0
    for item in spec.split(",") if spec else ():
        match = _FAULT.fullmatch(item)
        if match is None or match[2] not in FAULTS:
            raise DataError(
                f"{item!r} is no fault: write MS:NAME=VALUE with one of {', '.join(FAULTS)}."
            )
        if int(match[1]) < before_ms:
            raise DataError(f"{item!r} comes before the fault in front of it: order them by time.")
        before_ms = int(match[1])
        low, high = _RANGES.get(match[2], _BYTE)
        if not low <= int(match[3], 0) <= high:
            raise DataError(f"{item!r} is no fault: {match[2]} takes {low} to {high}.")


def begin_sensor(
    sensor: SensorLibrary,
    counts: Iterable[NDArray[np.int16]],
    options: EmulateOptions,
    rate_mhz: int,
) -> None:
    """Power the sensor model on in front of an image. rate_mhz: of `counts`, which is the image's:
    at another output rate the sensor would hold its last sample."""
    sensor.begin(
        counts,
        rate_mhz=rate_mhz,
        odr_error=options.odr_error,
        jitter_us=options.jitter_us,
        bus=options.bus,
        faults=options.faults,
    )


def end_of_image(
    sensor: SensorLibrary,
    now_us: float,
    *,
    reader_left: bool,
    port: PseudoTerminal,
    stop: StopCheck,
) -> Emulated:
    """What a run of an image came to, once the reader has taken everything. now_us: when it ended,
    in the device's time. An image waits for its UART, so it drops nothing."""
    counters = sensor.counters()
    return Emulated(
        taken=counters.taken,
        lost=counters.lost,
        short_reads=counters.short_reads,
        early_reads=counters.early_reads,
        live_writes=counters.live_writes,
        tx_dropped=0,
        device_s=now_us * 1e-6,
        reader_left=reader_left,
        drained=not reader_left and port.drain(stop),
    )


class HostDevice(Device):
    """The program that device_build.build_host_device made."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(
        self,
        port: PseudoTerminal,
        counts: Iterable[NDArray[np.int16]],
        options: EmulateOptions,
        stop: StopCheck = lambda: False,
    ) -> Emulated:
        """As Device.run."""
        with subprocess.Popen(
            [str(self._program), *_arguments(options), f"fd={port.fileno()}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(port.fileno(),),
        ) as process:
            feeder = threading.Thread(target=_feed, args=(process, counts), daemon=True)
            feeder.start()
            try:
                while process.poll() is None and not stop():
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_S)
            finally:
                process.kill()
                feeder.join()
            assert process.stderr is not None
            messages = process.stderr.read().decode(errors="replace")
        if stop():
            return Emulated(0, 0, 0, 0, 0, 0, 0.0, reader_left=False, drained=False)
        return _result(process.returncode, messages, port, stop)


def _arguments(options: EmulateOptions) -> list[str]:
    return [
        f"mode={options.mode}",
        f"streaming={int(options.streaming)}",
        f"speed={options.speed}",
        f"odr_ppm={round(options.odr_error * 1e6)}",
        f"jitter_us={options.jitter_us}",
        f"bus={options.bus}",
        f"boot_id={options.boot_id}",
        *([f"faults={options.faults}"] if options.faults else []),
    ]


def _feed(process: subprocess.Popen[bytes], counts: Iterable[NDArray[np.int16]]) -> None:
    """A device that ends first closes the pipe: what is left is not wanted."""
    assert process.stdin is not None
    with suppress(BrokenPipeError, ValueError):
        for part in counts:
            process.stdin.write(part.astype("<i2").tobytes())
    with suppress(BrokenPipeError):
        process.stdin.close()


def _result(code: int, messages: str, port: PseudoTerminal, stop: StopCheck) -> Emulated:
    if code not in (0, _READER_LEFT):
        last = messages.strip()[-_MESSAGE_LIMIT:]
        raise VerificationError(f"The firmware stopped with code {code}: {last}")
    counters: dict[str, Any] = json.loads(messages.strip().splitlines()[-1])
    left = code == _READER_LEFT
    return Emulated(**counters, reader_left=left, drained=not left and port.drain(stop))
