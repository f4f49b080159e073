"""LiveSession: bytes in, verdicts out; integers from counts to logits. No ports, no clocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wearkit.capture.csv_writer import Recorder
from wearkit.counts import counts_to_int8
from wearkit.errors import VerificationError, WearkitError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Logits, Verdict, verdict
from wearkit.link.axes import SAME_AXES
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.from_device import Hello
from wearkit.link.options import ExpectedModel, StreamOptions
from wearkit.link.sample import PlacedSample, SampleRun, Stretch
from wearkit.link.stream import AutoStream
from wearkit.live.placement import REASON as PLACEMENT_REASON
from wearkit.live.placement import TASK as PLACEMENT_TASK
from wearkit.live.placement import PlacementCheck
from wearkit.live.quality import CLIPPED_REASON, SignalQuality, fault_counts
from wearkit.live.report import LiveReport
from wearkit.live.window_grid import GridWindow, Missing, WindowGrid
from wearkit.spec import trained
from wearkit.verification.verifier import Verifier

_PIECE = re.compile(rb"[^\0]*\0|[^\0]+")
BACKPRESSURE_REASON = "backpressure"


class ModelRunner(Protocol):
    """As wearkit.bundle.runtimes.Runtime, as far as live needs it.

    run: (N, length, 3) int8 -> logits.
    """

    def run(self, inputs: NDArray[np.int8]) -> Logits: ...


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One window and its verdicts, by task in the model's order.

    valid: every sample is there and nothing forbids a verdict. reasons: why not; or, for a valid
    window, why its verdicts are not to be trusted (docs/faults.md). clipped_share: of its samples,
    0 where one is missing.
    windows: how many in a row this stands for: more than one where a gap holds several as a whole.
    device_index: as in GridWindow.
    """

    window: int
    first_index: int
    t_s: float
    valid: bool
    reasons: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    clipped_share: float = 0.0
    device_index: int | None = None
    windows: int = 1

    def to_json(self) -> dict[str, Any]:
        """One line of `wearkit live --json`."""
        return {
            "window": self.window,
            "windows": self.windows,
            "first_index": self.first_index,
            "t_s": round(self.t_s, 6),
            "valid": self.valid,
            "reasons": list(self.reasons),
            "clipped_share": round(self.clipped_share, 4),
            "tasks": {
                task: {"label": verdict.label, "prob": verdict.prob, "logits": list(verdict.logits)}
                for task, verdict in self.verdicts.items()
            },
        }


@dataclass(frozen=True, slots=True)
class _MarkedWindow:
    """A complete window, and what held when it ended."""

    window: GridWindow
    reasons: tuple[str, ...]
    clipped_share: float


class LiveSession:
    """Feed it chunks; it gives windows. The same bytes give the same windows, however cut."""

    def __init__(
        self,
        graph: QuantizedGraph,
        runtime: ModelRunner,
        options: StreamOptions,
        *,
        max_windows: int | None = None,
        recorder: Recorder | None = None,
        faults: FaultLog | None = None,
        verifier: Verifier | None = None,
        placement: PlacementCheck | None = None,
    ) -> None:
        """verifier: compares what the device's model says; then `runtime` must be the reference.
        placement: withholds verdicts while it disagrees."""
        self._verifier, self._placement = verifier, placement
        self._graph = graph
        self._runtime = runtime
        self._max_windows = max_windows
        self.recorder = recorder
        self._rate_hz = trained(graph.model).window.rate_hz
        self.stream = AutoStream(replace(options, model=_expected(graph)))
        self.faults = faults if faults is not None else FaultLog()
        self.quality = SignalQuality(self._rate_hz, self.faults)
        self._length, self._hop = _grid_of(graph)
        self._grid = WindowGrid(trained(graph.model).window)
        self._last_index = -1
        self._samples = self._missing = self._restarts = self._clipped = 0
        self._windows = self._windows_valid = self._windows_invalid = 0
        self._invalid: Counter[str] = Counter()
        self._claimed_hz: float | None = None
        self._axes = SAME_AXES
        self._hello: Hello | None = None
        self._heard: Hello | None = None
        self._stats = 0  # frames that came
        self._to_verify: list[tuple[int, NDArray[np.int16], dict[str, tuple[int, ...]]]] = []
        self._finished = False
        self._kept: list[LiveWindow] = []  # of a refused chunk, before what was refused

    @property
    def is_full(self) -> bool:
        """Whether `max_windows` windows were given, or compared where there is a verifier."""
        windows = self._windows if self._verifier is None else self._verifier.tally.compared
        return self._max_windows is not None and windows >= self._max_windows

    def feed(self, chunk: bytes, arrival_s: float, *, judge: bool = True) -> list[LiveWindow]:
        """The windows this chunk completes. arrival_s: host seconds when it was read.

        judge: False when the host is too far behind to run the model: the windows then have no
        verdict and say so. Raises DataError when it cannot be settled what the samples are
        (wearkit.link.text.stream, wearkit.link.frames.stream); `finish` then gives the windows
        that the chunk completed before.
        """
        if self._verifier is None:
            return self._advance(self.stream.feed_runs(chunk, arrival_s), judge)
        # Frame by frame, so that a prediction stands between the samples it stood between.
        windows: list[LiveWindow] = []
        try:
            for piece in _PIECE.finditer(chunk):
                windows += self._advance(self.stream.feed_runs(piece.group(), arrival_s), judge)
                self._verify()
                if self.is_full:
                    break
        except WearkitError:
            self._kept = windows
            raise
        return windows

    def resume(self) -> None:
        """The port went away and was opened again."""
        self.stream.resume()
        self.quality.resume()

    def finish(self, *, is_cut: bool = False) -> list[LiveWindow]:
        """The windows that only waited for a last confirmation, and those of a refused chunk;
        closes the accounts, whatever it raises. is_cut: as in Verifier.finish.

        Raises VerificationError as `feed` does; asked again, it gives the windows all the same.
        """
        kept, self._kept = self._kept, []
        windows = kept + self._advance(list(self.stream.finish()), judge=True)
        self.quality.conclude()
        if self._verifier is not None and not self._finished:
            self._finished = True
            try:
                if self._verifier.first_difference is None and not self.is_full:
                    self._verify()
            except WearkitError:
                self._kept = windows
                raise
            finally:
                self._verifier.finish(is_cut=is_cut)
        return windows

    def report(self, ended: str = "", error: WearkitError | None = None) -> LiveReport:
        """Where the session stands now."""
        self.quality.watch()
        stream = self.stream
        ledger, decoder = stream.ledger, stream.decoder
        return LiveReport(
            bytes_received=decoder.received_bytes,
            bytes_ok=ledger.bytes_ok,
            bytes_rejected=ledger.bytes_rejected,
            bytes_ignored=ledger.bytes_ignored,
            bytes_pending=stream.pending_bytes,
            printable_bytes=decoder.printable_bytes,
            messages=decoder.messages,
            messages_ok=ledger.messages_ok,
            messages_ignored=ledger.messages_ignored,
            messages_pending=stream.pending_messages,
            rejected=dict(sorted(ledger.rejected.items())),
            samples=self._samples,
            missing_samples=self._missing,
            restarts=self._restarts,
            clipped_samples=self._clipped,
            windows=self._windows,
            windows_valid=self._windows_valid,
            windows_invalid=self._windows_invalid,
            invalid=dict(sorted(self._invalid.items())),
            unit=stream.choice,
            rate=self.quality.rate(),
            expected_rate_hz=self._rate_hz,
            simulated=self._is_simulated,
            frames=copy(self.stream.tally),
            faults=fault_counts(self.faults, stream, stream.tally),
            events=tuple(self.faults.events),
            still=self.quality.still,
            ended=ended,
            error=error,
        )

    def _advance(self, steps: list[Stretch], judge: bool) -> list[LiveWindow]:
        self._hear_claims()
        marked: list[_MarkedWindow] = []
        for step in steps:
            if isinstance(step, SampleRun):
                marked += self._push_run(step)
            else:
                marked += [self._mark(window) for window in self._push(step)]
        if self.recorder is not None:
            self.recorder.tick()
        if self._max_windows is not None and self._verifier is None:
            marked = _first_windows(marked, self._max_windows - self._windows)
        windows = self._judge(marked) if judge else self._shed(marked)
        self._windows += sum(record.window.windows for record in marked)
        return windows

    def _hear_claims(self) -> None:
        stream, frames = self.stream, self.stream.frames
        if frames is not None:
            if frames.tally.stats != self._stats:
                self._stats = frames.tally.stats
                for dropped in frames.take_dropped():
                    self.quality.note_dropped(dropped)
            if frames.hello is not None and frames.hello is self._heard:
                return  # what frames claim of samples stands in HELLO
            if stream.is_binary:
                self._heard = frames.hello
        if stream.axes is not self._axes:
            self._axes = stream.axes
            self.quality.note_axes(self._axes)
            if self._axes.determinant < 0:
                self.faults.add_once(Fault.MIRRORED, "the axis map is a mirror image")
        header = stream.header
        if header is not None and header.rate_hz not in (None, self._claimed_hz):
            assert header.rate_hz is not None
            self._claimed_hz = header.rate_hz
            self.quality.note_rate(header.rate_hz)

    def _push(self, step: PlacedSample) -> list[GridWindow]:
        if step.restarted or self._last_index < 0:
            self._begin_run(step.sample.index)
        index = self._grid.index_of(step)
        time_s = self.quality.sample(index, index - self._last_index, step)
        self._last_index = index
        self._samples += 1
        self._missing += step.missing
        self._restarts += step.restarted
        self._clipped += self.quality.is_at_rail(step.sample.counts)
        if self.recorder is not None:
            self.recorder.add(time_s, step.sample.counts, simulated=self._is_simulated)
        return self._grid.push(step, time_s, index)

    def _push_run(self, run: SampleRun) -> list[_MarkedWindow]:
        """Part by part, so that a window is marked by what was known when it ended."""
        if self._last_index < 0:
            self._begin_run(run.first_index)
        marked: list[_MarkedWindow] = []
        for part in _cut(run, self._grid.room, self._hop):
            index, number = self._last_index + 1, len(part.counts)
            times_s = self.quality.run(index, part)
            self._last_index += number
            self._samples += number
            self._clipped += self.quality.at_rail(index, part)
            if self.recorder is not None:
                for time_s, (x, y, z) in zip(times_s, part.counts.tolist(), strict=True):
                    self.recorder.add(time_s, (x, y, z), simulated=self._is_simulated)
            last = None if part.first_index is None else part.first_index + number - 1
            window = self._grid.fill(part.counts, times_s, last)
            if window is not None:
                marked.append(self._mark(window))
        return marked

    def _begin_run(self, first_index: int | None) -> None:
        """None of lines of text, which are refused where there is a verifier."""
        if self._verifier is not None:
            self._verifier.begin_run(first_index or 0)

    @property
    def _is_simulated(self) -> bool:
        header = self.stream.header
        return header is not None and header.simulated

    def _verify(self) -> None:
        """Raises VerificationError for lines of text, another model or another answer."""
        assert self._verifier is not None
        # A port that closed before it carried anything is not known to carry text.
        is_text = self.stream.sample_messages > 0 or self.stream.header is not None
        if self.stream.is_binary is False and is_text:
            raise VerificationError(
                "The device sends lines of text, which hold no predictions to compare: give it "
                "firmware that sends frames, or leave --verify out."
            )
        hello = self.stream.hello
        if hello is not None and hello is not self._hello:
            self._hello = hello
            self._verifier.hello(hello, self.stream.device_error)
            self._verifier.both_streams(hello)
        waiting, self._to_verify = self._to_verify, []
        for device_index, counts, rows in waiting:
            self._verifier.window(device_index, counts, rows)
        if self.stream.frames is not None:
            for prediction in self.stream.frames.take_predictions():
                self._verifier.prediction(prediction)

    def _mark(self, window: GridWindow) -> _MarkedWindow:
        self.quality.check_rate(window.first_index)
        self.quality.check_values(window.window, window.counts)
        reasons = self.quality.reasons(self._length)
        if window.counts is None:
            return _MarkedWindow(window, (*window.reasons, *reasons), 0.0)
        share = self.quality.clipped_share(window.window, window.first_index, window.counts)
        return _MarkedWindow(window, (*reasons, *([CLIPPED_REASON] if share else [])), share)

    def _judge(self, marked: list[_MarkedWindow]) -> list[LiveWindow]:
        whole = [window.window.counts for window in marked if window.window.counts is not None]
        logits: Logits = {}
        if whole:
            logits = self._runtime.run(counts_to_int8(np.stack(whole)))
        judged: list[LiveWindow] = []
        row = 0
        for window in marked:
            if window.window.counts is None:
                self._count_missing(window.window)
                judged.append(_unjudged(window, valid=False))
            else:
                verdicts = self._verdicts(logits, row)
                self._hand_over(window.window, verdicts)
                judged.append(self._placed(window, verdicts))
                row += 1
        return judged

    def _count_missing(self, window: GridWindow) -> None:
        self._windows_invalid += window.windows
        for reason in window.reasons:
            self._invalid[str(reason)] += window.windows
        # Here, in the order of windows: one chunk may hold those before and after a restart.
        if self._placement is not None and Missing.RESTART in window.reasons:
            self._placement.restart()

    def _placed(self, marked: _MarkedWindow, verdicts: dict[str, Verdict]) -> LiveWindow:
        """With its verdicts, unless the sensor is not where it was said to be."""
        live = _unjudged(marked, valid=True)
        if self._placement is not None:
            self._placement.push(verdicts[PLACEMENT_TASK])
            if self._placement.disagrees:
                self._windows_invalid += 1
                self._invalid[PLACEMENT_REASON] += 1
                return replace(live, valid=False, reasons=(PLACEMENT_REASON, *live.reasons))
        self._windows_valid += 1
        return replace(live, verdicts=verdicts)

    def _hand_over(self, window: GridWindow, verdicts: dict[str, Verdict]) -> None:
        if self._verifier is None or window.device_index is None:
            return
        assert window.counts is not None
        rows = {task: verdict.logits for task, verdict in verdicts.items()}
        self._to_verify.append((window.device_index, window.counts, rows))

    def _shed(self, marked: list[_MarkedWindow]) -> list[LiveWindow]:
        """No verdicts, so that the host can catch up; the samples are recorded all the same."""
        shed = []
        for window in marked:
            live = _unjudged(window, valid=False)
            if window.window.counts is not None:
                live = replace(live, reasons=(BACKPRESSURE_REASON, *live.reasons))
                where = f"no verdict for window {window.window.window}"
                self.faults.add(Fault.BACKPRESSURE, f"{where}, the host is behind")
                self._windows_invalid += 1
                self._invalid[BACKPRESSURE_REASON] += 1
            else:
                self._count_missing(window.window)
            shed.append(live)
        return shed

    def _verdicts(self, logits: Logits, row: int) -> dict[str, Verdict]:
        scales = {head.task: self._graph.tensor(head.tensor).scale for head in self._graph.heads}
        return {
            task.name: verdict(task, logits[task.name][row], scales[task.name])
            for task in self._graph.model.tasks
        }


def _unjudged(marked: _MarkedWindow, *, valid: bool) -> LiveWindow:
    return LiveWindow(
        window=marked.window.window,
        first_index=marked.window.first_index,
        t_s=marked.window.t_s,
        valid=valid,
        reasons=tuple(str(reason) for reason in marked.reasons),
        verdicts={},
        clipped_share=marked.clipped_share,
        device_index=marked.window.device_index,
        windows=marked.window.windows,
    )


def _grid_of(graph: QuantizedGraph) -> tuple[int, int]:
    """(length, hop) of the model's windows."""
    window = trained(graph.model).window
    return window.length, window.hop


def _cut(run: SampleRun, room: int, hop: int) -> list[SampleRun]:
    """In parts that end where windows do: the first after `room` samples, others every `hop`."""
    number = len(run.counts)
    if number <= room:
        return [run]
    ends = [*range(room, number, hop), number]
    return [run.part(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


def _expected(graph: QuantizedGraph) -> ExpectedModel:
    window, source = trained(graph.model).window, graph.tensor(graph.input)
    return ExpectedModel(window.length, window.hop, source.scale, source.zero_point)


def _first_windows(marked: list[_MarkedWindow], most: int) -> list[_MarkedWindow]:
    """Of those, the first `most` windows; the last record may stand for fewer than it did."""
    kept: list[_MarkedWindow] = []
    for record in marked:
        if most <= 0:
            break
        if record.window.windows > most:
            record = replace(record, window=replace(record.window, windows=most))
        kept.append(record)
        most -= record.window.windows
    return kept
