"""LiveSession: bytes in, verdicts out; integers from counts to logits. No ports, no clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.errors import WearkitError
from wearkit.graph import QuantizedGraph
from wearkit.link.clock import SessionClock
from wearkit.link.link_stream import LinkStream
from wearkit.link.rate import RATE_TOLERANCE, MeasuredRate, RateMeter
from wearkit.link.recorder import Recorder
from wearkit.link.sequence import Step
from wearkit.link.stream import StreamOptions
from wearkit.live_report import LiveReport
from wearkit.live_window import GridWindow, WindowGrid
from wearkit.prediction import Logits, Verdict, verdict
from wearkit.spec import trained

RATE_REASON = "rate"


class Runtime(Protocol):
    """As wearkit.runtimes.Runtime, as far as live needs it: (N, length, 3) int8 -> logits."""

    def run(self, inputs: NDArray[np.int8]) -> Logits: ...


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One window and its verdicts, by task in the model's order.

    valid: every sample is there. reasons: why not; or, for a valid window, `rate` when the
    device's clock shows a rate more than 6 % off, so that the verdicts cannot be trusted.
    device_index: as in GridWindow.
    """

    window: int
    first_index: int
    t_s: float
    valid: bool
    reasons: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    device_index: int | None = None

    def to_json(self) -> dict[str, Any]:
        """One line of `wearkit live --json`."""
        return {
            "window": self.window,
            "first_index": self.first_index,
            "t_s": round(self.t_s, 6),
            "valid": self.valid,
            "reasons": list(self.reasons),
            "tasks": {
                task: {"label": said.label, "prob": said.prob, "logits": list(said.logits)}
                for task, said in self.verdicts.items()
            },
        }


class LiveSession:
    """Feed it chunks; it gives windows. The same bytes give the same windows, however cut."""

    def __init__(
        self,
        graph: QuantizedGraph,
        runtime: Runtime,
        options: StreamOptions,
        *,
        max_windows: int | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._graph = graph
        self._runtime = runtime
        self._max_windows = max_windows
        self._recorder = recorder
        self._rate_hz = trained(graph.model).window.rate_hz
        self.stream = LinkStream(options)
        self._grid = WindowGrid(trained(graph.model).window)
        self._clock = SessionClock(self._rate_hz)
        self._arrivals = RateMeter("arrival")
        self._last_index = -1
        self._samples = self._missing = self._restarts = self._clipped = 0
        self._windows = self._windows_valid = 0
        self._invalid: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether `max_windows` windows were given."""
        return self._max_windows is not None and self._windows >= self._max_windows

    def feed(self, chunk: bytes, arrival_s: float) -> list[LiveWindow]:
        """The windows this chunk completes. arrival_s: host seconds when it was read.

        Raises DataError when it cannot be settled what the samples are (wearkit.link.stream,
        wearkit.link.binary_stream).
        """
        return self._advance(self.stream.feed(chunk, arrival_s))

    def finish(self) -> list[LiveWindow]:
        """The windows that only waited for a last confirmation; closes the accounts."""
        return self._advance(self.stream.finish())

    def report(self, ended: str = "", error: WearkitError | None = None) -> LiveReport:
        """Where the session stands now."""
        ledger, decoder = self.stream.ledger, self.stream.decoder
        return LiveReport(
            bytes_received=decoder.received_bytes,
            bytes_ok=ledger.bytes_ok,
            bytes_rejected=ledger.bytes_rejected,
            bytes_ignored=ledger.bytes_ignored,
            bytes_pending=decoder.received_bytes - ledger.bytes_total,
            printable_bytes=decoder.printable_bytes,
            lines=ledger.lines,
            lines_ok=ledger.lines_ok,
            lines_ignored=ledger.lines_ignored,
            rejected=dict(sorted(ledger.rejected.items())),
            samples=self._samples,
            missing_samples=self._missing,
            restarts=self._restarts,
            clipped_samples=self._clipped,
            windows=self._windows,
            windows_valid=self._windows_valid,
            windows_invalid=self._windows - self._windows_valid,
            invalid=dict(sorted(self._invalid.items())),
            unit=self.stream.choice,
            rate=self._clock.device.measure() or self._arrivals.measure(),
            expected_rate_hz=self._rate_hz,
            simulated=self._is_simulated,
            frames=copy(self.stream.tally),
            ended=ended,
            error=error,
        )

    def _advance(self, steps: list[Step]) -> list[LiveWindow]:
        found: list[tuple[GridWindow, bool]] = []
        for step in steps:
            found += [(window, self._rate_is_off()) for window in self._push(step)]
        if steps:
            self._arrivals.add(self._last_index, steps[-1].sample.arrival_s)
        if self._recorder is not None:
            self._recorder.tick()
        if self._max_windows is not None:
            del found[self._max_windows - self._windows :]
        return self._judge(found)

    def _push(self, step: Step) -> list[GridWindow]:
        index = self._grid.index_of(step)
        taken = index - self._last_index
        time_s = self._clock.advance(index, taken, step.sample.t_us, restarted=step.restarted)
        self._last_index = index
        self._samples += 1
        self._missing += step.missing
        if step.restarted:
            self._restarts += 1
            self._arrivals.restart()
        x, y, z = step.sample.counts
        self._clipped += min(x, y, z) <= COUNT_MIN or max(x, y, z) >= COUNT_MAX
        if self._recorder is not None:
            self._recorder.add(time_s, step.sample.counts, simulated=self._is_simulated)
        return self._grid.push(step, time_s)

    @property
    def _is_simulated(self) -> bool:
        return self.stream.header is not None and self.stream.header.simulated

    def _rate_is_off(self) -> bool:
        """By the device's clock, or its header before that; arrival times are not evidence."""
        measured: MeasuredRate | None = self._clock.device.measure()
        if measured is not None:
            return measured.is_off(self._rate_hz)
        header = self.stream.header
        claimed_hz = header.rate_hz if header is not None else None
        return claimed_hz is not None and abs(claimed_hz / self._rate_hz - 1) > RATE_TOLERANCE

    def _judge(self, found: list[tuple[GridWindow, bool]]) -> list[LiveWindow]:
        whole = [window.counts for window, _ in found if window.counts is not None]
        logits: Logits = {}
        if whole:
            logits = self._runtime.run(counts_to_int8(np.stack(whole)))
        judged: list[LiveWindow] = []
        row = 0
        for window, rate_is_off in found:
            live = LiveWindow(
                window=window.window,
                first_index=window.first_index,
                t_s=window.t_s,
                valid=window.counts is not None,
                reasons=(*window.reasons, *([RATE_REASON] if rate_is_off else [])),
                verdicts={},
                device_index=window.device_index,
            )
            if live.valid:
                live = replace(live, verdicts=self._verdicts(logits, row))
                row += 1
            else:
                self._invalid.update(str(reason) for reason in window.reasons)
            judged.append(live)
        self._windows += len(judged)
        self._windows_valid += row
        return judged

    def _verdicts(self, logits: Logits, row: int) -> dict[str, Verdict]:
        scales = {head.task: self._graph.tensor(head.tensor).scale for head in self._graph.heads}
        return {
            task.name: verdict(task, logits[task.name][row], scales[task.name])
            for task in self._graph.model.tasks
        }
