"""What `wearkit live` shows: JSON lines, plain lines, or a panel on a terminal."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from wearkit.link.faults import FaultEvent
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession, LiveWindow

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESH_S = 0.2
_BAR_WIDTH = 24
_MAX_LINES_PER_FAULT = 3
_EXPLAINED = {
    "gap": "samples missing",
    "restart": "the device restarted",
    "backpressure": "the host is behind",
    "placement": "the sensor is worn elsewhere",
    "rate_unknown": "sample rate not known yet, do not trust",
    "rate": "sample rate off, do not trust",
    "scale": "gravity off, do not trust",
    "stuck": "sensor stuck, do not trust",
    "axis_stuck": "an axis is stuck, do not trust",
    "glitch": "values no movement gives, do not trust",
    "repeated": "the part is slower than its lines, do not trust",
    "bus": "no sensor answers, do not trust",
}


class Display(Protocol):
    """Gets every window once, and the last state at the end."""

    def update(self, windows: list[LiveWindow]) -> None: ...

    def close(self, report: LiveReport) -> None: ...


def open_display(session: LiveSession, *, as_json: bool) -> Display:
    """JSON lines when asked for, a panel on a terminal, else plain lines."""
    if as_json:
        return JsonDisplay(sys.stdout, sys.stderr)
    if sys.stdout.isatty():
        return PanelDisplay(session)
    return PlainDisplay(session, sys.stdout, sys.stderr)


class JsonDisplay:
    """One JSON object per window on `out`; at the end {"summary": ...} on `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err

    def update(self, windows: list[LiveWindow]) -> None:
        for window in windows:
            self._out.write(json.dumps(window.to_json(), allow_nan=False) + "\n")
        if windows:
            self._out.flush()

    def close(self, report: LiveReport) -> None:
        self._err.write(json.dumps({"summary": report.to_json()}, allow_nan=False) + "\n")


class PlainDisplay:
    """One line per window on `out`; unit, warnings and the summary on `err`."""

    def __init__(self, session: LiveSession, out: TextIO, err: TextIO) -> None:
        self._session, self._out, self._err = session, out, err
        self._shown_topics: set[str] = set()
        session.faults.listeners.append(self._hear)

    def _hear(self, event: FaultEvent) -> None:
        if self._session.faults.counts[event.fault] <= _MAX_LINES_PER_FAULT:
            self._err.write(_event_line(event) + "\n")

    def update(self, windows: list[LiveWindow]) -> None:
        if windows:
            for note in notes(self._session.report()):
                self._say_once(note)
        for window in windows:
            self._out.write(_plain(window) + "\n")
        if windows:
            self._out.flush()

    def close(self, report: LiveReport) -> None:
        self._err.write(summary(report) + "\n")

    def _say_once(self, note: str) -> None:
        topic = note.partition(":")[0]
        if topic not in self._shown_topics:
            self._shown_topics.add(topic)
            self._err.write(note + "\n")


class PanelDisplay:
    """The newest verdicts with bars, and the counters, redrawn in place."""

    def __init__(self, session: LiveSession) -> None:
        from rich.console import Console
        from rich.live import Live

        self._session = session
        self._window: LiveWindow | None = None
        self._drawn_s = 0.0
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, screen=False)
        self._live.start()

    def update(self, windows: list[LiveWindow]) -> None:
        if windows:
            self._window = windows[-1]
        if time.monotonic() - self._drawn_s >= _REFRESH_S:
            self._draw(self._session.report())

    def close(self, report: LiveReport) -> None:
        self._draw(report)
        self._live.stop()
        self._console.print(summary(report), markup=False, soft_wrap=True)

    def _draw(self, report: LiveReport) -> None:
        self._drawn_s = time.monotonic()
        self._live.update(panel(self._window, report), refresh=True)


def panel(window: LiveWindow | None, report: LiveReport) -> RenderableType:
    """The newest window's verdicts above what the link did so far."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    verdicts = Table.grid(padding=(0, 2))
    for task, verdict in (window.verdicts if window else {}).items():
        bar = ProgressBar(total=1.0, completed=verdict.prob, width=_BAR_WIDTH)
        verdicts.add_row(task, Text(verdict.label, style="bold"), bar, f"{verdict.prob:.0%}")
    parts: list[RenderableType] = [verdicts]
    if window is None:
        parts = [Text("Waiting for the first window ...")]
    elif window.reasons:
        # A clipped verdict stands; every other reason takes it or its worth away.
        alarms = set(window.reasons) != {"clipped"}
        parts.append(Text(_why(window), style="bold red" if alarms else "yellow"))
    parts.append(Text(_counters(report)))
    for note in notes(report):
        parts.append(Text(note, style="yellow" if note.startswith("Warning") else ""))
    parts += [Text(_event_line(event), style="yellow") for event in report.events[-2:]]
    title = "wearkit live, SIMULATED sensor" if report.simulated else "wearkit live"
    when = f"{_numbered(window)}, {window.t_s:.1f} s" if window else None
    return Panel(Group(*parts), title=title, subtitle=when)


def notes(report: LiveReport) -> list[str]:
    """What the user should know besides the verdicts; each begins with its topic and a colon."""
    texts: list[str] = []
    if report.simulated:
        texts.append(
            "Sensor: simulated, nobody wears it now: it plays a recording of a person, or data "
            "that were made up."
        )
    if report.unit is not None:
        texts.append(f"Unit: {report.unit.unit} ({report.unit.evidence}).")
    if report.still is not None:
        x, y, z = report.still.mean_g
        texts.append(
            f"Gravity at rest: {x:+.2f} {y:+.2f} {z:+.2f} g, {report.still.length_g:.2f} g."
        )
    if report.rate is not None and report.rate_is_off:
        source = "the device's clock" if report.rate.source == "device" else "arrival times"
        texts.append(
            f"Warning, rate: {report.rate.rate_hz:.2f} Hz by {source}, but the model was made for "
            f"{report.expected_rate_hz:g} Hz."
        )
    return texts


def summary(report: LiveReport) -> str:
    """The closing lines; every counter of a loss is named, also when it is 0."""
    invalid = ", ".join(f"{count} {reason}" for reason, count in report.invalid.items())
    rejected = ", ".join(f"{count} {reason}" for reason, count in report.rejected.items())
    rate = report.rate
    measured = "not measured"
    if rate is not None:
        measured = f"{rate.rate_hz:.2f} +- {rate.error_hz:.2f} Hz by {rate.source} time"
    return "\n".join(
        [
            f"{report.windows} windows: {report.windows_valid} with verdicts, "
            f"{report.windows_invalid} without{f' ({invalid})' if invalid else ''}.",
            f"{_received(report)}, {report.messages_rejected} left out"
            f"{f' ({rejected})' if rejected else ''}, {report.messages_ignored} "
            f"{_ignored(report)}.",
            f"{report.missing_samples} samples missing, {report.restarts} restarts, "
            f"{report.clipped_share:.1%} of samples clipped, rate {measured}.",
            f"Faults: {_fault_counts(report)}.",
        ]
    )


def _fault_counts(report: LiveReport) -> str:
    return ", ".join(f"{count} {code}" for code, count in report.faults.items()) or "none"


def _event_line(event: FaultEvent) -> str:
    when = "" if event.t_s is None else f" at {event.t_s:.1f} s"
    return f"{event.fault}{when}: {event.detail}."


def _received(report: LiveReport) -> str:
    if report.frames is None:
        return f"{report.messages} lines: {report.messages_ok} samples"
    return (
        f"{report.messages} frames: {report.messages_ok} whole with {report.samples} samples, "
        f"{report.frames.lost} lost or damaged on the way"
    )


def _ignored(report: LiveReport) -> str:
    return "comments or blank" if report.frames is None else "of text or unknown types"


def _counters(report: LiveReport) -> str:
    rate = f"{report.rate.rate_hz:.2f} Hz" if report.rate else "measuring"
    return (
        f"rate {rate}   samples {report.samples}   missing {report.missing_samples}   "
        f"left out {report.messages_rejected}   clipped {report.clipped_share:.1%}\n"
        f"windows {report.windows}   without verdict {report.windows_invalid}   "
        f"restarts {report.restarts}"
    )


def _plain(window: LiveWindow) -> str:
    verdicts = [f"{task} {v.label} {v.prob:.0%}" for task, v in window.verdicts.items()]
    parts = [_numbered(window), f"{window.t_s:.1f} s", *verdicts]
    if window.reasons:
        parts.append(_why(window))
    return "  ".join(parts)


def _numbered(window: LiveWindow) -> str:
    if window.windows == 1:
        return f"window {window.window}"
    return f"windows {window.window} to {window.window + window.windows - 1}"


def _why(window: LiveWindow) -> str:
    clipped = f"{window.clipped_share:.0%} of samples clipped"
    explained = _EXPLAINED | {"clipped": clipped}
    why = ", ".join(explained.get(reason, reason) for reason in window.reasons)
    return why if window.valid else f"no verdict: {why}"
