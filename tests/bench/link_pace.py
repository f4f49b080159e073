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
from wearkit.spec import DEFAULT_SPEC

MOST_LAG_S = 0.5
_HALVINGS = 3
_WEARKIT = (sys.executable, "-c", "from wearkit.cli import main; main()")
_SENT = re.compile(r"Sent (\d+) samples, ([\d.]+) s late")


@dataclass(frozen=True, slots=True)
class Pace:
    """One play. lag_s: of the player's last sample; verdict_lag_s: of the last verdict after the
    first, which shows what waits in live's own queues. read_calls_per_s: of live, by the system's
    own count. *_cpu_s: of the whole command, its start included."""

    speed: float
    held: bool
    sent: int
    received: int
    windows: int
    faults: dict[str, int]
    lag_s: float
    verdict_lag_s: float
    read_calls_per_s: float
    live_cpu_s: float
    simulate_cpu_s: float


@dataclass(frozen=True, slots=True)
class Play:
    """bundle: of live; data: a recording that simulate plays for play_s seconds at each speed."""

    bundle: Path
    data: Path
    play_s: float

    def highest_pace(self, hours: float, first_speed: float) -> dict[str, Any]:
        """hours: of the recording, which bounds the speed."""
        write_recording(self.data, hours)
        fastest = hours * 3600 / self.play_s
        plays: list[Pace] = []
        low, high = 0.0, 2 * fastest
        speed = min(first_speed, fastest)
        while speed <= fastest and high > fastest:
            plays.append(self.at(speed))
            low, high = (speed, high) if plays[-1].held else (low, speed)
            speed *= 2
        for _ in range(_HALVINGS if high <= fastest else 0):
            plays.append(self.at((low + high) / 2))
            low, high = (plays[-1].speed, high) if plays[-1].held else (low, plays[-1].speed)
        return {"held": round(low, 1), "plays": [asdict(one) for one in plays]}

    def at(self, speed: float) -> Pace:
        before_s = _children_cpu_s()
        simulate = self._simulate(speed)
        assert simulate.stdout is not None and simulate.stderr is not None
        port = simulate.stdout.readline().strip()
        assert port, simulate.stderr.read()
        summary, said_s, reads = self._live(port)
        live_s = _children_cpu_s() - before_s  # simulate has not been waited for yet
        said = simulate.stderr.read()
        simulate.wait()
        sent = _SENT.search(said)
        assert sent is not None, said
        assert len(said_s) == summary["windows"]
        samples, lag_s = int(sent[1]), float(sent[2])
        whole = summary["windows"] == (samples - DEFAULT_SPEC.length) // DEFAULT_SPEC.hop + 1
        faults = {code: count for code, count in summary["faults"].items() if code != "UNPLUGGED"}
        clean = summary["samples"] == samples and whole and not faults
        due_s = (len(said_s) - 1) * DEFAULT_SPEC.hop / DEFAULT_SPEC.rate_hz / speed
        verdict_lag_s = said_s[-1] - said_s[0] - due_s
        return Pace(
            speed=speed,
            held=clean and max(lag_s, verdict_lag_s) <= MOST_LAG_S,
            sent=samples,
            received=summary["samples"],
            windows=summary["windows_valid"],
            faults=faults,
            lag_s=lag_s,
            verdict_lag_s=round(verdict_lag_s, 2),
            read_calls_per_s=_rate(reads),
            live_cpu_s=round(live_s, 2),
            simulate_cpu_s=round(_children_cpu_s() - before_s - live_s, 2),
        )

    def _simulate(self, speed: float) -> subprocess.Popen[str]:
        options = ["--protocol", "binary", "--speed", str(speed)]
        options += ["--seconds", str(speed * self.play_s)]
        return subprocess.Popen(
            [*_WEARKIT, "simulate", "--data", self.data, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _live(self, port: str) -> tuple[dict[str, Any], list[float], list[tuple[float, int]]]:
        """Its summary, when it said each verdict, and its read calls."""
        words = self.data.with_suffix(".err")
        with words.open("w") as err:
            live = subprocess.Popen(
                [*_WEARKIT, "live", "--json", "--port", port, "--bundle", self.bundle],
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )
        reads: list[tuple[float, int]] = []
        threading.Thread(target=_watch_reads, args=(live.pid, reads), daemon=True).start()
        assert live.stdout is not None
        said_s = [time.monotonic() for _ in live.stdout]
        live.wait()
        return json.loads(words.read_text().splitlines()[0])["summary"], said_s, reads


def write_recording(path: Path, hours: float) -> None:
    """One person after the other without a gap, every count as g that comes back exactly."""
    rate_hz = DEFAULT_SPEC.rate_hz
    counts = np.concatenate(simulated_blocks(round(hours * 3600 * rate_hz) // 10 * 10))
    time_s = np.arange(len(counts)) / rate_hz
    rows = np.column_stack([time_s, counts / COUNTS_PER_G])
    np.savetxt(path, rows, fmt="%.5f", delimiter=",", header="# units=g\ntime,x,y,z", comments="")


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
