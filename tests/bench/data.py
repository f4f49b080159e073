"""What every archive holds, and what reading it costs: cold, and from the cache.

    python tests/bench/data.py [--folder ../shared/data] [--synthetic MiB] [--json]

Every figure is of a process of its own: `data info` (describe) and `train`'s windows (cut at
50 Hz, 100 samples every 60), first with an empty cache, then with the one it left. Peak memory is
the process's largest resident set, interpreter and numpy included ("start" is one that reads
nothing). CPU time is the process's own, so it says the same on a busy machine. --synthetic adds a
folder of CSV files of that size in all. Cold and cached windows must have one fingerprint.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
FILE_ROWS = 60_000  # 20 min at 50 Hz, about 2 MiB


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took. said: what it found."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    said: dict[str, Any]
    info_cold: Cost
    info_cached: Cost
    windows_cold: Cost
    windows_cached: Cost


def read(what: str, path: str) -> None:
    """The child: read, and say what was found."""
    from wearkit.errors import DataError
    from wearkit.spec import WindowSpec
    from wearkit.windows.cache import cached_cut, cached_description, default_cache

    began_s = time.perf_counter()
    said: dict[str, Any] = {}
    if what == "info":
        said = cached_description(default_cache().open(path)).to_json()
    elif what == "windows":
        try:
            windows = cached_cut(default_cache().open(path), WindowSpec())
            said = {"windows": len(windows), "fingerprint": windows.fingerprint}
        except DataError as error:  # an excerpt shorter than a window
            said = {"windows": 0, "fingerprint": str(error)}
    wall_s = time.perf_counter() - began_s
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)
    print(json.dumps(asdict(cost)))


def measured(what: str, path: Path, cache: str) -> Cost:
    done = subprocess.run(
        [sys.executable, __file__, "--child", what, str(path)],
        env={**os.environ, "WEARKIT_CACHE": cache},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Cost(**json.loads(done.stdout))


def row(path: Path) -> Row:
    with tempfile.TemporaryDirectory() as cache:
        info_cold, info_cached = (measured("info", path, cache) for _ in range(2))
    with tempfile.TemporaryDirectory() as cache:
        cold, cached = (measured("windows", path, cache) for _ in range(2))
    assert info_cold.said == info_cached.said and cold.said == cached.said, "the cache changed it"
    return Row(path.name, info_cold.said | cold.said, info_cold, info_cached, cold, cached)


def synthetic(folder: Path, mebibytes: int) -> Path:
    """Recordings of as many people as it takes, all of them the same noise."""
    generator = np.random.default_rng(0)
    values = generator.normal(0, 0.5, (FILE_ROWS, 3))
    lines = [
        f"{number / 50:.2f},{x:.4f},{y:.4f},{z:.4f},{'sit' if number % 6000 < 3000 else 'walk'}\n"
        for number, (x, y, z) in enumerate(values)
    ]
    text = "# units=g\ntime,x,y,z,label\n" + "".join(lines)
    for number in range(max(1, (mebibytes << 20) // len(text))):
        (folder / f"person{number:05}.csv").write_text(text)
    return folder


def print_table(start: Cost, rows: list[Row]) -> None:
    print("| recordings | rows | people | true rate, Hz | gaps | dropped | windows |")
    print("|---|---|---|---|---|---|---|")
    for each in rows:
        said, rates = each.said, each.said["rates"]
        lost = ", ".join(f"{count} {why}" for why, count in said["dropped"].items()) or "nothing"
        print(
            f"| {each.name} | {said['rows']:,} | {len(said['subjects'])} | "
            f"{rates['median_hz']:.2f} ({rates['min_hz']:.2f} to {rates['max_hz']:.2f}) | "
            f"{said['gaps']:,} ({said['gap_s']:.1f} s) | {lost} | {said['windows']:,} |"
        )
    print("\n| recordings | step | wall, s | CPU, s | peak, MiB |\n|---|---|---|---|---|")
    print(f"| none | start | | {start.cpu_s:.1f} | {start.peak_mib:.0f} |")
    for each in rows:
        for name in ("info_cold", "info_cached", "windows_cold", "windows_cached"):
            cost: Cost = getattr(each, name)
            print(
                f"| {each.name} | {name.replace('_', ', ')} | {cost.wall_s:.1f} | "
                f"{cost.cpu_s:.1f} | {cost.peak_mib:.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=os.environ.get("WEARKIT_DATA"))
    parser.add_argument("--only", metavar="WORD", default="", help="Archives with WORD in the name")
    parser.add_argument("--synthetic", type=int, metavar="MiB", default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        read(*arguments.child)
        return
    start = measured("nothing", Path(), "")
    archives = sorted(Path(arguments.folder).iterdir()) if arguments.folder else []
    rows = [
        row(path)
        for path in archives
        if path.name.endswith(SUFFIXES) and arguments.only in path.name
    ]
    if arguments.synthetic:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(synthetic(Path(folder), arguments.synthetic)))
    if arguments.json:
        print(json.dumps({"start": asdict(start), "rows": [asdict(each) for each in rows]}))
    else:
        print_table(start, rows)


if __name__ == "__main__":
    main()
