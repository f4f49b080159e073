"""Part 6 of link.py: what a live session costs the host, and how fast a stream it can follow.

    python tests/bench/link_cost.py --bundle build/micro-int8 --json
    python tests/bench/link_cost.py --base ../older-checkout --rounds 5 --scale 0.3

Processor time of this process, medians over rounds in which the variants take turns: of a sample,
as text and in frames, decoded and placed as live takes them; of a window, with a silent model, with
the integer reference of both nets, and compared with the device's answers as --verify does. Chunks
of one frame, or ten lines, as they come at a sensor's pace. Then, given a bundle, both commands on
a real pty: `wearkit simulate --protocol binary --speed X` and `wearkit live`, X doubled until a
sample is lost, a fault reported or player or verdicts fall half a second behind; then three times
the middle of what held and what did not. Exits 1 when a sample is lost or a fault reported at any
speed, since a pty holds its writer back.

--base: another checkout. Each round then is a process of that one and a process of this one, one
after the other, each running its own copy of this file; printed are the medians and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from link_device import PER_FRAME, Boot, Counts, Device
from link_false_alarms import Silent, silent_graph, simulated_blocks
from link_models import BenchModel, bench_model
from link_pace import Play
from link_soak import Day, clean_day

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.link.frames.fields import ID_BYTES
from wearkit.link.options import StreamOptions
from wearkit.link.sample import SampleRun
from wearkit.link.stream import AutoStream
from wearkit.live.session import LiveSession, ModelRunner
from wearkit.simulation.sensor import LineFormat
from wearkit.spec import DEFAULT_SPEC
from wearkit.verification.verifier import Verifier

WINDOWS, HOURS = 1000, 6
_OPTIONS = StreamOptions(DEFAULT_SPEC.rate_hz)


def host_cost(windows: int, rounds: int, bundle: Path | None) -> dict[str, Any]:
    """Microseconds by variant: of a sample, and of a window."""
    samples = DEFAULT_SPEC.hop * (windows - 1) + DEFAULT_SPEC.length
    counts = np.concatenate(simulated_blocks(samples))
    micro = bench_model("mtl-net-micro", bundle)
    chunks = {"frames": _frames(counts, None), "text": _lines(counts)}
    answered = _frames(counts, clean_day(micro, counts))
    given = len(counts) // PER_FRAME * PER_FRAME
    per_sample: dict[str, Callable[[], float]] = {
        name: lambda some=some: _decode_s(some, given)  # type: ignore[misc]
        for name, some in chunks.items()
    }
    large = bench_model("mtl-net")
    per_window: dict[str, Callable[[], float]] = {
        "silent model": lambda: _session_s(chunks["frames"], silent_graph(), Silent(), windows),
        micro.name: lambda: _reference_s(chunks["frames"], micro, windows),
        large.name: lambda: _reference_s(chunks["frames"], large, windows),
        f"{micro.name}, --verify": lambda: _verified_s(answered, micro, windows),
    }
    found: dict[str, list[float]] = {name: [] for name in (*per_sample, *per_window)}
    for _ in range(rounds):
        for name, run in per_sample.items():
            found[name].append(run() / given * 1e6)
        for name, run in per_window.items():
            found[name].append(run() / windows * 1e6)
    text_to_frames = [a / b for a, b in zip(found["text"], found["frames"], strict=True)]
    return {
        "us_per_sample": {name: _spread(found[name]) for name in per_sample},
        "us_per_window": {name: _spread(found[name]) for name in per_window},
        "text_to_frames": round(statistics.median(text_to_frames), 2),
    }


def side_by_side(base: Path, rounds: int, scale: float) -> dict[str, dict[str, list[float]]]:
    """Of each variant: microseconds in the other checkout and in this one, and their ratio."""
    roots = (base.resolve(), Path(__file__).resolve().parents[2])
    costs: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for _ in range(rounds):
        for side, root in enumerate(roots):
            measured = _cost_of(root, scale)
            for kind in ("us_per_sample", "us_per_window"):
                for name, (median_us, *_) in measured[kind].items():
                    both = costs.setdefault(kind, {}).setdefault(name, ([], []))
                    both[side].append(median_us)
    return {
        kind: {name: _compared(*both) for name, both in variants.items()}
        for kind, variants in costs.items()
    }


def _compared(base_us: list[float], this_us: list[float]) -> list[float]:
    before_us, now_us = statistics.median(base_us), statistics.median(this_us)
    return [round(before_us, 1), round(now_us, 1), round(before_us / now_us, 2)]


def _cost_of(root: Path, scale: float) -> dict[str, Any]:
    """What a checkout's own copy of this file says, in a process that imports that checkout."""
    path = os.pathsep.join([str(root / "toolkit"), str(root / "export")])
    said = subprocess.run(
        [sys.executable, str(root / "tests" / "bench" / "link_cost.py"),
         "--json", "--rounds", "1", "--scale", str(scale)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout  # fmt: skip
    measured: dict[str, Any] = json.loads(said)
    return measured


def _spread(values: list[float]) -> list[float]:
    """Median, least, most."""
    return [round(value, 1) for value in (statistics.median(values), min(values), max(values))]


def _frames(counts: Counts, day: Day | None) -> list[bytes]:
    """What a device sends for each ten samples. day: the answers it gives, if it gives any."""
    model_id = bytes(ID_BYTES) if day is None else bytes.fromhex(day.model.model_id)[:ID_BYTES]
    boot = Boot(0, 0, len(counts))
    device = Device(boot, counts, None if day is None else day.heads, model_id)
    tens = range(len(counts) // PER_FRAME)
    return [b"".join(sent.wire for sent in device.frames(ten, 0)) for ten in tens]


def _lines(counts: Counts) -> list[bytes]:
    encoder = LineFormat(DEFAULT_SPEC).encoder()
    lines = [encoder.encode(index, (x, y, z)) for index, (x, y, z) in enumerate(counts.tolist())]
    tens = range(0, len(lines) // PER_FRAME * PER_FRAME, PER_FRAME)
    return [b"".join(lines[at : at + PER_FRAME]) for at in tens]


def _decode_s(chunks: list[bytes], samples: int) -> float:
    stream, came = AutoStream(_OPTIONS), 0
    since_s = time.process_time()
    for number, chunk in enumerate(chunks):
        for stretch in stream.feed_runs(chunk, number * 0.2):
            came += len(stretch.counts) if isinstance(stretch, SampleRun) else 1
    took_s = time.process_time() - since_s
    assert came + len(stream.finish()) == samples, (came, samples)
    return took_s


def _reference_s(chunks: list[bytes], model: BenchModel, windows: int) -> float:
    return _session_s(chunks, model.graph, Reference(model.graph), windows)


def _verified_s(chunks: list[bytes], model: BenchModel, windows: int) -> float:
    verifier = Verifier(model.graph, model.model_id, FaultLog())
    took_s = _session_s(chunks, model.graph, Reference(model.graph), windows, verifier)
    assert verifier.tally.equal == windows, verifier.tally
    return took_s


def _session_s(
    chunks: list[bytes],
    graph: QuantizedGraph,
    runtime: ModelRunner,
    windows: int,
    verifier: Verifier | None = None,
) -> float:
    session = LiveSession(graph, runtime, _OPTIONS, verifier=verifier)
    since_s = time.process_time()
    for number, chunk in enumerate(chunks):
        session.feed(chunk, number * 0.2)
    took_s = time.process_time() - since_s
    session.finish()
    assert session.report().windows_valid == windows
    return took_s


def main() -> int:
    options = _options()
    if options.base is not None:
        compared = side_by_side(options.base, options.rounds, options.scale)
        print(json.dumps(compared) if options.json else _as_text(compared))
        return 0
    before = os.getloadavg()
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, NumPy {np.__version__}"
    }
    found |= host_cost(max(20, round(WINDOWS * options.scale)), options.rounds, options.bundle)
    if options.bundle is None:
        found["pace"] = {"skipped": "both commands need --bundle"}
    else:
        with tempfile.TemporaryDirectory() as folder:
            hours = HOURS * options.scale
            play = Play(options.bundle, Path(folder) / "day.csv", options.play)
            found["pace"] = play.highest_pace(hours, options.first_speed)
    found["load"] = [round(load, 1) for load in (before[0], os.getloadavg()[0])]
    plays = found["pace"].get("plays", [])
    found["ok"] = all(one["received"] == one["sent"] and not one["faults"] for one in plays)
    print(json.dumps(found) if options.json else _as_text(found))
    return 0 if found["ok"] else 1


def _as_text(found: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", type=Path, help="else an untrained mtl-net-micro, and no pty")
    parser.add_argument("--base", type=Path, help="another checkout to compare with")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first-speed", type=float, default=64.0)
    parser.add_argument("--play", type=float, default=6.0, help="seconds at each speed")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
