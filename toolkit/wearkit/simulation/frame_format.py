"""FrameFormat: samples as the firmware frames them, for simulate()."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.errors import DataError
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import (
    HELLO_PERIOD_S,
    STATS_PERIOD_S,
    Feature,
    Hello,
    SampleFlag,
    Samples,
    SensorRegisters,
    Stats,
)
from wearkit.link.sample import WRAP_32, Counts
from wearkit.simulation.sensor import Encoder
from wearkit.spec import WindowSpec

_BW_RATES = {
    6.25: 0x6, 12.5: 0x7, 25.0: 0x8, 50.0: 0x9, 100.0: 0xA, 200.0: 0xB, 400.0: 0xC, 800.0: 0xD,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """spec: window, and a rate that an ADXL345 has. samples_per_frame: as the FIFO's watermark.

    Raises DataError for another rate.
    """

    spec: WindowSpec
    samples_per_frame: int = 10

    def __post_init__(self) -> None:
        if self.spec.rate_hz not in _BW_RATES:
            rates = ", ".join(f"{rate:g}" for rate in _BW_RATES)
            raise DataError(
                f"Frames name the rate as an ADXL345's register does, and {self.spec.rate_hz:g} Hz "
                f"is none of its {rates}: choose one, or send text."
            )

    def encoder(self) -> Encoder:
        return _FrameEncoder(self)


class _FrameEncoder:
    """SAMPLES, with HELLO and STATS at their times. Every encoder is another boot."""

    def __init__(self, frame_format: FrameFormat) -> None:
        spec = frame_format.spec
        self._rate_hz, self._size = spec.rate_hz, frame_format.samples_per_frame
        self._hello = Hello(
            boot_id=secrets.randbits(32),
            uid=b"simulate",
            registers=SensorRegisters(bw_rate=_BW_RATES[spec.rate_hz]),
            window=spec.length,
            hop=spec.hop,
            features=Feature.SAMPLES | Feature.SIMULATED,
        )
        self._seq = self._sample_count = 0
        self._next_hello_s = 0.0
        self._next_stats_s = STATS_PERIOD_S
        self._first = 0
        self._counts: list[Counts] = []

    def encode(self, index: int, counts: tuple[int, int, int]) -> bytes:
        data = b""
        if self._counts and index != self._first + len(self._counts):
            data += self.flush()
        data += self._reports(index / self._rate_hz)
        if not self._counts:
            self._first = index
        self._counts.append(counts)
        self._sample_count += 1
        return data + (self.flush() if len(self._counts) == self._size else b"")

    def flush(self) -> bytes:
        if not self._counts:
            return b""
        last = self._first + len(self._counts) - 1
        t_us = round(last * 1e6 / self._rate_hz) % WRAP_32
        values = [value for xyz in self._counts for value in xyz]
        at_rail = min(values) <= COUNT_MIN or max(values) >= COUNT_MAX
        flags = SampleFlag.RAIL if at_rail else 0
        samples = Samples(self._first, t_us, tuple(self._counts), flags)
        self._counts = []
        return self._encoded(samples)

    def _reports(self, time_s: float) -> bytes:
        data = b""
        if time_s >= self._next_hello_s:
            self._next_hello_s = time_s + HELLO_PERIOD_S
            data += self._encoded(self._hello)
        if time_s >= self._next_stats_s:
            self._next_stats_s = time_s + STATS_PERIOD_S
            data += self._encoded(Stats(round(time_s * 1000) % WRAP_32, self._sample_count))
        return data

    def _encoded(self, message: Message) -> bytes:
        data = encode_message(message, self._seq)
        self._seq += 1
        return data
