"""Kill -9 a training at random moments, resume it each time, compare with one never killed.

    python tests/bench/resume.py [--kills 20] [--epochs 40] [--arch mtl-net-micro] [--json]

Simulated data, one thread. Exits with 1 when a byte of the checkpoints differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_MAIN = "from wearkit.cli import main; main()"
_FILES = ("checkpoint.safetensors", "checkpoint.json", "calibration.npz", "test.npz")


def _command(*arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _MAIN, "train", *arguments]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)


def _epochs_done(run: Path) -> int:
    try:
        return len(json.loads((run / "state.json").read_text())["history"])
    except FileNotFoundError:
        return -1


def _kill_somewhere(process: subprocess.Popen[bytes], run: Path, wait_s: float) -> bool:
    """Kill it `wait_s` after its state is there; False when it ended before."""
    before = _epochs_done(run)
    while process.poll() is None and _epochs_done(run) <= before:
        time.sleep(0.01)
    time.sleep(wait_s)
    process.kill()
    return process.wait() == -9


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--arch", default="mtl-net-micro")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole", Path(folder) / "part"
        settings = ["--arch", options.arch, "--epochs", str(options.epochs), "--device", "cpu"]
        if _command(*settings, "--out", str(whole)).wait():
            raise SystemExit("the uninterrupted training failed")
        kills, epochs_at_kill = 0, []
        process = _command(*settings, "--out", str(part))
        while kills < options.kills and _kill_somewhere(process, part, moments.uniform(0, 2)):
            kills += 1
            epochs_at_kill.append(_epochs_done(part))
            process = _command("--resume", str(part))
        code = process.wait()
        different = [n for n in _FILES if (whole / n).read_bytes() != (part / n).read_bytes()]
    result = {"kills": kills, "epochs_at_kill": epochs_at_kill, "different": different}
    if options.json:
        print(json.dumps(result))
    else:
        print(
            f"{kills} kills after epochs {epochs_at_kill}; different files: {different or 'none'}"
        )
    return int(bool(code or different))


if __name__ == "__main__":
    raise SystemExit(main())
