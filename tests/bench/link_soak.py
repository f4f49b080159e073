"""Part 2 of link.py: a day of frames with real inference, as fast as it goes.

    python tests/bench/link_soak.py --bundle build/micro-int8 --json

A day at 50 Hz (4,320,000 samples, 72,000 windows) of which 1 % of the frames is lost, 0.1 % is
damaged in ten ways, and which is reset 24 times at any moment, so that some boots last over the
wraps of clock and frame numbers; the first boot is found shortly before all three of its counters
wrap. Twice: as `wearkit live` reads it, and as `wearkit live --verify` does, with the answers of a
device that computed the clean day in one batch.

Every figure of the report must be what link_device.py knows from the bytes it sent; every verdict
that of the clean day. Exits 1 when one is not, or when memory grows by 5 MiB after the first hour.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from link_device import DEVICE_HZ, LENGTH, WRAP, Boot, Counts, Truth, boots, transmissions
from link_false_alarms import at_rail, simulated_blocks
from link_models import BenchModel, bench_model
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.integer.reference import Reference
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.fields import ID_BYTES
from wearkit.link.frames.from_device import HeadLogits
from wearkit.link.options import StreamOptions
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.verification.verifier import Verifier

HOURS, RATE_HZ = 24, 50
LEAST = 18_000  # samples: six minutes, in which each counter of the first boot wraps
MOST_GROWTH_KIB = 5 * 1024
_LARGEST_CHUNK = 1000  # bytes: up to two seconds of frames at once, cut anywhere


@dataclass(frozen=True)
class Day:
    """clean: (samples, logits) int8, what the model says of the window that begins there."""

    model: BenchModel
    counts: Counts
    boots: list[Boot]
    clean: NDArray[np.int8]
    row_of: NDArray[np.int32]

    def row(self, start: int) -> NDArray[np.int8]:
        """All tasks' logits, in the model's order, of the window that begins at this sample."""
        row: NDArray[np.int8] = self.clean[self.row_of[start]]
        return row

    def heads(self, start: int) -> tuple[HeadLogits, ...]:
        """The same as a device says them."""
        graph, row, found = self.model.graph, self.row(start).tolist(), []
        for head, task in zip(graph.heads, graph.model.tasks, strict=True):
            tensor, labels = graph.tensor(head.tensor), len(task.labels)
            found.append(HeadLogits(tensor.scale, tensor.zero_point, tuple(row[:labels])))
            row = row[labels:]
        return tuple(found)


def make_day(model: BenchModel, samples: int, resets: int, seed: int) -> Day:
    """The counts of a simulated day."""
    counts = np.concatenate(simulated_blocks(samples))
    return clean_day(model, counts, boots(samples, resets, random.Random(seed)))


def clean_day(model: BenchModel, counts: Counts, all_boots: list[Boot] | None = None) -> Day:
    """With the reference's answers to all windows of all boots, else of one that began with it."""
    all_boots = all_boots or [Boot(0, 0, len(counts))]
    starts = np.concatenate([np.asarray(boot.window_starts, dtype=np.intp) for boot in all_boots])
    row_of = np.full(len(counts), -1, dtype=np.int32)
    row_of[starts] = np.arange(len(starts), dtype=np.int32)
    reference, rows = Reference(model.graph), []
    for some in np.array_split(starts, max(1, len(starts) // 1000)):
        windows = counts[some[:, None] + np.arange(LENGTH)]
        logits = reference.run(counts_to_int8(windows))
        rows.append(np.concatenate([logits[task.name] for task in model.graph.model.tasks], axis=1))
    return Day(model, counts, all_boots, np.concatenate(rows), row_of)


class Kept:
    """What the session said of each window, in memory that is there from the start."""

    def __init__(self, most: int, logits: int) -> None:
        self.windows = 0
        self.index = np.full(most, -1, dtype=np.int64)
        self.rows = np.full((most, logits), 0, dtype=np.int8)

    def add(self, said: list[LiveWindow]) -> None:
        for window in said:
            if window.valid and window.device_index is not None:
                self.index[self.windows] = window.device_index % WRAP
                logits = [value for one in window.verdicts.values() for value in one.logits]
                self.rows[self.windows] = logits
                self.windows += 1

    def unlike(self, day: Day, truth: Truth) -> int:
        """Windows that are missing, too many, in another place or with another verdict."""
        starts = truth.windows()
        expected = []
        for boot in day.boots:
            own = [at for at in starts if boot.first <= at < boot.end]
            expected += [((boot.index + at - boot.first) % WRAP, at) for at in own]
        wrong = abs(len(expected) - self.windows)
        for said, (index, at) in enumerate(expected[: self.windows]):
            same = np.array_equal(self.rows[said], day.row(at))
            wrong += self.index[said] != index or not same
        return wrong


def soak(day: Day, seed: int, *, verify: bool) -> dict[str, Any]:
    """One session over the whole day."""
    graph, model_id, faults = day.model.graph, day.model.model_id, FaultLog()
    verifier = Verifier(graph, model_id, faults) if verify else None
    runtime, options = Reference(graph), StreamOptions(float(RATE_HZ))
    session = LiveSession(graph, runtime, options, faults=faults, verifier=verifier)
    dice, done = random.Random(seed), Counter[str]()
    truth, kept = Truth.of(day.boots), Kept(len(day.clean), day.clean.shape[1])
    answer = day.heads if verify else None
    own_id = bytes.fromhex(model_id)[:ID_BYTES]
    memory_kib, an_hour_s = list[int](), len(day.counts) / DEVICE_HZ / HOURS
    began_s, session_s = time.perf_counter(), 0.0
    for frames, wire, now_s in transmissions(day.boots, day.counts, answer, own_id, dice, done):
        truth.see(frames, wire)
        since_s = time.process_time()
        while wire:
            size = dice.randint(1, _LARGEST_CHUNK)
            kept.add(session.feed(wire[:size], now_s))
            wire = wire[size:]
        session_s += time.process_time() - since_s
        if now_s >= (len(memory_kib) + 1) * an_hour_s:
            memory_kib.append(_resident_kib())
    kept.add(session.finish())
    memory_kib.append(_resident_kib())
    injected = truth.figures(at_rail(day.counts))
    reported = _figures(session.report(), verifier)
    result = {
        "injected": dict(done),
        "figures": {name: [injected[name], reported[name]] for name in reported},
        "other_faults": _others(session.report()),
        "windows_unlike_the_clean_day": kept.unlike(day, truth),
        "memory_kib_each_hour": memory_kib,
        "memory_growth_kib": memory_kib[-1] - memory_kib[0],
        "session_cpu_s": round(session_s, 1),
        "times_real_time": round(len(day.counts) / RATE_HZ / session_s),
        "wall_s": round(time.perf_counter() - began_s, 1),
    }
    return result | {"held": _held(result)}


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _figures(report: LiveReport, verifier: Verifier | None) -> dict[str, int]:
    assert report.frames is not None
    faults, frames = report.faults, report.frames
    found = {
        "bytes": report.bytes_received,
        "frames lost": frames.lost,
        "frames corrupt": faults.get(Fault.CORRUPT, 0),
        "lines of text": frames.text_lines,
        "resets": faults.get(Fault.RESTART, 0),
        "boots named": frames.boots,
        "samples": report.samples,
        "samples lost": report.missing_samples,
        "gaps": faults.get(Fault.GAP, 0),
        "samples clipped": report.clipped_samples,
        "windows": report.windows_valid,
        "windows clipped": faults.get(Fault.CLIPPED, 0),
        "predictions": frames.predictions,
    }
    return found if verifier is None else found | {"windows compared": verifier.tally.equal}


def _others(report: LiveReport) -> dict[str, int]:
    """Faults that were not injected."""
    known = (Fault.CORRUPT, Fault.RESTART, Fault.GAP, Fault.CLIPPED, Fault.DEVICE_TEXT)
    return {code: count for code, count in report.faults.items() if code not in known}


def _held(result: dict[str, Any]) -> bool:
    return (
        all(injected == reported for injected, reported in result["figures"].values())
        and not result["other_faults"]
        and result["windows_unlike_the_clean_day"] == 0
        and result["memory_growth_kib"] < MOST_GROWTH_KIB
        and all(result["injected"][what] for what in ("clock wraps", "index wraps", "seq wraps"))
    )


def main() -> int:
    options = _options()
    model = bench_model("mtl-net-micro", options.bundle)
    samples = max(LEAST, round(HOURS * 3600 * RATE_HZ * options.scale) // 100 * 100)
    day = make_day(model, samples, max(1, round(24 * options.scale)), options.seed)
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "model": model.name,
        "seed": options.seed,
        "samples": samples,
        "windows_of_all_boots": len(day.clean),
        "live": _apart(day, options.seed, verify=False),
        "verify": _apart(day, options.seed, verify=True),
    }
    found["ok"] = found["live"]["held"] and found["verify"]["held"]
    print(json.dumps(found) if options.json else _as_text(found))
    return 0 if found["ok"] else 1


def _apart(day: Day, seed: int, *, verify: bool) -> dict[str, Any]:
    """In a process of its own: memory that one session frees would hide another's growth."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: sender.send(soak(day, seed, verify=verify)))
    child.start()
    sender.close()
    found: dict[str, Any] = receiver.recv()
    child.join()
    return found


def _as_text(found: dict[str, Any]) -> str:
    lines = [f"{name}: {value}" for name, value in found.items() if not isinstance(value, dict)]
    for name in ("live", "verify"):
        lines += [f"{name}: {key}: {value}" for key, value in found[name].items()]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", type=Path, help="else an untrained mtl-net-micro")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
