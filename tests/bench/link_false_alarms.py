"""Faults reported where there are none: a clean simulated day, and real recordings.

    python tests/bench/link_false_alarms.py --json             those archives WEARKIT_DATA holds
    python tests/bench/link_false_alarms.py --hours 1 hapt-accel.tar.xz

Everything goes through the frames, clocks and watches of `wearkit live`, with their own limits.
The oracle of CLIPPED, the one thing that good recordings do have, is a count by hand; every other
code must not appear. What the model would say is left out: no fault depends on it. Exits 1 on a
false report.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN, INPUT_SCALE_G
from wearkit.integer.graph import Dense, Head, QuantizedGraph, Reshape, Tensor
from wearkit.link.faults import Fault
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Feature, Hello, Samples, Stats
from wearkit.link.options import StreamOptions
from wearkit.live.session import LiveSession
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.posture_sim import recordings as simulated_recordings
from wearkit.spec import DEFAULT_SPEC, ModelSpec, TaskSpec
from wearkit.windows.sensor_counts import sensor_counts

ARCHIVES = (
    "hapt-accel.tar.xz",
    "sisfall-adxl345-subset.tar.xz",
    "wisdm-2019-accel.tar.xz",
    "dsads-p1-p5.tar.xz",
)
_ABSENT = "not there: set WEARKIT_DATA to the folder that holds it"
Counts = NDArray[np.int16]
SAMPLES_PER_FRAME = 10
HELLO_EVERY, STATS_EVERY = 10, 25  # frames: 2 s and 5 s at 50 Hz
RATE_HZ = 49.26  # of the simulated day: 1.48 % slow, as a real ADXL345 was measured to be
POLL_US = 5000  # the watermark is seen up to this late
ADAPTER_S = 0.016  # bytes arrive in batches of a USB adapter


@dataclass
class Tally:
    """sessions: one for each gap-free stretch of a recording. false: reports by code."""

    sessions: int = 0
    samples: int = 0
    windows: int = 0
    clipped_by_hand: int = 0
    reported: Counter[str] = field(default_factory=Counter)
    invalid: int = 0

    @property
    def false(self) -> dict[str, int]:
        found = Counter(self.reported)
        found[str(Fault.CLIPPED)] = abs(found[str(Fault.CLIPPED)] - self.clipped_by_hand)
        return {code: count for code, count in sorted(found.items()) if count}

    def to_json(self) -> dict[str, Any]:
        return {
            "sessions": self.sessions,
            "samples": self.samples,
            "hours_at_50_hz": round(self.samples / 180_000, 2),
            "windows": self.windows,
            "windows_without_verdict": self.invalid,
            "clipped_windows_reported": self.reported[str(Fault.CLIPPED)],
            "clipped_windows_by_hand": self.clipped_by_hand,
            "false_reports": sum(self.false.values()),
            "false_by_code": self.false,
        }


class Silent:
    """A runtime that says nothing: faults do not depend on verdicts."""

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        return {"task": np.zeros((len(inputs), 2), dtype=np.int8)}


def silent_graph() -> QuantizedGraph:
    """The smallest legal graph; nobody runs it."""
    size = DEFAULT_SPEC.length * 3
    tensors = (
        Tensor("in", (1, DEFAULT_SPEC.length, 3), INPUT_SCALE_G, 0),
        Tensor("flat", (1, 1, size), INPUT_SCALE_G, 0),
        Tensor("out", (1, 1, 2), 1.0, 0),
    )
    weights = np.zeros((2, size), np.int8)
    scale, bias = np.array([1.0], np.float32), np.zeros(2, np.int32)
    dense = Dense("dense", "flat", "out", weights, scale, bias)
    model = ModelSpec("mtl-net-micro", DEFAULT_SPEC, (TaskSpec("task", ("a", "b")),))
    ops = (Reshape("flatten", "in", "flat"), dense)
    return QuantizedGraph(model, tensors, ops, "in", (Head("task", "out"),))


def frames(
    counts: Iterator[Counts], rate_hz: float, random: np.random.Generator
) -> Iterator[tuple[bytes, float]]:
    """(bytes, arrival time) of each frame of a sensor that measures these blocks end to end."""
    sequence = index = number = 0
    for block in counts:
        for first in range(0, len(block) - SAMPLES_PER_FRAME + 1, SAMPLES_PER_FRAME):
            rows = block[first : first + SAMPLES_PER_FRAME].tolist()
            end_s = (index + SAMPLES_PER_FRAME) / rate_hz
            late_us = int(random.integers(0, POLL_US))
            t_us = (round(end_s * 1e6) + late_us) % (1 << 32)
            messages: list[Hello | Samples | Stats] = []
            if number % HELLO_EVERY == 0:
                messages.append(Hello(boot_id=1, features=Feature.SAMPLES))
            if number % STATS_EVERY == 0:
                messages.append(Stats(round(end_s * 1000) % (1 << 32), index))
            messages.append(Samples(index, t_us, tuple((x, y, z) for x, y, z in rows)))
            data = b""
            for message in messages:
                data += encode_message(message, sequence % 65536)
                sequence += 1
            number += 1
            index += SAMPLES_PER_FRAME
            yield data, float(np.ceil(end_s / ADAPTER_S) * ADAPTER_S)


def at_rail(counts: Counts) -> NDArray[np.bool_]:
    """Samples with an axis at a rail."""
    found: NDArray[np.bool_] = np.any((counts <= COUNT_MIN) | (counts >= COUNT_MAX), axis=1)
    return found


def clipped_windows(counts: Counts) -> int:
    """Windows of the grid that hold a sample at a rail, counted over all samples at once."""
    before = np.concatenate([[0], np.cumsum(at_rail(counts))])
    starts = np.arange(0, len(counts) - DEFAULT_SPEC.length + 1, DEFAULT_SPEC.hop)
    return int(np.count_nonzero(before[starts + DEFAULT_SPEC.length] > before[starts]))


def play(blocks: list[Counts], rate_hz: float, tally: Tally, seed: int) -> None:
    """One session of everything in `blocks`, end to end. Each block: a multiple of ten samples."""
    session = LiveSession(silent_graph(), Silent(), StreamOptions(DEFAULT_SPEC.rate_hz))
    random = np.random.default_rng(seed)
    for data, arrival_s in frames(iter(blocks), rate_hz, random):
        session.feed(data, arrival_s)
    session.finish()
    report = session.report()
    whole = np.concatenate(blocks)
    assert report.samples == len(whole), (report.samples, len(whole))
    tally.sessions += 1
    tally.samples += report.samples
    tally.windows += report.windows
    tally.invalid += report.windows_invalid
    tally.clipped_by_hand += clipped_windows(whole)
    tally.reported.update(report.faults)


def simulated_blocks(samples: int) -> list[Counts]:
    """People of the posture simulator, one after the other, without a gap; multiples of ten."""
    blocks: list[Counts] = []
    have = 0
    for seed in range(1000):
        for recording in simulated_recordings(seed=seed):
            for counts in sensor_counts(recording, DEFAULT_SPEC):
                block = _whole(counts[: samples - have])
                blocks.append(block)
                have += len(block)
            if have >= samples:
                return blocks
    raise AssertionError("the simulator ran dry")


def simulated_day(hours: float) -> Tally:
    """One session."""
    tally = Tally()
    wanted = round(hours * 3600 * DEFAULT_SPEC.rate_hz) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
    play(simulated_blocks(wanted), RATE_HZ, tally, seed=0)
    return tally


def real(path: str, limit: int | None = None) -> Tally:
    """Each gap-free stretch is a session; recordings at another rate are resampled to 50 Hz."""
    tally = Tally()
    for number, recording in enumerate(islice(open_dataset(path), limit)):
        for counts in sensor_counts(recording, DEFAULT_SPEC):
            block = _whole(counts)
            if len(block) >= DEFAULT_SPEC.length:
                play([block], DEFAULT_SPEC.rate_hz, tally, seed=number)
    return tally


def _whole(counts: Counts) -> Counts:
    return counts[: len(counts) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]


def main() -> int:
    options = _options()
    found: dict[str, Any] = {}
    for name, tally, wall_s in _measure(options):
        found[name] = {**tally.to_json(), "wall_s": round(wall_s, 1)}
    found |= {path.name: {"skipped": _ABSENT} for path in _archives(options, there=False)}
    print(json.dumps(found) if options.json else _as_text(found))
    return 1 if any(part.get("false_reports") for part in found.values()) else 0


def _as_text(found: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {part}" for name, part in found.items())


def _measure(options: argparse.Namespace) -> Iterator[tuple[str, Tally, float]]:
    hours, began_s = options.hours * options.scale, time.monotonic()
    if hours:
        yield f"simulated {hours:g} h", simulated_day(hours), time.monotonic() - began_s
    for path in _archives(options, there=True):
        began_s = time.monotonic()
        share = None if options.scale >= 1 else max(1, round(100 * options.scale))
        yield path.name, real(str(path), options.limit or share), time.monotonic() - began_s


def _archives(options: argparse.Namespace, *, there: bool) -> list[Path]:
    folder = Path(os.environ.get("WEARKIT_DATA", "."))
    known = [] if options.simulated_only else [folder / name for name in ARCHIVES]
    wanted = options.recordings or known
    return [path for path in wanted if path.is_file() == there]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", nargs="*", type=Path, help="archives of real recordings")
    parser.add_argument("--simulated-only", action="store_true", help="no recordings by themselves")
    parser.add_argument("--hours", type=float, default=24.0, help="of the simulated stream")
    parser.add_argument("--limit", type=int, help="recordings of each archive")
    parser.add_argument("--scale", type=float, default=1.0, help="share of hours and recordings")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
