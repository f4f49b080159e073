"""Fault: everything that can be wrong with a link, one code each; docs/faults.md explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wearkit.errors import WearkitError

MAX_EVENTS_PER_FAULT = 100  # kept with their details; the counts go on


class Fault(StrEnum):
    """Codes as they stand in summaries, logs and certificates."""

    NO_PORT = "NO_PORT"
    PERMISSION = "PERMISSION"
    BUSY = "BUSY"
    NO_VALID_DATA = "NO_VALID_DATA"
    BAUD_MISMATCH_SUSPECTED = "BAUD_MISMATCH_SUSPECTED"
    FORMAT = "FORMAT"
    UNITS = "UNITS"
    CONNECT_NOISE = "CONNECT_NOISE"
    CORRUPT = "CORRUPT"
    DUPLICATE = "DUPLICATE"
    CONFLICT = "CONFLICT"
    GAP = "GAP"
    RESTART = "RESTART"
    DISCONTINUITY = "DISCONTINUITY"
    CLOCK_JUMP = "CLOCK_JUMP"
    RATE_FAULT = "RATE_FAULT"
    STALL = "STALL"
    UNPLUGGED = "UNPLUGGED"
    NO_ANSWER = "NO_ANSWER"
    BUS_FAULT = "BUS_FAULT"
    GLITCH = "GLITCH"
    REPEATED = "REPEATED"
    STUCK = "STUCK"
    AXIS_STUCK = "AXIS_STUCK"
    CLIPPED = "CLIPPED"
    SCALE_FAULT = "SCALE_FAULT"
    MIRRORED = "MIRRORED"
    DEVICE_OVERRUN = "DEVICE_OVERRUN"
    DEVICE_DROPPED = "DEVICE_DROPPED"
    DEVICE_ERROR = "DEVICE_ERROR"
    DEVICE_TEXT = "DEVICE_TEXT"
    BACKPRESSURE = "BACKPRESSURE"
    DISK_FULL = "DISK_FULL"
    MODEL_MISMATCH = "MODEL_MISMATCH"
    MISMATCH = "MISMATCH"
    DEVICE_CHANGED = "DEVICE_CHANGED"
    PLACEMENT = "PLACEMENT"


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """One occurrence. t_s: session seconds, or None before there are any. detail: a sentence part
    for people."""

    fault: Fault
    t_s: float | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        t_s = None if self.t_s is None else round(self.t_s, 6)
        return {"fault": str(self.fault), "t_s": t_s, "detail": self.detail}


class FaultLog:
    """Counts every occurrence, keeps the first MAX_EVENTS_PER_FAULT of each with its detail.

    listeners get every event as it happens, past that number too.
    """

    def __init__(self) -> None:
        self.counts: Counter[Fault] = Counter()
        self.events: list[FaultEvent] = []
        self.listeners: list[Callable[[FaultEvent], None]] = []
        self.now_s: float | None = None  # session seconds of the newest sample

    def add(self, fault: Fault, detail: str) -> None:
        self.counts[fault] += 1
        event = FaultEvent(fault, self.now_s, detail)
        if self.counts[fault] <= MAX_EVENTS_PER_FAULT:
            self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def add_error(self, error: WearkitError, unnamed: Fault | None = None) -> None:
        """What ended a session, unless it was counted where it happened. unnamed: what it counts
        as when it names no fault itself; None for not at all."""
        fault = error.fault or unnamed
        if fault:
            self.add_once(Fault(fault), str(error).rstrip("."))

    def add_once(self, fault: Fault, detail: str) -> None:
        """For a state that lasts to the end of the session."""
        if not self.counts[fault]:
            self.add(fault, detail)
