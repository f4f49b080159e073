"""What a device says in `wearkit link/1`: one frozen dataclass for each type of frame.

Each has `TYPE`, `to_payload()` and `from_payload(payload)`; both raise ValueError for values that
are not legal. `decode_message` is for frames as received. In C: firmware/include/wk/wk_message.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.frames.fields import (
    ID_BYTES,
    Nonce,
    axes_from_bytes,
    axes_to_bytes,
    counts_from_bytes,
    counts_to_bytes,
    is_scale,
    require,
)
from wearkit.link.frames.frame import (
    MAX_ERROR_TEXT,
    MAX_HEADS,
    MAX_SAMPLES,
    PREDICTION_FIXED_BYTES,
    PREDICTION_HEAD_BYTES,
    FrameType,
)
from wearkit.link.header import StreamHeader
from wearkit.link.sample import Counts
from wearkit.units import Unit

NO_MODEL = bytes(ID_BYTES)
ADXL345_ID = 0xE5  # what its DEVID reads (data sheet, Register 0x00)
_SAMPLES_HEAD = struct.Struct("<IIBB")
_COUNTS = [struct.Struct(f"<{3 * samples}h") for samples in range(MAX_SAMPLES + 1)]
HELLO_PERIOD_S, STATS_PERIOD_S = 2.0, 5.0


class Feature(IntFlag):
    """What the device does. SIMULATED: no real sensor, nobody wears it."""

    SAMPLES = 0x01
    PREDICTIONS = 0x02
    SIMULATED = 0x04
    COMMANDS = 0x08
    KNOWN_ANSWERS = 0x10
    REPLAY = 0x20


class SampleFlag(IntFlag):
    """What happened since the SAMPLES before; RAIL: a count of this frame is at a rail."""

    OVERRUN = 0x01
    BUS_ERROR = 0x02
    RAIL = 0x04


class ErrorCode(IntEnum):
    """Codes of ERROR; later versions may add some."""

    VERSION = 1
    COMMAND = 2
    SENSOR = 3
    MODEL = 4


@dataclass(frozen=True, slots=True)
class SensorRegisters:
    """Four ADXL345 registers as the device read them (data sheet, Table 19)."""

    devid: int = ADXL345_ID
    bw_rate: int = 0x09
    data_format: int = 0x08
    fifo_ctl: int = 0x8A

    @property
    def rate_hz(self) -> float:
        """Nominal rate of BW_RATE: 3200 Hz halved for every step below 15 (Table 7)."""
        return 3200.0 / (1 << (15 - (self.bw_rate & 0x0F)))

    @property
    def range_g(self) -> int:
        """Full scale of DATA_FORMAT, +-g."""
        return 2 << (self.data_format & 0x03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """At boot, on request and every two seconds. boot_id: random, new at every boot.

    minor: the version in use. axes: from sensor to model axes. supply_mv: 0 when not known.
    window, hop: samples. classes: logits of each head; empty, with NO_MODEL, without a model.
    """

    TYPE: ClassVar[FrameType] = FrameType.HELLO
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<8BI8s3s3s3H3Hfb8sI")

    boot_id: int
    uid: bytes = bytes(ID_BYTES)
    minor: int = 0
    minor_min: int = 0
    minor_max: int = 0
    registers: SensorRegisters = SensorRegisters()
    firmware: tuple[int, int, int] = (0, 0, 0)
    axes: AxisMap = SAME_AXES
    lsb_per_g: tuple[int, int, int] = (256, 256, 256)
    supply_mv: int = 0
    window: int = 100
    hop: int = 60
    input_scale_g: float = 1.0 / 64.0
    input_zero_point: int = 0
    model_id: bytes = NO_MODEL
    features: int = 0
    classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require(self.minor_min <= self.minor <= self.minor_max, "minor versions")
        require(0 < self.hop <= self.window, "window and hop")
        require(is_scale(self.input_scale_g), "input scale")
        require(min(self.lsb_per_g) > 0, "counts per g")
        require(len(self.classes) <= MAX_HEADS and 0 not in self.classes, "classes")
        require(len(self.uid) == len(self.model_id) == ID_BYTES, "length of an id")

    @property
    def header(self) -> StreamHeader:
        """What it says of the samples, as a header of text would. Frames carry counts."""
        return StreamHeader(
            unit=Unit.COUNTS,
            rate_hz=self.registers.rate_hz,
            axes=self.axes,
            simulated=bool(self.features & Feature.SIMULATED),
        )

    def to_json(self) -> dict[str, Any]:
        """Which device, firmware and model it is, and its sensor as set, for files beside data."""
        registers = self.registers
        return {
            "uid": self.uid.hex(),
            "firmware": ".".join(map(str, self.firmware)),
            "boot_id": self.boot_id,
            "model_id": self.model_id.hex(),
            "devid": registers.devid,
            "bw_rate": registers.bw_rate,
            "data_format": registers.data_format,
            "fifo_ctl": registers.fifo_ctl,
            "lsb_per_g": list(self.lsb_per_g),
            "supply_mv": self.supply_mv,
        }

    def to_payload(self) -> bytes:
        registers = self.registers
        head = self._HEAD.pack(
            self.minor, self.minor_min, self.minor_max,
            registers.devid, registers.bw_rate, registers.data_format, registers.fifo_ctl,
            len(self.classes), self.boot_id, self.uid, bytes(self.firmware),
            axes_to_bytes(self.axes), *self.lsb_per_g, self.supply_mv, self.window, self.hop,
            self.input_scale_g, self.input_zero_point, self.model_id, self.features,
        )  # fmt: skip
        return head + bytes(self.classes)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        minor, lowest, highest, devid, bw_rate, data_format, fifo_ctl, _, *rest = (
            cls._HEAD.unpack_from(payload)
        )
        boot_id, uid, firmware, axes, x, y, z, supply_mv, window, hop, scale, zero, *last = rest
        model_id, features = last
        return cls(
            boot_id=boot_id,
            uid=uid,
            minor=minor,
            minor_min=lowest,
            minor_max=highest,
            registers=SensorRegisters(devid, bw_rate, data_format, fifo_ctl),
            firmware=(firmware[0], firmware[1], firmware[2]),
            axes=axes_from_bytes(axes),
            lsb_per_g=(x, y, z),
            supply_mv=supply_mv,
            window=window,
            hop=hop,
            input_scale_g=scale,
            input_zero_point=zero,
            model_id=model_id,
            features=features,
            classes=tuple(payload[cls._HEAD.size :]),
        )


@dataclass(frozen=True, slots=True)
class Samples:
    """first_index: of the samples the sensor took since its start, sent or not.

    t_us: the device's clock when the last of these was seen, modulo 2^32. counts: sensor axes.
    """

    TYPE: ClassVar[FrameType] = FrameType.SAMPLES
    _HEAD: ClassVar[struct.Struct] = _SAMPLES_HEAD

    first_index: int
    t_us: int
    counts: tuple[Counts, ...]
    flags: int = 0

    def __post_init__(self) -> None:
        require(1 <= len(self.counts) <= MAX_SAMPLES, "number of samples")

    def to_payload(self) -> bytes:
        head = self._HEAD.pack(self.first_index, self.t_us, len(self.counts), self.flags)
        return head + counts_to_bytes(self.counts)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        first_index, t_us, _, flags = cls._HEAD.unpack_from(payload)
        return cls(first_index, t_us, counts_from_bytes(payload[cls._HEAD.size :]), flags)


class SampleBlock:
    """A SAMPLES payload, read only as far as most frames need: Samples costs five times as much.

    samples: how many; lowest, highest: of all their counts.
    """

    __slots__ = ("_payload", "first_index", "flags", "highest", "lowest", "samples", "t_us")

    first_index: int
    t_us: int
    samples: int
    flags: int
    lowest: int
    highest: int

    def __init__(self, payload: bytes) -> None:
        """payload: of the length that its own number of samples gives, as `decode_frame` checks.

        Raises ValueError when it holds none.
        """
        self.first_index, self.t_us, self.samples, self.flags = _SAMPLES_HEAD.unpack_from(payload)
        require(1 <= self.samples <= MAX_SAMPLES, "number of samples")
        values = _COUNTS[self.samples].unpack_from(payload, _SAMPLES_HEAD.size)
        self.lowest, self.highest = min(values), max(values)
        self._payload = payload

    @classmethod
    def of(cls, samples: Samples) -> Self:
        return cls(samples.to_payload())

    def counts(self) -> NDArray[np.int16]:
        """(samples, 3) int16, sensor axes."""
        counts = np.frombuffer(self._payload, dtype="<i2", offset=_SAMPLES_HEAD.size)
        return counts.reshape(self.samples, 3)

    def message(self) -> Samples:
        """The whole message."""
        return Samples.from_payload(self._payload)


@dataclass(frozen=True, slots=True)
class HeadLogits:
    """int8 logits of one head, in the order of the model's labels."""

    scale: float
    zero_point: int
    logits: tuple[int, ...]

    def __post_init__(self) -> None:
        require(len(self.logits) > 0 and is_scale(self.scale), "head")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the device's model said of the window that starts at window_first_index.

    window_crc: `window_crc` of the counts the model was given.
    """

    TYPE: ClassVar[FrameType] = FrameType.PREDICTION
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<II8sIB")
    _HEAD_FIXED: ClassVar[struct.Struct] = struct.Struct("<Bfb")

    window_first_index: int
    window_crc: int
    model_id: bytes
    infer_us: int
    heads: tuple[HeadLogits, ...]

    def __post_init__(self) -> None:
        require(1 <= len(self.heads) <= MAX_HEADS, "number of heads")
        require(len(self.model_id) == ID_BYTES, "length of an id")

    def to_payload(self) -> bytes:
        payload = self._HEAD.pack(
            self.window_first_index, self.window_crc, self.model_id, self.infer_us, len(self.heads)
        )
        for head in self.heads:
            fixed = self._HEAD_FIXED.pack(len(head.logits), head.scale, head.zero_point)
            payload += fixed + struct.pack(f"<{len(head.logits)}b", *head.logits)
        return payload

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        first_index, crc, model_id, infer_us, _ = cls._HEAD.unpack_from(payload)
        heads: list[HeadLogits] = []
        at = PREDICTION_FIXED_BYTES
        while at < len(payload):
            size, scale, zero_point = cls._HEAD_FIXED.unpack_from(payload, at)
            at += PREDICTION_HEAD_BYTES
            heads.append(
                HeadLogits(scale, zero_point, struct.unpack_from(f"<{size}b", payload, at))
            )
            at += size
        return cls(first_index, crc, model_id, infer_us, tuple(heads))


@dataclass(frozen=True, slots=True)
class Stats:
    """Every five seconds, counted since boot. reset_cause: the board's own number."""

    TYPE: ClassVar[FrameType] = FrameType.STATS
    _ALL: ClassVar[struct.Struct] = struct.Struct("<8IB")

    uptime_ms: int
    samples_taken: int
    fifo_overruns: int = 0
    tx_dropped: int = 0
    bus_errors: int = 0
    late_inferences: int = 0
    max_infer_us: int = 0
    min_free_stack_bytes: int = 0
    reset_cause: int = 0

    def to_payload(self) -> bytes:
        return self._ALL.pack(
            self.uptime_ms, self.samples_taken, self.fifo_overruns, self.tx_dropped,
            self.bus_errors, self.late_inferences, self.max_infer_us, self.min_free_stack_bytes,
            self.reset_cause,
        )  # fmt: skip

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls(*cls._ALL.unpack(payload))


@dataclass(frozen=True, slots=True)
class DeviceError:
    """text: printable ASCII, at most MAX_ERROR_TEXT characters."""

    TYPE: ClassVar[FrameType] = FrameType.ERROR
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<HB")

    code: int
    text: str

    def __post_init__(self) -> None:
        is_ascii = self.text.isascii() and (not self.text or self.text.isprintable())
        require(is_ascii and len(self.text) <= MAX_ERROR_TEXT, "text of an error")

    def to_payload(self) -> bytes:
        return self._HEAD.pack(self.code, len(self.text)) + self.text.encode("ascii")

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        code, _ = cls._HEAD.unpack_from(payload)
        return cls(code, payload[cls._HEAD.size :].decode("ascii"))


@dataclass(frozen=True, slots=True)
class Pong(Nonce):
    """The answer to a PING with the same number."""

    TYPE: ClassVar[FrameType] = FrameType.PONG


class AckStatus(IntEnum):
    """How a command ended; later versions may add some."""

    OK = 0
    UNSUPPORTED = 1
    BAD_VALUE = 2
    BUSY = 3


@dataclass(frozen=True, slots=True)
class Ack:
    """The device's answer to CONFIG, START, STOP and REPLAY. type, seq: of the frame answered."""

    TYPE: ClassVar[FrameType] = FrameType.ACK
    _ALL: ClassVar[struct.Struct] = struct.Struct("<BHB")

    type: int
    seq: int
    status: int

    def to_payload(self) -> bytes:
        return self._ALL.pack(self.type, self.seq, self.status)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        return cls(*cls._ALL.unpack(payload))
