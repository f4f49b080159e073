"""Can a certificate or a bundle be made to say what is not true? Every way we know, tried.

    python tests/bench/breaking_proofs.py [--only sessions|bundles] [--json]

Prints the verdict of each attack of hostile_sessions.py and hostile_bundles.py, and exits with 1
when one succeeds, or when an honest device does not get its due.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from attack import Attack

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = {"sessions": "hostile_sessions", "bundles": "hostile_bundles"}
_VERDICT_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an attack."""

    name: str
    verdict: str
    fooled: bool
    seconds: float


def attacks_of(source: str) -> list[Attack]:
    """Those of one file; for sessions, what honest devices must get, too."""
    if str(REPOSITORY) not in sys.path:
        sys.path.append(str(REPOSITORY))  # the devices of tests/live are imported from there
    module = import_module(SOURCES[source])
    controls = module.controls() if hasattr(module, "controls") else []
    return [*controls, *module.attacks()]


def tried(attack: Attack) -> Tried:
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wearkit-") as folder:
        fooled, verdict = attack.run(Path(folder))
    return Tried(attack.name, verdict, fooled, round(time.monotonic() - began_s, 3))


def table(rows: list[Tried]) -> str:
    lines = ["| attack | verdict | fooled |", "|---|---|---|"]
    for row in rows:
        verdict = row.verdict.replace("|", "\\|").replace("\n", " ")[:_VERDICT_WIDTH]
        lines.append(f"| {row.name} | {verdict} | {'YES' if row.fooled else 'no'} |")
    fooled = sum(row.fooled for row in rows)
    return "\n".join([*lines, "", f"{len(rows)} tried, {fooled} succeeded."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(SOURCES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sources = [options.only] if options.only else list(SOURCES)
    rows = [tried(attack) for source in sources for attack in attacks_of(source)]
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows))
    return int(any(row.fooled for row in rows))


if __name__ == "__main__":
    sys.exit(main())
