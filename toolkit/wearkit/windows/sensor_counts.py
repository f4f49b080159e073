"""A recording as a sensor at the model's rate would have reported it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import g_to_counts
from wearkit.recordings.gaps import stretches, unfit_for
from wearkit.recordings.recording import Recording
from wearkit.recordings.resample import is_on_grid, resample
from wearkit.spec import WindowSpec


def sensor_counts(recording: Recording, spec: WindowSpec) -> list[NDArray[np.int16]]:
    """(T, 3) int16 counts of each gap-free stretch, as a sensor at spec.rate_hz reports them.

    A recording at another rate (over 0.5 % off) is resampled, exactly as wearkit.windows.cut does
    it; a stretch that cut would reject as a lone sample or as too slow is left out.
    """
    counts: list[NDArray[np.int16]] = []
    for part in stretches(recording):
        time_s, acc_g = recording.time_s[part], recording.acc_g[part]
        if unfit_for(time_s, spec.rate_hz) is not None:
            continue
        if not is_on_grid(time_s, spec.rate_hz):
            acc_g = resample(time_s, acc_g, spec.rate_hz)
        counts.append(g_to_counts(acc_g))
    return counts
