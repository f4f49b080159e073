"""replay_verify(): a test set through the link, each answer against the integer reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle
from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.errors import DataError, LinkLostError, WearkitError
from wearkit.integer.reference import Reference
from wearkit.link.axes import AxisMap, mapped
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import Feature, Hello, Prediction
from wearkit.link.ledger import Ended
from wearkit.link.sample import Counts
from wearkit.recordings.recording import Recording
from wearkit.spec import WindowSpec
from wearkit.verification.dialogue import Dialogue
from wearkit.verification.replay_report import ReplayReport
from wearkit.verification.replayer import FLOW_FRAMES, Replayer, ReplayWindow
from wearkit.verification.requested import Requested
from wearkit.verification.verifier import REPLAYED, Verifier
from wearkit.windows.sensor_counts import sensor_counts

_BATCH = 32  # windows the reference takes at a time

Windows = Iterable[NDArray[np.int16]]


def recorded_windows(
    recordings: Iterable[Recording], spec: WindowSpec
) -> Iterator[NDArray[np.int16]]:
    """(length, 3) int16 counts of every window of every gap-free stretch, one hop apart."""
    for recording in recordings:
        for counts in sensor_counts(recording, spec):
            for start in range(0, len(counts) - spec.length + 1, spec.hop):
                yield counts[start : start + spec.length]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """test_set: what the windows are, for the certificate. max_windows: None for all. golden,
    others: as in Requested. frames_in_flight: replay.UART_FRAMES or FLOW_FRAMES. any_model: as in
    Verifier."""

    test_set: str
    max_windows: int | None = None
    golden: int = 0
    others: int | None = None
    frames_in_flight: int = FLOW_FRAMES
    any_model: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """An ended replay. hello: None when nobody answered. requested: what was to be compared."""

    report: ReplayReport
    verifier: Verifier
    hello: Hello | None
    requested: Requested


def replay_verify(
    link: Dialogue,
    bundle: Bundle,
    windows: Windows,
    options: ReplayOptions,
    *,
    faults: FaultLog | None = None,
    on_compared: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Replay until the windows or max_windows end, `stop()`, the first difference or an error,
    which the report carries. Closes the link, after the device was put back as it was.

    windows: (length, 3) int16 in the model's axes. on_compared: how many were, after each.
    report.error: VerificationError for a difference or another model, PortError when nobody
    answers, LinkLostError when the port goes away or answers stay away, DataError when the device
    cannot replay, or whatever reading `windows` raises of wearkit.errors.
    """
    log = faults if faults is not None else FaultLog()
    run = _Run(link, bundle, options, log, on_compared)
    ended, error = Ended.STOPPED, None
    try:
        ended = run.play(windows, stop)
    except WearkitError as caught:
        error = caught
        ended = Ended.LOST if isinstance(caught, LinkLostError) else Ended.REFUSED
        log.add_error(caught, Fault.UNPLUGGED if isinstance(caught, LinkLostError) else None)
    except BaseException:  # an interrupt, for one: the device gets its sensor back all the same
        run.close(ended, None)
        raise
    return run.close(ended, error)


class _Run:
    def __init__(
        self,
        link: Dialogue,
        bundle: Bundle,
        options: ReplayOptions,
        faults: FaultLog,
        on_compared: Callable[[int], None],
    ) -> None:
        self._link, self._graph, self._options, self._faults = link, bundle.graph, options, faults
        self._reference = Reference(bundle.graph)
        self._on_compared = on_compared
        self._verifier = Verifier(
            bundle.graph, bundle.model_id, faults, any_model=options.any_model, where=REPLAYED
        )
        self._replayer = Replayer(
            link, faults, frames_in_flight=options.frames_in_flight, check=self._verifier.hello
        )
        self._expected: dict[int, tuple[NDArray[np.int16], dict[str, tuple[int, ...]]]] = {}
        self._exhausted = False
        self._start_s: float | None = None

    def play(self, windows: Windows, stop: Callable[[], bool]) -> Ended:
        if not self._replayer.begin(stop):
            return Ended.STOPPED
        self._start_s = time.monotonic()
        if not self._replayer.run(self._prepared(windows), self._compare, stop):
            return Ended.STOPPED
        if not self._verifier.tally.compared:
            raise DataError("There is no window to replay: every stretch is shorter than one.")
        return Ended.ALL if self._exhausted else Ended.WINDOWS

    def close(self, ended: Ended, error: WearkitError | None) -> Replayed:
        seconds = 0.0 if self._start_s is None else time.monotonic() - self._start_s
        put_back = self._replayer.put_back()
        self._link.close()
        hello, ledger = self._replayer.hello, self._link.ledger
        for fault, count in ((Fault.CORRUPT, ledger.rejected.total()),
                             (Fault.DEVICE_TEXT, self._link.text_lines)):  # fmt: skip
            if count:
                self._faults.counts[fault] += count
        for number in sorted(self._expected):  # sent, or about to be, and not answered
            if number < self._replayer.tally.windows:
                self._verifier.window(number, *self._expected[number])
        self._verifier.finish(is_cut=False)
        contradicted = self._replayer.tally.contradicted
        self._verifier.tally.contradicted += contradicted
        self._verifier.tally.predictions += contradicted
        report = ReplayReport(
            test_set=self._options.test_set,
            tally=self._replayer.tally,
            is_complete=ended in (Ended.ALL, Ended.WINDOWS),
            put_back=put_back,
            seconds=seconds,
            bytes_received=self._link.received_bytes,
            bytes_ok=ledger.bytes_ok,
            bytes_rejected=ledger.bytes_rejected,
            bytes_ignored=ledger.bytes_ignored,
            frames=self._link.frames.total(),
            frames_rejected={str(why): n for why, n in sorted(ledger.rejected.items())},
            simulated=hello is not None and bool(hello.features & Feature.SIMULATED),
            faults={str(fault): n for fault, n in sorted(self._faults.counts.items())},
            events=tuple(self._faults.events),
            ended=ended,
            error=error,
        )
        return Replayed(report, self._verifier, hello, self._requested(ended))

    def _requested(self, ended: Ended) -> Requested:
        options = self._options
        others = options.others
        if ended is Ended.ALL:  # read to its end, so that its size is known
            others = self._replayer.tally.windows - options.golden
        return Requested(options.golden, others, options.max_windows)

    def _prepared(self, windows: Windows) -> Iterator[ReplayWindow]:
        """With what the host expects of each; the reference takes many at a time."""
        assert self._replayer.hello is not None
        axes = self._replayer.hello.axes
        number = 0
        limited = self._limited(windows)
        while batch := list(islice(limited, _BATCH)):
            sensor = [_sensor_counts(window, axes) for window in batch]
            model = np.array([[mapped(row, axes) for row in rows] for rows in sensor], np.int16)
            logits = self._reference.run(counts_to_int8(model))
            for position, rows in enumerate(sensor):
                logit_rows = {task: _row(values[position]) for task, values in logits.items()}
                self._expected[number] = (model[position], logit_rows)
                yield ReplayWindow(number, rows, window_crc(model[position]))
                number += 1

    def _limited(self, windows: Windows) -> Iterator[NDArray[np.int16]]:
        limit = self._options.max_windows
        count = 0
        for window in islice(windows, limit):
            count += 1
            yield window
        self._exhausted = limit is None or count < limit

    def _compare(self, window: ReplayWindow, prediction: Prediction) -> None:
        """Under the window's number in the test set, so that retries leave no trace in it."""
        self._verifier.window(window.number, *self._expected.pop(window.number))
        self._verifier.prediction(replace(prediction, window_first_index=window.number))
        self._on_compared(self._verifier.tally.compared)


def _sensor_counts(window: NDArray[np.int16], axes: AxisMap) -> tuple[Counts, ...]:
    """The counts a sensor mounted that way gives, which is the inverse of `mapped`
    but for the lower rail's negative."""
    sensor = np.empty_like(window)
    for axis in range(3):
        sensor[:, axes.source[axis]] = window[:, axis] * axes.sign[axis]
    rows = np.clip(sensor, COUNT_MIN, COUNT_MAX).tolist()
    return tuple((x, y, z) for x, y, z in rows)


def as_device_gets_it(window: NDArray[np.int16], axes: AxisMap) -> NDArray[np.int16]:
    """What a window becomes on its way: (length, 3) int16 in model axes, through a sensor that is
    mounted that way."""
    return np.array([mapped(row, axes) for row in _sensor_counts(window, axes)], np.int16)


def _row(values: NDArray[np.int8]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
