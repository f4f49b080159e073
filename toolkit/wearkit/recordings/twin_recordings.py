"""Recordings through a sensor twin: what another sensor on the same body would have recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from wearkit.recordings.gaps import SLOWEST, stretches
from wearkit.recordings.recording import Recording
from wearkit.recordings.resample import grid, is_on_grid, mean_rate_hz, nearest, resample
from wearkit.recordings.sensor_twin import SensorTwin


def through_twin(
    recordings: Iterable[Recording],
    twin: SensorTwin,
    rate_hz: float,
    *,
    copies: Collection[int] = (0,),
    subjects: Collection[str] | None = None,
) -> Iterator[Recording]:
    """Each recording of `subjects` (None: everybody) once for every number in `copies`."""
    for recording in recordings:
        if subjects is None or recording.subject in subjects:
            for copy in copies:
                yield from sensed(recording, twin, rate_hz, copy=copy)


def sensed(
    recording: Recording, twin: SensorTwin, rate_hz: float, *, copy: int = 0
) -> Iterator[Recording]:
    """The recording's gap-free stretches as a sensor of nominally rate_hz reports them, in g.

    A sensor that is fast by 1 % takes 101 samples in the time of 100, and whoever trusts its name
    sees the movement 1 % slower: so time is stretched by the part's rate, then sampled at rate_hz
    exactly as wearkit.windows.cut does. Errors and noise are those of the resulting samples. One
    recording a stretch; one too short or too slow to resample passes for cut to refuse. A twin
    without errors gives the very windows that the recording itself gives.
    """
    part = twin.part_for(recording, copy)
    dropped = recording.dropped
    for piece in stretches(recording):
        stretched = replace(
            recording,
            acc_g=recording.acc_g[piece],
            time_s=recording.time_s[piece] * part.rate,
            rate_hz=recording.rate_hz / part.rate,
            labels=replace(recording.labels, codes=recording.labels.codes[piece]),
            dropped=dropped,
        )
        sampled = _at_rate(stretched, rate_hz)
        yield replace(sampled, acc_g=part.sense(sampled.acc_g))
        dropped = {}  # rows that were dropped are dropped once


def _at_rate(stretch: Recording, rate_hz: float) -> Recording:
    time_s = stretch.time_s
    if len(time_s) < 2 or mean_rate_hz(time_s) < SLOWEST * rate_hz or is_on_grid(time_s, rate_hz):
        return stretch
    return replace(
        stretch,
        acc_g=resample(time_s, stretch.acc_g, rate_hz),
        time_s=grid(time_s, rate_hz),
        rate_hz=rate_hz,
        labels=replace(stretch.labels, codes=stretch.labels.codes[nearest(time_s, rate_hz)]),
    )
