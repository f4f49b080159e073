"""What a user says of a stream before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wearkit.link.axes import AxisMap
from wearkit.units import Unit

SETTLE_S = 3.0  # a board that resets when its port is opened first prints its boot messages


@dataclass(frozen=True, slots=True)
class ExpectedModel:
    """The host's model, as far as a device must agree. length, hop: samples; input_scale_g: g a
    step of its int8 input."""

    length: int
    hop: int
    input_scale_g: float
    input_zero_point: int


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the user said. rate_hz: the rate models expect; it turns seconds into samples.

    unit, fields: None to take them from the header or to find them out. axes: None for the
    header's, or as printed. only: the word that says which kind of lines to read, where there are
    several; None for the only kind there is. skip_head: as in TextDecoder. settle_s: this long
    after opening, unreadable lines are noise, not faults. model: that of the host; None where there
    is none.
    """

    rate_hz: float
    unit: Unit | None = None
    fields: tuple[str, ...] | None = None
    axes: AxisMap | None = None
    only: str | None = None
    skip_head: bool = False
    settle_s: float = 0.0
    model: ExpectedModel | None = None

    def joining(self, in_mid_line: bool) -> StreamOptions:
        """The same for a port that is, or is not, joined in the middle of a line: a UART is, and
        its board may reset when it is opened."""
        return replace(self, skip_head=in_mid_line, settle_s=SETTLE_S if in_mid_line else 0.0)
