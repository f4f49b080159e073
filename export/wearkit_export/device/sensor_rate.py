"""The rate a model was trained at against what a board can do: an ADXL345's output rates, and what
its serial line carries."""

from __future__ import annotations

from wearkit.errors import ModelFileError
from wearkit.spec import ModelSpec, WindowSpec

RATES_HZ = (6.25, 12.5, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0)
"""As wk_adxl345.h: slower is left out, and above the part drops its lowest bit at +-2 g."""

TEXT_RATE_MAX_HZ = 200.0
"""WK_TEXT_APP_RATE_MAX_MHZ: lines are longer than frames."""

LINK_BYTES_S = 115_200 // 10
"""What a serial line at 115200 baud carries: ten bits a byte."""

_FRAME_BYTES = 11  # version, type, seq, CRC-32, and stuffing with a zero at both ends
_SAMPLES_BYTES, _SAMPLE_BYTES = 10, 6
_PREDICTION_BYTES, _HEAD_BYTES = 21, 6
_HELLO_AND_STATS_BYTES_S = 60
_MOST_SAMPLES = 32  # of a frame
_FRAMES_A_SECOND = 5


def sensor_rate_mhz(window: WindowSpec) -> int:
    """The sensor's output rate in millihertz. Raises ModelFileError, naming the rates next to it,
    when the part does not have exactly the one that the model was trained at."""
    if window.rate_hz in RATES_HZ:
        return round(window.rate_hz * 1000)
    slower = [rate for rate in RATES_HZ if rate < window.rate_hz][-1:]
    faster = [rate for rate in RATES_HZ if rate > window.rate_hz][:1]
    nearest = " or ".join(f"{rate:g}" for rate in slower + faster)
    raise ModelFileError(
        f"The model was trained at {window.rate_hz:g} Hz, to which the firmware cannot set an "
        f"ADXL345: train with --rate {nearest}."
    )


def check_link(model: ModelSpec) -> None:
    """Raises ModelFileError when samples and predictions are more than the serial line carries."""
    window = model.window
    batch = max(1, min(_MOST_SAMPLES, int(window.rate_hz / _FRAMES_A_SECOND)))
    samples = window.rate_hz / batch * (_FRAME_BYTES + _SAMPLES_BYTES + _SAMPLE_BYTES * batch)
    heads = sum(_HEAD_BYTES + len(task.labels) for task in model.tasks)
    predictions = window.rate_hz / window.hop * (_FRAME_BYTES + _PREDICTION_BYTES + heads)
    needed = round(samples + predictions + _HELLO_AND_STATS_BYTES_S)
    if needed > LINK_BYTES_S:
        raise ModelFileError(
            f"At {window.rate_hz:g} Hz with a window every {window.hop} samples the device would "
            f"send {needed} bytes a second, and its line at 115200 baud carries {LINK_BYTES_S}: "
            "train with a longer hop or a lower rate."
        )


def check_text_rate(window: WindowSpec) -> None:
    """Raises ModelFileError for a rate at which lines of text do not fit the serial line."""
    if window.rate_hz > TEXT_RATE_MAX_HZ:
        raise ModelFileError(
            f"Lines of text at 115200 baud are for up to {TEXT_RATE_MAX_HZ:g} Hz, and the model "
            f"was trained at {window.rate_hz:g} Hz: leave --mode out for frames."
        )
