"""Read a simulated sensor over a real pseudo-terminal and print its verdicts.

    python examples/03_live_simulated.py [BUNDLE]

With a board, the same session reads /dev/ttyUSB0: open_port() takes any port.
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from wearkit.bundle.bundle import open_bundle
from wearkit.bundle.runtimes import open_runtime
from wearkit.link.options import StreamOptions
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.link.ports.reader import PortReader
from wearkit.link.ports.serial_port import open_port
from wearkit.live.loop import live
from wearkit.live.session import LiveSession, LiveWindow
from wearkit.recordings import posture_sim
from wearkit.recordings.recording import Recording
from wearkit.simulation.sensor import LineFormat, simulate

WINDOWS = 5


def play(port: PseudoTerminal, line_format: LineFormat) -> None:
    """What a board does: print lines, here fifty times faster than life."""

    def recordings() -> Iterator[Recording]:
        return posture_sim.recordings(seed=7, subjects=1, seconds_per_posture=10.0)

    if port.wait_for_reader(lambda: False, 10.0):
        simulate(port, recordings, line_format, speed=50.0)


def show(windows: list[LiveWindow]) -> None:
    for window in windows:
        said = [f"{task} {v.label} ({v.prob:.0%})" for task, v in window.verdicts.items()]
        print(f"window {window.window}: {', '.join(said or window.reasons)}")


def main(bundle_path: Path) -> None:
    bundle = open_bundle(bundle_path)
    sensor = PseudoTerminal(None)
    player = threading.Thread(
        target=play, args=(sensor, LineFormat(bundle.model.window)), daemon=True
    )
    player.start()
    handle = open_port(sensor.path, 115200)
    reader = PortReader(handle)
    session = LiveSession(
        bundle.graph,
        open_runtime("reference", bundle),
        StreamOptions(rate_hz=bundle.model.window.rate_hz).joining(handle.joins_in_mid_line),
        max_windows=WINDOWS,
    )
    report = live(reader, session, on_update=show)
    reader.close()
    player.join(10.0)
    sensor.close()
    print(f"{report.windows_valid} verdicts from a simulated sensor, ended by {report.ended}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/example-int8"))
