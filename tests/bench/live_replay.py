"""Play recordings to `wearkit live` over a pty; compare every verdict with the batch result.

    python tests/bench/live_replay.py --bundle build/X-int8 --data hapt.tar.xz --speed 100 --json

Both ends are real processes. Prints how many windows came, how many int8 logits differ from
`cut` + the integer reference on the same recording, and what it cost. Exits 1 on a difference.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from wearkit.bundle.bundle import open_bundle
from wearkit.counts import counts_to_int8
from wearkit.integer.logits import compare
from wearkit.integer.reference import run
from wearkit.recordings.formats import open_dataset
from wearkit.simulation.sensor import samples

_WEARKIT = (sys.executable, "-c", "from wearkit.cli import main; main()")


def main() -> int:
    options = _options()
    # First, while this process is small: a child's peak memory starts at its parent's size.
    found, cost = _play(options)
    bundle = open_bundle(options.bundle)
    chosen = islice(open_dataset(options.data), None if options.all else 1)
    spec = bundle.model.window
    expected = _windows_by_hand(dict(samples(chosen, spec)), spec.length, spec.hop)
    logits = run(bundle.graph, counts_to_int8(np.stack(list(expected.values()))))
    valid = [window for window in found if window["valid"]]
    same_windows = [window["first_index"] for window in valid] == list(expected)
    agreement = compare(
        {
            task: np.array([window["tasks"][task]["logits"] for window in valid], dtype=np.int8)
            for task in logits
        },
        logits,
    )
    result = {
        "data": str(options.data),
        "speed": options.speed,
        "windows_expected": len(expected),
        "windows_valid": len(valid),
        "windows_without_verdict": len(found) - len(valid),
        "same_windows": same_windows,
        "agreement": agreement.to_json(),
        **cost,
    }
    print(json.dumps(result) if options.json else _as_text(result))
    return 0 if same_windows and agreement.exact else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", default="posture-sim")
    parser.add_argument("--all", action="store_true", help="every recording, not the first alone")
    parser.add_argument("--speed", type=float, default=100.0)
    parser.add_argument("--runtime", default="reference")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _windows_by_hand(
    at: dict[int, tuple[int, int, int]], length: int, hop: int
) -> dict[int, np.ndarray]:
    """First index -> counts, for every window on the grid with all its samples."""
    found = {}
    for start in range(0, max(at) - length + 2, hop):
        rows = [at.get(index) for index in range(start, start + length)]
        if None not in rows:
            found[start] = np.array(rows, dtype=np.int16)
    return found


def _play(options: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    simulate = subprocess.Popen(
        [*_WEARKIT, "simulate", "--data", str(options.data), "--speed", str(options.speed),
         *([] if options.all else ["--recording", "0"])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert simulate.stdout is not None
    port = simulate.stdout.readline().strip()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.monotonic()
    live = subprocess.run(
        [*_WEARKIT, "live", "--json", "--port", port, "--bundle", str(options.bundle),
         "--runtime", options.runtime],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    wall_s = time.monotonic() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    simulate.wait()
    windows = [json.loads(line) for line in live.stdout.splitlines()]
    summary = json.loads(live.stderr.splitlines()[0])["summary"]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return windows, {
        "samples": summary["samples"],
        "missing_samples": summary["missing_samples"],
        "rejected": summary["rejected"],
        "rate_hz": summary["rate_hz"],
        "live_wall_s": round(wall_s, 3),
        "live_cpu_s": round(cpu_s, 3),
        "live_peak_mib": round(after.ru_maxrss / 1024, 1),
    }


def _as_text(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:24} {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main())
