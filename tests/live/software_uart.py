"""A serial line bit by bit: one end sends at its rate, the other samples it at another.

8 data bits, least significant first, no parity, one stop bit. The receiver waits for a falling
edge, looks at the middle of every bit, and reads a byte without a stop bit as 0, as a Linux
terminal in raw mode does; then it waits until the line is high again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from io import UnsupportedOperation

READ_S = 0.05  # of line time, that one read brings


@dataclass
class Line:
    """edges_s: when the level changes, beginning with a fall; high before and after."""

    edges_s: list[float] = field(default_factory=list)
    free_s: float = 0.0

    def send(self, data: bytes, baud: int, at_s: float) -> None:
        """As soon as the line is free, from at_s on."""
        begin_s = max(at_s, self.free_s)
        level = 1
        bits = [bit for byte in data for bit in (0, *(byte >> k & 1 for k in range(8)), 1)]
        for position, bit in enumerate(bits):
            if bit != level:
                self.edges_s.append(begin_s + position / baud)
                level = bit
        self.free_s = begin_s + len(bits) / baud

    def level(self, t_s: float) -> int:
        return 1 - bisect_right(self.edges_s, t_s) % 2

    def next_fall_s(self, t_s: float) -> float | None:
        """The first one at t_s or later."""
        at = bisect_left(self.edges_s, t_s)
        at += at % 2
        return self.edges_s[at] if at < len(self.edges_s) else None


class Uart:
    """The receiving end as a pyserial handle: whatever waits at the moment, never blocking.

    now_s: time on the line, which passes by READ_S a read. rates: that were set, in order.
    """

    timeout: float | None = 0.0
    write_timeout: float | None = None
    is_open = True

    def __init__(self, line: Line, baud: int = 115200) -> None:
        self._line, self._baud = line, baud
        self._free_s = self.now_s = 0.0
        self._waiting = b""
        self.rates = [baud]

    def fileno(self) -> int:
        raise UnsupportedOperation

    def reset_input_buffer(self) -> None:
        pass

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def baudrate(self) -> int:
        return self._baud

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        self._baud = baud
        self.rates.append(baud)

    @property
    def in_waiting(self) -> int:
        if not self._waiting:
            self.now_s += READ_S
            self._waiting = self._receive()
        return len(self._waiting)

    def read(self, size: int) -> bytes:
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def _receive(self) -> bytes:
        received = bytearray()
        bit_s = 1 / self._baud
        self._free_s = max(self._free_s, self.now_s - 2 * READ_S)
        while (fall_s := self._line.next_fall_s(self._free_s)) is not None and fall_s < self.now_s:
            middles = [fall_s + (k + 0.5) * bit_s for k in range(10)]
            start, *bits, stop = map(self._line.level, middles)
            if start:
                self._free_s = middles[0]  # a spike
                continue
            self._free_s = middles[9]
            if stop:
                received.append(sum(bit << k for k, bit in enumerate(bits)))
            else:
                received.append(0)
                self._free_s = self._line_high_s(middles[9])
        return bytes(received)

    def _line_high_s(self, t_s: float) -> float:
        edges = self._line.edges_s
        at = bisect_right(edges, t_s)
        return edges[at] if at < len(edges) else t_s
