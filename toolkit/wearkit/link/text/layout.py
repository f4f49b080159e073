"""Which column of a line is what: by header, by option, by the line's own labels, or found.

Without any of these the first LAYOUT_LINES lines of numbers decide, once for the session:
3 columns are x,y,z; in 4 or 5 the leading ones must behave like a counter (steps of 1) or a
clock (even steps: below 1 are seconds, 2..999 milliseconds, from 1000 on microseconds, from
1,000,000 on nanoseconds). Anything else is refused
with a request to name the columns, because guessing wrong would give confident nonsense.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.faults import Fault
from wearkit.link.sample import Reason
from wearkit.link.text.header import CLOCK_TICKS_US, IGNORED_COLUMN
from wearkit.link.text.labels import TIME
from wearkit.link.text.line import Number, Row

LAYOUT_LINES = 20
MAX_LAYOUT_LINES = 200
_SAME_SHAPE_SHARE = 0.9
_STEADY_SHARE = 0.8
_MOST_LOST = 100  # lines lost for each received; beyond, it is a clock read in bursts
_CLOCK_STEP = 2  # of a clock of whole numbers at least; a counter's is 1
_MICROSECONDS, _NANOSECONDS = 1000, 1_000_000  # steps from which on a clock counts those
_MAX_AXIS = 1e6  # past the raw range of every 16-bit sensor
_NAMED_KINDS = 5
_HOW_TO_NAME = "name them with a `fields=` header or --fields (for instance t_ms,x,y,z,-)"

RowShape = tuple[int | tuple[str, ...], str | None]
"""Number of unnamed columns, or the names a labelled line carried; and what kind it says to be."""


@dataclass(frozen=True, slots=True)
class RawSample:
    """One sample as printed. index: device counter; t_us: device clock, microseconds."""

    index: int | None
    t_us: int | None
    xyz: tuple[Number, Number, Number]


@dataclass(frozen=True, slots=True)
class Layout:
    """Column names in order; `-` is left out. named: lines carry labels themselves, these or those
    of `labels`. kind: the word that says of which kind they are. takes_any_kind: until the first
    one came. places: follow from fields and axes."""

    fields: tuple[str, ...]
    named: bool = False
    axes: AxisMap = SAME_AXES
    kind: str | None = None
    takes_any_kind: bool = False
    labels: tuple[str, ...] | None = None
    places: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places(self))

    @property
    def tick_us(self) -> Fraction:
        """Microseconds a count of the device's clock."""
        return Fraction(self.places.up, self.places.down)

    def read(self, row: Row) -> RawSample | Reason:
        """The sample of one row, or why it is not one of this layout."""
        numbers = row.numbers
        if row.kind != self.kind and not self.takes_any_kind:
            return Reason.COLUMNS
        if row.names != ((self.labels or self.fields) if self.named else None):
            return Reason.COLUMNS
        places = self.places
        if len(numbers) != len(self.fields):
            return Reason.COLUMNS
        index = None if places.index is None else numbers[places.index]
        if isinstance(index, float):
            return Reason.NOT_INTEGER
        (x, y, z), (sign_x, sign_y, sign_z) = places.axes, self.axes.sign
        xyz = numbers[x] * sign_x, numbers[y] * sign_y, numbers[z] * sign_z
        if max(xyz) > _MAX_AXIS or min(xyz) < -_MAX_AXIS:
            return Reason.OUT_OF_RANGE
        t_us = None
        if places.clock is not None:
            # Exact where the stamp is whole, as one of 64 bits has to be.
            t_us = round(numbers[places.clock] * places.up) // places.down
        return RawSample(index, t_us, xyz)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the columns of a layout stand. axes: the columns of x, y and z after they were turned.
    clock: of the first one, if there are two. up, down: of it, which give microseconds."""

    index: int | None
    clock: int | None
    up: int
    down: int
    axes: tuple[int, int, int]


def _places(layout: Layout) -> Places:
    place = {name: at for at, name in enumerate(layout.fields)}
    printed = place["x"], place["y"], place["z"]
    x, y, z = (printed[source] for source in layout.axes.source)
    clock = next((name for name in layout.fields if name in CLOCK_TICKS_US), None)
    tick_us = CLOCK_TICKS_US[clock or "t_us"]
    return Places(
        index=place.get("index"),
        clock=None if clock is None else place[clock],
        up=tick_us.numerator,
        down=tick_us.denominator,
        axes=(x, y, z),
    )


def find_layout(rows: list[Row]) -> Layout | None:
    """The layout most rows agree on, or None when fewer than 90 % have one shape.

    Raises DataError when their leading columns are neither counter nor clock, when an axis is
    missing, or when there are several kinds of lines.
    """
    rows = _of_one_kind(rows)
    shape, count = Counter(_shape(row) for row in rows).most_common(1)[0]
    if count < _SAME_SHAPE_SHARE * len(rows):
        return None
    columns, kind = shape
    alike = [row.numbers for row in rows if _shape(row) == shape]
    if not isinstance(columns, int):
        return _labelled_layout(alike, columns, kind)
    return Layout(_unnamed_fields(alike, columns), kind=kind)


def _labelled_layout(
    rows: list[tuple[Number, ...]], labels: tuple[str, ...], kind: str | None
) -> Layout:
    """What a label such as `time` counts is told by its steps; a clock that says it goes first."""
    if TIME not in labels:
        return Layout(labels, named=True, kind=kind)
    place = labels.index(TIME)
    clock = _leading_kind([row[place] for row in rows])
    if clock not in CLOCK_TICKS_US or CLOCK_TICKS_US.keys() & set(labels):
        clock = IGNORED_COLUMN
    fields = tuple(clock if label == TIME else label for label in labels)
    return Layout(fields, named=True, kind=kind, labels=labels)


def _of_one_kind(rows: list[Row]) -> list[Row]:
    """Those without a word in front where they are the most: the others are log text then."""
    kinds = Counter(row.kind for row in rows)
    if 2 * kinds[None] > len(rows):
        return [row for row in rows if row.kind is None]
    said = sorted(kind for kind, count in kinds.items() if kind is not None and count > 1)
    if len(said) < 2:
        return rows
    choices = " or ".join(f"--only {kind!a}" for kind in said[:_NAMED_KINDS])
    raise DataError(
        f"There are {len(said)} kinds of lines, and which are the accelerometer's is not clear: "
        f"choose with {choices}.",
        fault=Fault.FORMAT,
    )


def mixed_shapes(rows: list[Row]) -> DataError:
    """The refusal when find_layout still says None after MAX_LAYOUT_LINES."""
    counts = Counter(len(row.numbers) for row in rows)
    shapes = ", ".join(f"{count} with {columns}" for columns, count in sorted(counts.items()))
    return DataError(
        f"The lines have different numbers of columns ({shapes}): print one kind only."
    )


def _shape(row: Row) -> RowShape:
    return (len(row.numbers) if row.names is None else row.names), row.kind


def _unnamed_fields(rows: list[tuple[Number, ...]], columns: int) -> tuple[str, ...]:
    if columns == 3:
        for place in range(3):
            if _counts_up([row[place] for row in rows]):
                raise DataError(
                    f"Column {place + 1} of three counts up like an index or a clock, so that an "
                    "axis is missing: print x, y and z as well."
                )
        return ("x", "y", "z")
    leading = tuple(_leading_kind([row[i] for row in rows]) for i in range(min(columns - 3, 2)))
    if columns == 4 and leading[0] is not None:
        return (leading[0], "x", "y", "z")
    if columns == 5 and leading[0] == "index" and leading[1] in CLOCK_TICKS_US:
        return ("index", leading[1], "x", "y", "z")
    raise DataError(
        f"The lines have {columns} columns and it is not clear which are x, y and z: "
        f"{_HOW_TO_NAME}, where {IGNORED_COLUMN} leaves one out."
    )


def _leading_kind(column: list[Number]) -> str | None:
    """`index`, a clock, or None when the column is neither counter nor clock."""
    if len(column) < 3:
        return None
    steps = [later - earlier for earlier, later in itertools.pairwise(column)]
    middle = statistics.median(steps)
    steady = sum(abs(step - middle) <= middle / 2 for step in steps)
    ahead = [step for step in steps if step > 0]  # without one where a counter came round
    in_bursts = sum(ahead) > _MOST_LOST * middle * len(steps)
    if middle <= 0 or steady < _STEADY_SHARE * len(steps) or in_bursts:
        return None
    is_whole = all(isinstance(value, int) for value in column)
    if is_whole and 1 <= middle < _CLOCK_STEP:
        return "index"
    # Samples stamped as a FIFO is emptied are next to each other: what passes is their mean step.
    return _clock_kind(middle, sum(ahead) / len(ahead), is_whole=is_whole)


def _clock_kind(middle: float, mean: float, *, is_whole: bool) -> str | None:
    """By the step of a clock, for sensors of 1 Hz to 1 kHz."""
    if middle >= _NANOSECONDS:
        return "t_ns"
    if mean >= _MICROSECONDS:
        return "t_us"
    if middle >= _CLOCK_STEP:
        return "t_ms"
    return None if is_whole or middle >= 1 else "t_s"


def _counts_up(column: list[Number]) -> bool:
    """Whether every step is the same, or nearly, as no sensor's would be."""
    steps = [later - earlier for earlier, later in itertools.pairwise(column)]
    middle = statistics.median(steps)
    return middle > 0 and all(abs(step - middle) <= middle / 4 for step in steps)
