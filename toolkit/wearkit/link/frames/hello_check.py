"""What a device must say of its sensor and its model before its samples are believed."""

from __future__ import annotations

from wearkit.errors import DataError
from wearkit.link.faults import Fault
from wearkit.link.frames.from_device import ADXL345_ID, NO_MODEL, Hello
from wearkit.link.options import ExpectedModel, StreamOptions
from wearkit.units import Unit

_JUSTIFY_LEFT, _SELF_TEST = 0x04, 0x80
# Counts per g of an uncalibrated part: ADXL345 Table 1, worst case.
_LEAST_PER_G, _MOST_PER_G = 230, 282
_SAME_SCALE = 1e-6  # relative: a float32 travelled


def check_sensor(hello: Hello, options: StreamOptions) -> None:
    """Raises DataError when the sensor is not what models are made for, or not as the user said."""
    registers = hello.registers
    if options.unit not in (None, Unit.COUNTS):
        raise DataError(
            f"The device sends frames of counts, which contradicts --units "
            f"{options.unit}: leave it out.",
            fault=Fault.UNITS,
        )
    if options.fields is not None:
        raise DataError("The device sends frames, which have no columns: leave --fields out.")
    if registers.devid != ADXL345_ID:
        raise DataError(
            f"The device's sensor calls itself 0x{registers.devid:02X} where an ADXL345 says "
            "0xE5: check its wiring.",
            fault=Fault.BUS_FAULT,
        )
    if registers.range_g != 2 or registers.data_format & (_JUSTIFY_LEFT | _SELF_TEST):
        raise DataError(
            f"The device's DATA_FORMAT is 0x{registers.data_format:02X}, but models are made "
            "for right-justified counts at +-2 g without self-test: 0x08.",
            fault=Fault.SCALE_FAULT,
        )
    if not has_scale_of_adxl345(hello):
        raise DataError(
            f"The device says that 1 g is {'/'.join(map(str, hello.lsb_per_g))} counts, where "
            f"an ADXL345 at +-2 g gives {_LEAST_PER_G} to {_MOST_PER_G}: set its calibration.",
            fault=Fault.SCALE_FAULT,
        )


def has_scale_of_adxl345(hello: Hello) -> bool:
    """Whether a part at +-2 g, calibrated or not, may give so many counts per g."""
    return all(_LEAST_PER_G <= per_g <= _MOST_PER_G for per_g in hello.lsb_per_g)


def check_grid(hello: Hello, model: ExpectedModel) -> None:
    """Raises DataError when the device cuts or reads other windows than the host's model takes.
    One without a model cuts none: its hop only says which sample may be a first one."""
    has_model = hello.model_id != NO_MODEL
    if has_model and (hello.window, hello.hop) != (model.length, model.hop):
        raise DataError(
            f"The device cuts windows of {hello.window} samples every {hello.hop}, but the "
            f"bundle's model was made for {model.length} every {model.hop}: give it firmware made "
            "from this bundle.",
            fault=Fault.FORMAT,
        )
    if model.hop % hello.hop:
        raise DataError(
            f"The device begins a window every {hello.hop} samples, but the bundle's model does "
            f"every {model.hop}: give it firmware made for that.",
            fault=Fault.FORMAT,
        )
    is_same_scale = abs(hello.input_scale_g / model.input_scale_g - 1) < _SAME_SCALE
    if has_model and not (is_same_scale and hello.input_zero_point == model.input_zero_point):
        raise DataError(
            f"The device's model takes {hello.input_scale_g:g} g a step from zero point "
            f"{hello.input_zero_point}, the bundle's {model.input_scale_g:g} g from "
            f"{model.input_zero_point}: give it firmware made from this bundle.",
            fault=Fault.FORMAT,
        )
