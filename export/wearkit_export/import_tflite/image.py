"""How an operator on images is one on a time series.

An image is (height, width, channels) and its bytes run in that order. Three kinds of window over
it are windows over a series of (rows, steps, channels) with the very same bytes:

* height 1: every image row is a series along the width, (height, width, channels);
* width 1 over an image of width 1: the height is time, (1, height, channels);
* the whole width, without padding: the height is time and each step holds a whole image row.
  A convolution sees (1, height, width * channels), a pool (1, height * width, channels) with
  windows and strides of whole image rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wearkit_export.import_tflite.flatbuffer import Table
from wearkit_export.import_tflite.mapping import Shape, unsupported
from wearkit_export.import_tflite.model_file import FileOperator, FileTensor

_SAME, _VALID = 0, 1


@dataclass(frozen=True, slots=True)
class Slide:
    """How a window moves over an image."""

    padding: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Series:
    """The same as a window over a series. columns: image columns that a step holds."""

    shape: Shape
    size: int
    stride: int
    pad_before: int
    pad_after: int
    columns: int
    axis: Literal["height", "width"]

    def image(self, channels: int) -> tuple[int, ...]:
        """The shape of the output as an image."""
        if self.axis == "width":
            return 1, self.shape[0], self.steps, channels
        return 1, self.steps, 1, channels

    @property
    def steps(self) -> int:
        """Windows that fit."""
        padded = self.shape[1] + self.pad_before + self.pad_after
        return (padded - self.size) // self.stride + 1


def slide(
    operator: FileOperator, options: Table, size: tuple[int, int], dilated: int | None
) -> Slide:
    """The common fields of convolutions and pools. dilated: the first field of the dilation."""
    dilation = (1, 1)
    if dilated is not None:
        dilation = options.scalar(dilated + 1, "i32", 1), options.scalar(dilated, "i32", 1)
    window = Slide(
        padding=options.scalar(0, "i8"),
        stride=(options.scalar(2, "i32"), options.scalar(1, "i32")),
        dilation=dilation,
        size=size,
    )
    if window.padding not in {_SAME, _VALID}:
        raise unsupported(operator, "its padding is neither SAME nor VALID")
    if min(*window.stride, *window.size) < 1:
        raise unsupported(operator, "its window or its stride is not positive")
    return window


def series(
    operator: FileOperator, source: FileTensor, window: Slide, whole_width: str = ""
) -> Series:
    """The series an operator works on. Raises ModelFileError when it is none.

    whole_width: "channels" or "steps" when a window over the whole width is supported.
    """
    if len(source.shape) != 4 or source.shape[0] != 1:
        raise unsupported(operator, f"its input has shape {list(source.shape)}, not one image")
    _, height, width, channels = source.shape
    (rows, columns), (down, right) = window.size, window.stride
    if rows == 1 and (down == 1 or height == 1):
        return _along(operator, window, (height, width, channels), "width")
    if columns == 1 and width == 1:
        return _along(operator, window, (1, height, channels), "height")
    if columns == width and window.padding == _VALID and whole_width:
        if whole_width == "channels":
            vertical = _along(operator, window, (1, height, width * channels), "height")
            return Series(vertical.shape, rows, down, 0, 0, width, "height")
        shape = (1, height * width, channels)
        return Series(shape, rows * width, down * width, 0, 0, 1, "height")
    raise unsupported(
        operator,
        f"its {rows} x {columns} window with stride {down} x {right} over an image of {height} x "
        f"{width} does not move along one axis alone",
    )


def _along(
    operator: FileOperator, window: Slide, shape: Shape, axis: Literal["height", "width"]
) -> Series:
    number = 0 if axis == "height" else 1
    size, stride = window.size[number], window.stride[number]
    if window.dilation[number] != 1 and size > 1:
        raise unsupported(
            operator,
            f"its dilation is {window.dilation[number]}, and dilated convolutions are not read: "
            "train one without dilation, which is another network",
        )
    before, after = padding(window.padding, shape[1], size, stride)
    if shape[1] + before + after < size:
        raise unsupported(operator, f"its window of {size} is longer than its {shape[1]} steps")
    return Series(shape, size, stride, before, after, 1, axis)


def padding(kind: int, steps: int, size: int, stride: int) -> tuple[int, int]:
    """(before, after) as TFLite computes them: SAME gives ceil(steps / stride) outputs, and of an
    odd number of padded steps the larger half comes after."""
    if kind == _VALID:
        return 0, 0
    total = max(0, (-(-steps // stride) - 1) * stride + size - steps)
    return total // 2, total - total // 2
