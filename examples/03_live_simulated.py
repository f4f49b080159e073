"""Read a simulated sensor over a real pseudo-terminal and print its verdicts.

    python examples/03_live_simulated.py [BUNDLE]

With a board, give open_live() its port, such as /dev/ttyUSB0, and leave the simulator out.
"""

import sys
from pathlib import Path

from wearkit.api.live import open_live
from wearkit.simulation.port import simulated_port


def main(bundle: Path) -> None:
    # Fifty times faster than life: a person in twelve postures, whom nobody measured.
    with simulated_port(speed=50) as port, open_live(port, bundle, max_windows=5) as live:
        for window in live:
            verdicts = [f"{task} {v.label} ({v.prob:.0%})" for task, v in window.verdicts.items()]
            print(f"window {window.window}: {', '.join(verdicts or window.reasons)}")
    report = live.report
    print(f"{report.windows_valid} verdicts from a simulated sensor, ended by {report.ended}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/example-int8"))
