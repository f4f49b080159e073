"""Printable bytes: how many, and how few of them mean another baud rate."""

from __future__ import annotations

PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
ENOUGH_BYTES = 200  # before anything is said of what cannot be read
# At a wrong rate at most a third of the bytes are printable (a software UART, all pairs of rates).
_TEXT_SHARE = 0.5


def printable_bytes(data: bytes) -> int:
    """How many of them are printable ASCII, a tab or of a line end."""
    return len(data) - len(data.translate(None, PRINTABLE))


def is_text(data: bytes) -> bool:
    """Whether every byte is printable."""
    return not data.translate(None, PRINTABLE)


def is_noise(printable: int, received: int) -> bool:
    """Whether `printable` of `received` bytes are so few that the baud rate is another; False
    while there are too few bytes to tell."""
    return received >= ENOUGH_BYTES and printable < _TEXT_SHARE * received
