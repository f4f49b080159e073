"""Kill -9 trainings at random moments of their life, resume them, compare with one never killed.

    python tests/bench/resume.py [--kills 20] [--data PATH|posture-sim] [--arch mtl-net-micro]
                                 [--epochs 4] [--seed S] [--json]

Each life is `wearkit train` in a folder of its own with an empty cache, and is killed at a moment
uniform over the wall time of the uninterrupted run: while it starts, reads, learns, saves its
state or writes the run. Then `wearkit train --resume`; where the kill came before anything was
saved, that must refuse with one sentence, and the training is begun anew in the same folder. One
thread each. A life that had ended before its moment is not counted, and another is drawn. Exits
with 1 unless every resumed run holds the same files with the same bytes and the same history.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_MAIN = "from wearkit.cli import main; main()"
_FILES = ("checkpoint.safetensors", "checkpoint.json", "calibration.npz", "test.npz")
_NOTHING_SAVED = "There is nothing to resume in "
_MODEL_FILE_EXIT = 6
_MISSED_MAX = 200


@dataclass(frozen=True, slots=True)
class Life:
    """One training that was killed. at_s: when, after its start. after: the epochs it had saved;
    "nothing" when no state was there, "all" when the run was already complete.

    different: what is not as in the uninterrupted run.
    """

    at_s: float
    after: str
    resumed: bool
    different: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Starts `wearkit train` with the same settings again and again."""

    settings: tuple[str, ...]

    def begin(self, run: Path) -> subprocess.Popen[str]:
        return self._start(run, *self.settings, "--out", str(run))

    def resume(self, run: Path) -> subprocess.Popen[str]:
        return self._start(run, "--resume", str(run))

    def _start(self, run: Path, *arguments: str) -> subprocess.Popen[str]:
        cache = run.with_name(f"{run.name}-cache")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "WEARKIT_CACHE": str(cache)}
        command = [sys.executable, "-c", _MAIN, "train", *arguments]
        # A file, not a pipe: nobody reads it before the end.
        with run.with_name(f"{run.name}.log").open("w") as log:
            return subprocess.Popen(command, stderr=log, env=environment, text=True)


def said(run: Path) -> str:
    """What the last training in `run` wrote on stderr."""
    return run.with_name(f"{run.name}.log").read_text()


def saved(run: Path) -> str:
    """What a killed training left: the epochs in its state, "nothing" or "all"."""
    try:
        return str(len(json.loads((run / "state.json").read_text())["history"]))
    except FileNotFoundError:
        return "all" if (run / "metrics.json").exists() else "nothing"


def traces(run: Path) -> dict[str, Any]:
    """Everything that must be the same: bytes, history and scores, and which files there are."""
    found: dict[str, Any] = {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in _FILES
    }
    metrics = json.loads((run / "metrics.json").read_text())
    found |= {part: metrics[part] for part in ("history", "tasks", "split", "kept")}
    return found | {"names of the files": sorted(path.name for path in run.iterdir())}


def killed_at(process: subprocess.Popen[str], at_s: float) -> bool:
    """Kill it `at_s` after now; False when it ended before."""
    try:
        process.wait(timeout=at_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait() == -9
    return False


def revive(trainer: Trainer, run: Path, after: str) -> bool:
    """Resume what is left in `run` to its end, or begin anew; whether it was resumed."""
    code = trainer.resume(run).wait()
    if after not in ("nothing", "all"):
        if code:
            raise SystemExit(f"resuming {run.name} failed with {code}: {said(run)}")
        return True
    lines = said(run).strip().splitlines()
    if code != _MODEL_FILE_EXIT or len(lines) != 1 or _NOTHING_SAVED not in lines[0]:
        raise SystemExit(f"resuming nothing gave {code}: {said(run)}")
    if after == "nothing" and trainer.begin(run).wait():
        raise SystemExit(f"beginning {run.name} anew failed: {said(run)}")
    return False


def lives(
    trainer: Trainer, folder: Path, whole: dict[str, Any], life_s: float, moments: random.Random
) -> Iterator[Life | None]:
    """Killed and revived; None for one that had ended before its moment."""
    number = 0
    while True:
        run = folder / f"killed-{(number := number + 1)}"
        at_s = moments.uniform(0, life_s)
        if not killed_at(trainer.begin(run), at_s):
            yield None
            continue
        after = saved(run)
        resumed = revive(trainer, run, after)
        found = traces(run)
        different = tuple(name for name in whole if found[name] != whole[name])
        yield Life(round(at_s, 2), after, resumed, different)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    settings = {"data": options.data, "arch": options.arch, "epochs": options.epochs}
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    trainer, run = Trainer((*words, "--device", "cpu")), folder / "whole"
    began_s = time.perf_counter()
    if trainer.begin(run).wait():
        raise SystemExit(f"the uninterrupted training failed: {said(run)}")
    life_s = time.perf_counter() - began_s
    whole = traces(run)
    found: list[Life] = []
    missed = 0
    for life in lives(trainer, folder, whole, life_s, random.Random(options.seed)):
        if life is None:
            missed += 1
        else:
            found.append(life)
            print(f"{len(found)}: {life}", file=sys.stderr)
        if len(found) == options.kills or missed > _MISSED_MAX:
            break
    return {
        **settings,
        "uninterrupted_s": round(life_s, 2),
        "ended_before_their_moment": missed,
        "sha256": whole["checkpoint.safetensors"],
        "lives": [asdict(life) for life in found],
    }


def show(result: dict[str, Any]) -> None:
    what = f"{result['arch']}, {result['epochs']} epochs, {Path(result['data']).name}"
    print(f"{what}: {result['uninterrupted_s']} s uninterrupted, sha256 {result['sha256']}")
    print("killed at s   epochs saved   then          different from the uninterrupted run")
    words = {"nothing": "begun anew", "all": "was complete"}
    for life in sorted(result["lives"], key=lambda life: float(life["at_s"])):
        then = words.get(life["after"], "resumed")
        different = ", ".join(life["different"]) or "nothing"
        print(f"{life['at_s']:>11.2f}   {life['after']:>12}   {then:<12}  {different}")
    counts = Counter(words.get(life["after"], "resumed") for life in result["lives"])
    identical = sum(not life["different"] for life in result["lives"])
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    ended = result["ended_before_their_moment"]
    print(f"{len(result['lives'])} killed ({parts}; {ended} more had ended before), ", end="")
    print(f"{identical} identical")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--data", default="posture-sim")
    parser.add_argument("--arch", default="mtl-net-micro")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        show(result)
    fine = [not life["different"] for life in result["lives"]]
    return int(len(fine) < options.kills or not all(fine))


if __name__ == "__main__":
    raise SystemExit(main())
