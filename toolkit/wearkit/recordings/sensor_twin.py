"""The sensor twin: the same body, another sensor. What a real part does to samples in g.

What is modelled is what the ADXL345 data sheet states for a single part (Table 1, VS = 2.5 V,
25 C, output rates up to 100 Hz, normal power) and how a person puts it on: an output rate that is
not what it says, a mounting that is turned, gain and zero-g errors of each axis, and noise. The
+-2 g rails and the 1/256 g step follow in wearkit.counts, always. Not modelled: temperature,
supply voltage, non-linearity and cross-axis sensitivity.

Each recording gets a part of its own, drawn from the tolerances by a generator that is seeded
with the twin's seed, the number of the copy and the recording's own samples: neither the order of
recordings nor where they lie changes anything.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNTS_PER_G
from wearkit.errors import DataError
from wearkit.recordings.gaps import SLOWEST, stretches
from wearkit.recordings.recording import Recording
from wearkit.recordings.resample import grid, is_on_grid, mean_rate_hz, nearest, resample
from wearkit.spec import canonical_json

Axes = tuple[float, float, float]
ANY_ROTATION_DEG = 180.0
# Table 1 of the ADXL345 data sheet: 1 sigma of the 0 g output of x, y, z, 1 sigma of sensitivity
# from part to part, noise rms of x, y, z.
OFFSET_SD_MG: Axes = (35.0, 35.0, 40.0)
GAIN_SD_PERCENT = 1.0
NOISE_COUNTS: Axes = (0.75, 0.75, 1.1)


@dataclass(frozen=True, slots=True)
class SensorTwin:
    """Tolerances; every recording draws its own errors from them.

    rate_error_percent: the output rate is off by up to this, evenly, either way.
    offset_mg: 1 sigma of the zero-g error of x, y, z. gain_error_percent: 1 sigma, each axis.
    rotation_deg: 1 sigma of a turn about each axis; ANY_ROTATION_DEG: any mounting, all equally
    likely. noise_mg: rms of x, y, z, white, drawn anew for every sample.

    Raises DataError for a value outside what a sensor can be.
    """

    rate_error_percent: float = 0.0
    offset_mg: Axes = (0.0, 0.0, 0.0)
    gain_error_percent: float = 0.0
    rotation_deg: float = 0.0
    noise_mg: Axes = (0.0, 0.0, 0.0)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values, most in (
            ("rate error", (self.rate_error_percent,), 20.0),
            ("offset", self.offset_mg, 1000.0),
            ("gain error", (self.gain_error_percent,), 10.0),
            ("noise", self.noise_mg, 1000.0),
        ):
            if not all(math.isfinite(value) and 0 <= value <= most for value in values):
                raise DataError(f"A twin's {name} must lie between 0 and {most:g}.")
        if not (0 <= self.rotation_deg <= 90 or self.rotation_deg == ANY_ROTATION_DEG):
            raise DataError("A twin's rotation must lie between 0 and 90 deg, or be full.")
        if not 0 <= self.seed < 1 << 63:
            raise DataError("A twin's seed must be a whole number from 0.")

    def __str__(self) -> str:
        """The text that `parse_twin` reads back."""
        parts = []
        if self.rate_error_percent:
            parts.append(f"rate={self.rate_error_percent:g}%")
        if any(self.offset_mg):
            parts.append(f"offset={_axes_text(self.offset_mg)}mg")
        if self.gain_error_percent:
            parts.append(f"gain={self.gain_error_percent:g}%")
        if self.rotation_deg == ANY_ROTATION_DEG:
            parts.append("rotation=full")
        elif self.rotation_deg:
            parts.append(f"rotation={self.rotation_deg:g}deg")
        if any(self.noise_mg):
            parts.append(f"noise={_axes_text(self.noise_mg)}mg")
        if self.seed or not parts:
            parts.append(f"seed={self.seed}")
        return ",".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Every tolerance by its name with its unit."""
        return {
            "rate_error_percent": self.rate_error_percent,
            "offset_mg": list(self.offset_mg),
            "gain_error_percent": self.gain_error_percent,
            "rotation_deg": self.rotation_deg,
            "noise_mg": list(self.noise_mg),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises DataError, KeyError, TypeError or ValueError for what `to_json` does not give."""
        return cls(
            rate_error_percent=float(value["rate_error_percent"]),
            offset_mg=_axes(value["offset_mg"]),
            gain_error_percent=float(value["gain_error_percent"]),
            rotation_deg=float(value["rotation_deg"]),
            noise_mg=_axes(value["noise_mg"]),
            seed=int(value["seed"]),
        )

    def sensor_for(self, recording: Recording, copy: int = 0) -> DrawnSensor:
        """The part that sits in copy number `copy` of this recording: always the same one."""
        digest = hashlib.sha256(canonical_json([self.seed, copy, recording.placement]))
        digest.update(np.ascontiguousarray(recording.acc_g).tobytes())
        generator = np.random.default_rng(np.frombuffer(digest.digest(), np.uint32))
        return DrawnSensor(
            rate=1 + generator.uniform(-1, 1) * self.rate_error_percent / 100,
            mounting=_rotation(self.rotation_deg, generator),
            gain=1 + generator.normal(0, 1, 3) * self.gain_error_percent / 100,
            offset_g=generator.normal(0, 1, 3) * np.array(self.offset_mg) / 1000,
            noise_g=np.array(self.noise_mg) / 1000,
            generator=generator,
        )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSensor:
    """One sensor as drawn. rate: true over nominal output rate. mounting: (3, 3) rotation from
    the recording's axes to the part's. gain, offset_g, noise_g: (3,). Noise is drawn from
    `generator`, one call after the other."""

    rate: float
    mounting: NDArray[np.float64]
    gain: NDArray[np.float64]
    offset_g: NDArray[np.float64]
    noise_g: NDArray[np.float64]
    generator: np.random.Generator

    def sense(self, acc_g: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, 3) float32 g at the part's place -> (T, 3) float32 g as it would report them, before
        rails and steps. Without any error the samples pass bit for bit."""
        sensed = acc_g.astype(np.float64) @ self.mounting.T * self.gain + self.offset_g
        if self.noise_g.any():
            sensed += self.generator.normal(0, 1, acc_g.shape) * self.noise_g
        return sensed.astype(np.float32)


def through_twin(
    recordings: Iterable[Recording],
    twin: SensorTwin,
    rate_hz: float,
    *,
    copies: Collection[int] = (0,),
    subjects: Collection[str] | None = None,
) -> Iterator[Recording]:
    """Each recording of `subjects` (None: everybody) once for every number in `copies`."""
    for recording in recordings:
        if subjects is None or recording.subject in subjects:
            for copy in copies:
                yield from sensed(recording, twin, rate_hz, copy=copy)


def sensed(
    recording: Recording, twin: SensorTwin, rate_hz: float, *, copy: int = 0
) -> Iterator[Recording]:
    """The recording's gap-free stretches as a sensor of nominally rate_hz reports them, in g.

    A sensor that is fast by 1 % takes 101 samples in the time of 100, and whoever trusts its name
    sees the movement 1 % slower: so time is stretched by the sensor's rate, then sampled at rate_hz
    exactly as wearkit.windows.cut does. Errors and noise are those of the resulting samples. One
    recording a stretch; one too short or too slow to resample passes for cut to refuse. A twin
    without errors gives the very windows that the recording itself gives.
    """
    sensor = twin.sensor_for(recording, copy)
    dropped = recording.dropped
    for piece in stretches(recording):
        stretched = replace(
            recording,
            acc_g=recording.acc_g[piece],
            time_s=recording.time_s[piece] * sensor.rate,
            rate_hz=recording.rate_hz / sensor.rate,
            labels=replace(recording.labels, codes=recording.labels.codes[piece]),
            dropped=dropped,
        )
        sampled = _at_rate(stretched, rate_hz)
        yield replace(sampled, acc_g=sensor.sense(sampled.acc_g))
        dropped = {}  # rows that were dropped are dropped once


def _at_rate(stretch: Recording, rate_hz: float) -> Recording:
    time_s = stretch.time_s
    if len(time_s) < 2 or mean_rate_hz(time_s) < SLOWEST * rate_hz or is_on_grid(time_s, rate_hz):
        return stretch
    return replace(
        stretch,
        acc_g=resample(time_s, stretch.acc_g, rate_hz),
        time_s=grid(time_s, rate_hz),
        rate_hz=rate_hz,
        labels=replace(stretch.labels, codes=stretch.labels.codes[nearest(time_s, rate_hz)]),
    )


# The data sheet has no tolerance for the output rate, and nothing for whoever puts the sensor on:
# 4 % covers the parts that were seen (-1.5, +1.7 and -3.6 %), 5 deg is a strap put on with care.
_X_MG, _Y_MG, _Z_MG = (1000 / COUNTS_PER_G * counts for counts in NOISE_COUNTS)
ADXL345 = SensorTwin(
    rate_error_percent=4.0,
    offset_mg=OFFSET_SD_MG,
    gain_error_percent=GAIN_SD_PERCENT,
    rotation_deg=5.0,
    noise_mg=(_X_MG, _Y_MG, _Z_MG),
)
PRESETS = {"adxl345": ADXL345}
_FIELDS = {
    "rate": ("rate_error_percent", "%"),
    "offset": ("offset_mg", "mg"),
    "gain": ("gain_error_percent", "%"),
    "rotation": ("rotation_deg", "deg"),
    "noise": ("noise_mg", "mg"),
    "seed": ("seed", ""),
}
_BY_AXIS = ("offset_mg", "noise_mg")
_NUMBER = r"\d{1,7}(?:\.\d{1,9})?"
_MAX_TEXT = 200


def parse_twin(text: str) -> SensorTwin:
    """`adxl345`, or `offset=40mg,gain=5%,rotation=10deg,rate=1.5%,noise=3mg,seed=0` in any order.

    A preset may come first and be changed: `adxl345,rotation=full`. offset and noise take one
    value for all axes or three, `35/35/40mg`. Raises DataError for anything else.
    """
    if len(text) > _MAX_TEXT:
        raise DataError(f"A twin is described in {_MAX_TEXT} characters at most.")
    items = text.split(",")
    twin = PRESETS.get(items[0])
    if twin is not None:
        items = items[1:]
    tolerances: dict[str, Any] = {}
    for item in items:
        name, _, value = item.partition("=")
        if name not in _FIELDS:
            known = ", ".join((*PRESETS, *(f"{key}=..." for key in _FIELDS)))
            raise DataError(f"A twin has no {item!r}: it is made of {known}.")
        field, unit = _FIELDS[name]
        if field in tolerances:
            raise DataError(f"The twin says {name} twice: say it once.")
        tolerances[field] = _value(name, field, unit, value)
    return replace(twin or SensorTwin(), **tolerances)


def _value(name: str, field: str, unit: str, text: str) -> Any:
    if name == "rotation" and text == "full":
        return ANY_ROTATION_DEG
    numbers = text.removesuffix(unit).split("/") if unit and text.endswith(unit) else []
    if name == "seed":
        if re.fullmatch(r"\d{1,18}", text, re.ASCII):
            return int(text)
    elif numbers and all(re.fullmatch(_NUMBER, number, re.ASCII) for number in numbers):
        values = tuple(float(number) for number in numbers)
        if field not in _BY_AXIS and len(values) == 1:
            return values[0]
        if field in _BY_AXIS and len(values) in (1, 3):
            return values * 3 if len(values) == 1 else values
    example = {"seed": "7", "rotation": "10deg or full"}.get(name, f"1.5{unit}")
    raise DataError(f"A twin's {name} is given like {name}={example}, not {text!r}.")


def _axes(value: Any) -> Axes:
    x, y, z = (float(number) for number in value)
    return x, y, z


def _axes_text(values: Axes) -> str:
    texts = [f"{value:.9g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else "/".join(texts)


def _rotation(sigma_deg: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """(3, 3): a small turn about each axis (Rodrigues), or one drawn from all rotations alike (a
    quaternion of four normal numbers has no preferred direction)."""
    drawn = generator.normal(0, 1, 4)
    if sigma_deg == ANY_ROTATION_DEG:
        quaternion = drawn / np.linalg.norm(drawn)
    else:
        turn = np.radians(sigma_deg) * drawn[:3]
        angle = float(np.linalg.norm(turn))
        if angle == 0:
            return np.eye(3)
        axis = turn / angle
        quaternion = np.concatenate([[math.cos(angle / 2)], axis * math.sin(angle / 2)])
    w, x, y, z = quaternion.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
