"""How long `wearkit --help` and `wearkit live --help` take beside an empty interpreter.

    python tests/bench/startup.py [--runs 20] [--json]

Medians and minima of wall time; all commands take turns, so that a busy machine hits each alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

_MAIN = "from wearkit.cli import main; main()"
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "wearkit --help": [sys.executable, "-c", _MAIN, "--help"],
    "wearkit live --help": [sys.executable, "-c", _MAIN, "live", "--help"],
    "wearkit simulate --help": [sys.executable, "-c", _MAIN, "simulate", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    taken_ms: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.runs):
        for name, command in COMMANDS.items():
            began_s = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            taken_ms[name].append((time.perf_counter() - began_s) * 1000)
    result = {
        name: {"min_ms": round(min(times), 1), "median_ms": round(statistics.median(times), 1)}
        for name, times in taken_ms.items()
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, times in result.items():
        print(f"{name:26} {times['min_ms']:7.1f} ms least {times['median_ms']:7.1f} ms median")


if __name__ == "__main__":
    main()
