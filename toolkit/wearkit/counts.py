"""g -> ADXL345 counts -> int8. The only two conversions between the body and the model.

Training, calibration, reports, simulate and live all call these, so what a network saw in
training is what the device computes from its registers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COUNTS_PER_G = 256  # ADXL345 data sheet, Table 1: full resolution, or 10 bit at +-2 g (typical)
COUNT_MIN, COUNT_MAX = -512, 511  # the rails of the 10-bit +-2 g mode
# |a| at rest of an uncalibrated part that keeps its data sheet: sensitivity 230..282 LSB/g and
# 0 g offset up to 250 mg (ADXL345 Table 1) give 0.65 to 1.35 g.
REST_MIN_G, REST_MAX_G = 0.65, 1.40
OTHER_RANGE_FACTORS = (0.125, 0.25, 0.5, 2.0, 4.0, 8.0)  # of a range other than the one assumed
INPUT_SCALE_G = 1.0 / 64.0  # one int8 step of the model input; its zero point is 0


def g_to_counts(acc_g: NDArray[np.floating]) -> NDArray[np.int16]:
    """What an ideal ADXL345 at +-2 g reports: clamp(floor(256*g + 0.5), -512, 511).

    Any shape; finite values in g. Raises nothing: values past +-2 g clip as in the sensor.
    """
    scaled = np.floor(np.asarray(acc_g, dtype=np.float64) * COUNTS_PER_G + 0.5)
    # Not np.clip, which asks each time what a float can hold: dear for a line of three values.
    return np.minimum(np.maximum(scaled, COUNT_MIN), COUNT_MAX).astype(np.int16)


def counts_to_int8(counts: NDArray[np.integer]) -> NDArray[np.int8]:
    """The model input of a count: clamp((count + 2) >> 2, -128, 127). Integers only."""
    shifted: NDArray[np.int32] = (np.asarray(counts, dtype=np.int32) + 2) >> 2
    # Not np.clip, which asks each time what an int32 can hold: four times as slow on a window.
    return np.minimum(np.maximum(shifted, -128), 127).astype(np.int8)
