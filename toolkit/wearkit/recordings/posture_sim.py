"""Simulated recordings: twelve lying postures at three placements. Nobody was measured.

The stand-in for the Sleep set of arXiv 2507.00061, which is not public: a ring of twelve
postures 30 degrees apart (names, order and angles of its Table 2), each held for a minute, with
an ADXL345 at the neck, the chest and the abdomen at once. From first principles:

1. At rest an accelerometer reads 1 g along "up". In body axes (a towards the left, b out of the
   front, c towards the head), lying at the ring angle p with the trunk tilted by q,
       u = (cos p cos q, sin p cos q, sin q).
   up (p = 90) has the front upwards, right (p = 0) is lying on the right side.
2. p moves from posture to posture in ROLL_S along 3s^2 - 2s^3, overshoots by a few degrees that
   decay as exp(-t/SETTLE_S), and steps by a degree or two at small movements, each with a burst
   of shaking, sin^2-shaped, at 3-7 Hz.
3. Each person holds each posture a little differently (POSE_SD_DEG around the ring, TRUNK_SD_DEG
   along it). Each sensor sits at its placement's own slope (a rotation about a; the throat is
   steep, the belly slopes the other way) and is mounted with an error about each axis.
4. Breathing turns the sensor about a by A (sin w + 0.25 sin 2w), w' = 2 pi f with f in 0.2 to
   0.3 Hz drifting slowly; A is largest at the abdomen and smallest at the neck. The heart adds
   a short 18 Hz ring at each beat, along b, strongest at the chest.
5. The sensor: gain error 1 %, offset 35, 35, 40 mg and noise 0.75, 0.75, 1.1 counts rms, all
   1 sigma (ADXL345 data sheet, Table 1, output rates up to 100 Hz); an output rate of its own
   within 2 % of 50 Hz; then counts (wearkit.counts), given back in g.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNTS_PER_G, g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.recording import UNLABELLED, LabelTrack, Recording
from wearkit.recordings.sensor_twin import GAIN_SD_PERCENT, NOISE_COUNTS, OFFSET_SD_MG

NAME = "posture-sim"
TASK = "posture"
POSTURES = (
    "up",
    "upright",
    "rightup",
    "right",
    "rightdown",
    "downright",
    "down",
    "downleft",
    "leftdown",
    "left",
    "leftup",
    "upleft",
)
RATE_HZ = 50.0
RATE_ERROR = 0.02
ROLL_S = 2.0
SETTLE_S = 4.0
POSE_SD_DEG = 5.0
TRUNK_SD_DEG = 4.0
MOUNT_SD_DEG = 3.0
MOVES_PER_S = 1 / 40
MOVE_S = 1.2


@dataclass(frozen=True, slots=True)
class Placement:
    """slope_deg: rotation about a. breath_deg, heart_g: typical amplitudes."""

    name: str
    slope_deg: float
    breath_deg: float
    heart_g: float


PLACEMENTS = (
    Placement("neck", slope_deg=35.0, breath_deg=0.15, heart_g=0.003),
    Placement("chest", slope_deg=12.0, breath_deg=0.7, heart_g=0.006),
    Placement("abdomen", slope_deg=-8.0, breath_deg=1.1, heart_g=0.001),
)


def recordings(
    seed: int = 0, subjects: int = 24, seconds_per_posture: float = 60.0
) -> Iterator[Recording]:
    """One recording per person and placement, all twelve postures in an order of the person's own.

    The first ROLL_S of each posture, the roll into it, is unlabelled. Subject k is the same
    whatever `subjects` is. Raises DataError for no subject, or postures shorter than the roll.
    """
    if subjects < 1:
        raise DataError(f"The simulator needs one subject or more, not {subjects}.")
    if not seconds_per_posture > ROLL_S:
        raise DataError(f"A posture must last longer than {ROLL_S:g} s to be held.")
    for number in range(1, subjects + 1):
        sleeper = _Sleeper(np.random.default_rng([seed, number]), seconds_per_posture)
        for placement in PLACEMENTS:
            yield sleeper.wear(placement, f"sim{number:02d}", seed)


@dataclass(frozen=True, slots=True)
class _Moves:
    """Small movements of the whole body. (m,) each: when, how far round, how hard, how fast."""

    start_s: NDArray[np.float64]
    turn_deg: NDArray[np.float64]
    shake_g: NDArray[np.float64]
    shake_hz: NDArray[np.float64]


class _Sleeper:
    """One person: what the body does, as functions of time. The same for every placement."""

    def __init__(self, random: np.random.Generator, seconds: float) -> None:
        self._random = random
        self._seconds = seconds
        self._order = random.permutation(len(POSTURES))
        held = 90.0 - 30.0 * self._order + random.normal(0, POSE_SD_DEG, len(POSTURES))
        before = np.concatenate([held[:1], held[:-1]])
        # Roll the shorter way round.
        self._from_deg = held + (before - held + 180) % 360 - 180
        self._held_deg = held
        self._trunk_deg = random.normal(0, TRUNK_SD_DEG, len(POSTURES))
        self._trunk_from_deg = np.concatenate([self._trunk_deg[:1], self._trunk_deg[:-1]])
        self._settle_deg = random.normal(0, 2.0, len(POSTURES))
        self._breath_hz = random.uniform(0.2, 0.3)
        self._breath_drift = random.uniform(0, 2 * np.pi, 3)
        self._breath_depth = random.lognormal(0, 0.25)
        self._heart_hz = random.uniform(0.9, 1.2)
        self._moves = self._draw_moves()

    def _draw_moves(self) -> _Moves:
        total_s = self._seconds * len(POSTURES)
        count = int(self._random.poisson(total_s * MOVES_PER_S))
        return _Moves(
            start_s=self._random.uniform(0, total_s, count),
            turn_deg=self._random.normal(0, 1.5, count),
            shake_g=self._random.uniform(0.02, 0.08, count),
            shake_hz=self._random.uniform(3, 7, count),
        )

    def wear(self, placement: Placement, subject: str, seed: int) -> Recording:
        random = self._random
        rate_hz = RATE_HZ * (1 + random.uniform(-RATE_ERROR, RATE_ERROR))
        time_s = np.arange(int(self._seconds * len(POSTURES) * rate_hz)) / rate_hz
        within_s = time_s % self._seconds
        # Rounding may put a sample at the very border into the posture after the last.
        slot = np.minimum((time_s / self._seconds).astype(np.int64), len(POSTURES) - 1)
        up = self._up(time_s, within_s, slot)
        turn = np.radians(placement.slope_deg + self._breath_deg(time_s, placement))
        specific_g = _about_a(up, turn) + self._shaking_g(time_s)
        specific_g[:, 1] += self._heart_g(time_s, placement)
        mounted_g = specific_g @ _small_rotation(random.normal(0, MOUNT_SD_DEG, 3)).T
        codes = np.where(within_s < ROLL_S, UNLABELLED, self._order[slot]).astype(np.int16)
        return Recording(
            acc_g=_sensed(mounted_g, random),
            time_s=time_s,
            rate_hz=rate_hz,
            subject=subject,
            placement=placement.name,
            source=f"{NAME} (seed {seed}): {subject} {placement.name}",
            labels=LabelTrack(TASK, POSTURES, codes),
            simulated=True,
        )

    def _up(
        self, time_s: NDArray[np.float64], within_s: NDArray[np.float64], slot: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(T, 3) unit vector upwards, in body axes."""
        s = np.minimum(within_s / ROLL_S, 1.0)
        rolled = s * s * (3 - 2 * s)
        ring_deg = self._from_deg[slot] + rolled * (self._held_deg - self._from_deg)[slot]
        ring_deg += rolled * self._settle_deg[slot] * np.exp(-within_s / SETTLE_S)
        trunk_deg = (1 - rolled) * self._trunk_from_deg[slot] + rolled * self._trunk_deg[slot]
        for start_s, turn_deg in zip(self._moves.start_s, self._moves.turn_deg, strict=True):
            # A move is undone by the next roll: it belongs to its own posture.
            own = slot == int(start_s / self._seconds)
            ring_deg += own * turn_deg * np.clip((time_s - start_s) / MOVE_S, 0, 1)
        p, q = np.radians(ring_deg), np.radians(trunk_deg)
        return np.stack([np.cos(p) * np.cos(q), np.sin(p) * np.cos(q), np.sin(q)], axis=1)

    def _breath_deg(self, time_s: NDArray[np.float64], placement: Placement) -> NDArray[np.float64]:
        slow = sum(
            np.sin(2 * np.pi * time_s / period_s + phase)
            for period_s, phase in zip((37.0, 59.0, 83.0), self._breath_drift, strict=True)
        )
        w = 2 * np.pi * self._breath_hz * time_s + 0.8 * slow
        depth = placement.breath_deg * self._breath_depth
        result: NDArray[np.float64] = depth * (np.sin(w) + 0.25 * np.sin(2 * w))
        return result

    def _heart_g(self, time_s: NDArray[np.float64], placement: Placement) -> NDArray[np.float64]:
        since_s = time_s % (1 / self._heart_hz)
        ring = np.exp(-since_s / 0.06) * np.sin(2 * np.pi * 18 * since_s)
        return placement.heart_g * ring

    def _shaking_g(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        shaking = np.zeros((len(time_s), 3))
        moves = self._moves
        for start_s, shake_g, shake_hz in zip(
            moves.start_s, moves.shake_g, moves.shake_hz, strict=True
        ):
            first, last = np.searchsorted(time_s, [start_s, start_s + MOVE_S])
            since_s = time_s[first:last] - start_s
            burst = shake_g * np.sin(np.pi * since_s / MOVE_S) ** 2
            phase = 2 * np.pi * shake_hz * since_s
            shaking[first:last] += burst[:, None] * np.sin(phase[:, None] + np.arange(3))
        return shaking


def _about_a(vector: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) vectors seen from axes turned by (T,) radians about a."""
    cos, sin = np.cos(angle), np.sin(angle)
    a, b, c = vector.T
    return np.stack([a, cos * b + sin * c, cos * c - sin * b], axis=1)


def _small_rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix about the vector `degrees` by its length (Rodrigues)."""
    angle = np.radians(np.linalg.norm(degrees))
    if angle == 0:
        return np.eye(3)
    x, y, z = np.radians(degrees) / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    result: NDArray[np.float64] = (
        np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    )
    return result


def _sensed(acc_g: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float32]:
    """What an ADXL345 makes of (T, 3) g: its errors, its noise, its steps and rails; in g."""
    gain = 1 + random.normal(0, GAIN_SD_PERCENT / 100, 3)
    offset_g = random.normal(0, np.array(OFFSET_SD_MG) / 1000)
    noise_g = random.normal(0, 1, acc_g.shape) * NOISE_COUNTS / COUNTS_PER_G
    counts = g_to_counts(acc_g * gain + offset_g + noise_g)
    return (counts / COUNTS_PER_G).astype(np.float32)
