"""How fast `wearkit simulate` may play until `wearkit live` no longer follows, for link_cost.py."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from link_false_alarms import simulated_blocks

from wearkit.counts import COUNTS_PER_G
from wearkit.cut import DEFAULT_SPEC

PLAY_S, MOST_LAG_S = 6.0, 0.5
_HALVINGS = 3
_WEARKIT = (sys.executable, "-c", "from wearkit.cli import main; main()")
_SENT = re.compile(r"Sent (\d+) samples, ([\d.]+) s late")


@dataclass(frozen=True, slots=True)
class Pace:
    """One play. lag_s: of the player's last sample. read_calls_per_s: of live, by the system's
    own count. *_cpu_s: of the whole command, its start included."""

    speed: float
    held: bool
    sent: int
    received: int
    windows: int
    faults: dict[str, int]
    lag_s: float
    read_calls_per_s: float
    live_cpu_s: float
    simulate_cpu_s: float


def highest_pace(bundle: Path, folder: Path, hours: float, first_speed: float) -> dict[str, Any]:
    """hours: of the recording, which bounds the speed: PLAY_S at that speed must fit into it."""
    data = folder / "day.csv"
    write_recording(data, hours)
    fastest = hours * 3600 / PLAY_S
    plays: list[Pace] = []
    low, high = 0.0, 2 * fastest
    speed = min(first_speed, fastest)
    while speed <= fastest and high > fastest:
        plays.append(play(bundle, data, speed))
        low, high = (speed, high) if plays[-1].held else (low, speed)
        speed *= 2
    for _ in range(_HALVINGS if high <= fastest else 0):
        plays.append(play(bundle, data, (low + high) / 2))
        low, high = (plays[-1].speed, high) if plays[-1].held else (low, plays[-1].speed)
    return {"held": round(low, 1), "plays": [asdict(one) for one in plays]}


def write_recording(path: Path, hours: float) -> None:
    """One person after the other without a gap, every count as g that comes back exactly."""
    rate_hz = DEFAULT_SPEC.rate_hz
    counts = np.concatenate(simulated_blocks(round(hours * 3600 * rate_hz) // 10 * 10))
    time_s = np.arange(len(counts)) / rate_hz
    rows = np.column_stack([time_s, counts / COUNTS_PER_G])
    np.savetxt(path, rows, fmt="%.5f", delimiter=",", header="# units=g\ntime,x,y,z", comments="")


def play(bundle: Path, data: Path, speed: float) -> Pace:
    before_s = _children_cpu_s()
    simulate = subprocess.Popen(
        [*_WEARKIT, "simulate", "--data", data, "--protocol", "binary", "--speed", str(speed),
         "--seconds", str(speed * PLAY_S)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert simulate.stdout is not None and simulate.stderr is not None
    port = simulate.stdout.readline().strip()
    assert port, simulate.stderr.read()
    live = subprocess.Popen(
        [*_WEARKIT, "live", "--json", "--port", port, "--bundle", bundle],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    reads: list[tuple[float, int]] = []
    threading.Thread(target=_watch_reads, args=(live.pid, reads), daemon=True).start()
    windows_out, words = live.communicate()
    live_s = _children_cpu_s() - before_s  # simulate has not been waited for yet
    said = simulate.stderr.read()
    simulate.wait()
    summary = json.loads(words.splitlines()[0])["summary"]
    sent = _SENT.search(said)
    assert sent is not None, said
    samples, lag_s = int(sent[1]), float(sent[2])
    whole = summary["windows"] == (samples - DEFAULT_SPEC.length) // DEFAULT_SPEC.hop + 1
    faults = {code: count for code, count in summary["faults"].items() if code != "UNPLUGGED"}
    clean = summary["samples"] == samples and whole and not faults
    assert len(windows_out.splitlines()) == summary["windows"]
    return Pace(
        speed=speed,
        held=clean and lag_s <= MOST_LAG_S,
        sent=samples,
        received=summary["samples"],
        windows=summary["windows_valid"],
        faults=faults,
        lag_s=lag_s,
        read_calls_per_s=_rate(reads),
        live_cpu_s=round(live_s, 2),
        simulate_cpu_s=round(_children_cpu_s() - before_s - live_s, 2),
    )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch_reads(pid: int, reads: list[tuple[float, int]]) -> None:
    """(when, how many read calls so far) ten times a second while the process lasts."""
    while True:
        try:
            text = Path(f"/proc/{pid}/io").read_text()
        except OSError:
            return
        reads.append((time.monotonic(), int(text.partition("syscr: ")[2].split()[0])))
        time.sleep(0.1)


def _rate(reads: list[tuple[float, int]]) -> float:
    """Over the later half, when live has long started."""
    (since_s, since), (until_s, until) = reads[len(reads) // 2], reads[-1]
    return round((until - since) / max(until_s - since_s, 0.1), 1)
