"""Read a simulated sensor over a real pseudo-terminal and print its verdicts.

    python examples/03_live_simulated.py [BUNDLE]

With a board, give open_live() its port, such as /dev/ttyUSB0.
"""

import sys

import wearkit as wk


def main(bundle: str = "build/example-int8") -> None:
    # Fifty times faster than life: a person in twelve postures, whom nobody measured.
    with wk.simulated_port(speed=50) as port, wk.open_live(port, bundle, max_windows=5) as live:
        for window in live:
            verdicts = [f"{task} {v.label} ({v.prob:.0%})" for task, v in window.verdicts.items()]
            print(f"window {window.window}: {', '.join(verdicts or window.reasons)}")
    report = live.report
    print(f"{report.windows_valid} verdicts from a simulated sensor, ended by {report.ended}")


if __name__ == "__main__":
    main(*sys.argv[1:])
