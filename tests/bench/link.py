"""What the link promises, measured. Each part is a script of its own that prints JSON.

python tests/bench/link.py --bundle build/micro-int8 --json    every part at its full size
python tests/bench/link.py --part 1 --part 2 --scale 0.001     a look

WEARKIT_DATA names the folder of the real recordings of part 5. Exits with the worst part's code.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

PARTS = {
    "1": "link_decoders.py",
    "2": "link_soak.py",
    "3": "link_survival.py",
    "5": "link_false_alarms.py",
    "6": "link_cost.py",
}
_OF_A_MODEL = ("2", "6")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=tuple(PARTS), action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--bundle", type=Path, help="parts 2 and 6: else an untrained model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results, worst = {}, 0
    for part in options.part or PARTS:
        script = Path(__file__).with_name(PARTS[part])
        arguments = ["--scale", str(options.scale), *(["--json"] if options.json else [])]
        if options.bundle is not None and part in _OF_A_MODEL:
            arguments += ["--bundle", str(options.bundle)]
        done = subprocess.run(
            [sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=False
        )
        worst = max(worst, done.returncode)
        results[part] = json.loads(done.stdout) if options.json else None
        if not options.json:
            print(done.stdout)
    if options.json:
        print(json.dumps(results))
    return worst


if __name__ == "__main__":
    sys.exit(main())
