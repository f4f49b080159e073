"""simulated_port(): a sensor that plays recordings on a pseudo-terminal while a block runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from wearkit.link.ports.pty import PseudoTerminal
from wearkit.recordings import posture_sim
from wearkit.recordings.recording import Recording
from wearkit.simulation.sensor import LineFormat, StreamFormat, simulate
from wearkit.spec import DEFAULT_SPEC


@contextmanager
def simulated_port(
    recordings: Iterable[Recording] | None = None,
    stream_format: StreamFormat | None = None,
    *,
    speed: float = 1.0,
    seconds: float | None = None,
) -> Iterator[str]:
    """The name of a port, for open_live, on which a simulated sensor sends recordings.

    >>> with wk.simulated_port(speed=0, seconds=4) as port:
    ...     port.startswith("/dev/")
    True

    recordings: a Dataset, or anything that gives Recordings; None for one made-up person in twelve
    lying postures, 10 s each. stream_format: lines of text with a header (LineFormat), or
    wearkit.simulation.frame_format.FrameFormat. speed: times real time; 0 is as fast as it is
    read. seconds: of sensor time, then the sensor goes away, as it does after its last recording.
    It begins when a reader opens the port, and has one reader. What reading the recordings raises,
    DataError for one, the end of the block raises.
    """
    sensor, over = PseudoTerminal(), Event()
    played = _default_recordings() if recordings is None else recordings

    def play() -> None:
        try:
            if sensor.wait_for_reader(over.is_set):
                simulate(
                    sensor,
                    lambda: played,
                    stream_format or LineFormat(DEFAULT_SPEC),
                    speed=speed,
                    seconds=seconds,
                    stop=over.is_set,
                )
        finally:
            sensor.close()

    with ThreadPoolExecutor(1, "wearkit-sensor") as threads:
        playing = threads.submit(play)
        try:
            yield sensor.path
        finally:
            over.set()
        playing.result()


def _default_recordings() -> Iterable[Recording]:
    return posture_sim.recordings(seed=7, subjects=1, seconds_per_posture=10.0)
