"""Break recordings, archives and model files, read them: no crash, no hang, bounded memory, no
warning, and one sentence for every refusal.

    python tests/bench/fuzz_readers.py --n 100000 [--seed S] [--targets T,T] [--json]
    python tests/bench/fuzz_readers.py --only N [--seed S]      one case again

Files are broken where readers look: words of lines, fields of headers, JSON, shapes and types,
with checksums and hashes mostly made right again, so that what is behind them is reached. What is
accepted goes on to where it would be used: described, cut into windows, resampled, run. `past
header` counts the files whose header was believed; that is what makes the other figures worth
something. Cases run in a child under a watch; each is made of its number alone, and the files of
one that fails are kept (--save).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Before numpy: its threads would make the fork unsafe.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fuzz_targets import TARGETS
from fuzzing import Answer, Files, Limits, Tally, Target, attempt, generator_of, lay, watched


def case(seed: int, targets: tuple[Target, ...], number: int) -> tuple[Target, Files]:
    target = targets[number % len(targets)]
    return target, target.broken(generator_of(seed, number))


def run(
    numbers: range, seed: int, targets: tuple[Target, ...], save: Path
) -> tuple[dict[str, Tally], list[Answer]]:
    """Every case; failures are saved under `save`."""

    def one(number: int, folder: Path) -> Answer:
        target, files = case(seed, targets, number)
        return attempt(target, number, files, folder)

    def name_of(number: int) -> str:
        return targets[number % len(targets)].name

    tallies = {target.name: Tally() for target in targets}
    failures: list[Answer] = []
    for answer in watched(numbers, one, name_of, Limits()):
        tallies[answer.target].add(answer)
        if answer.failure:
            failures.append(answer)
            _, files = case(seed, targets, answer.number)
            lay(files, save / f"{answer.target}-{seed}-{answer.number}")
    return tallies, failures


def chosen(names: str) -> tuple[Target, ...]:
    known = {target.name: target for target in TARGETS}
    if not set(names.split(",")) <= set(known):
        raise SystemExit(f"known targets: {', '.join(known)}")
    return tuple(known[name] for name in names.split(","))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default=",".join(target.name for target in TARGETS))
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--save", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    numbers = range(options.n) if options.only is None else range(options.only, options.only + 1)
    began_s = time.perf_counter()
    tallies, failures = run(numbers, options.seed, chosen(options.targets), options.save)
    took_s = time.perf_counter() - began_s
    if options.json:
        print(json.dumps(_as_json(tallies, failures, took_s)))
    else:
        _show(tallies, failures, options, took_s)
    return 1 if failures else 0


def _as_json(tallies: Mapping[str, Tally], failures: list[Answer], took_s: float) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    found = {name: tally.to_json() for name, tally in tallies.items()}
    return {
        "files": sum(tally.files for tally in tallies.values()),
        "targets": found,
        "failures": [f"{one.target} {one.number}: {one.failure}" for one in failures],
        "peak_memory_bytes": peak,
        "seconds": round(took_s, 1),
    }


def _show(
    tallies: Mapping[str, Tally], failures: list[Answer], options: argparse.Namespace, took_s: float
) -> None:
    found = _as_json(tallies, failures, took_s)
    columns = ("files", "accepted", "refused", "past_header", "different_reasons", "failures")
    print("target        " + "".join(f"{column.replace('_', ' '):>19}" for column in columns))
    for name, row in found["targets"].items():
        print(f"{name:<14}" + "".join(f"{row[column]:>19}" for column in columns))
    sums = [sum(row[column] for row in found["targets"].values()) for column in columns]
    print(f"{'all':<14}" + "".join(f"{total:>19}" for total in sums))
    for name, tally in tallies.items():
        for reason, count in tally.reasons.most_common(3):
            print(f"{count:9d}  {name}: {reason}")
    for one in failures:
        print(f"FAILED {one.target}: {one.failure}")
        print(
            f"       again: --only {one.number} --seed {options.seed} --targets {options.targets}"
        )
    print(f"peak memory {found['peak_memory_bytes'] >> 20} MiB, {took_s:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
