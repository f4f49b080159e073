"""Verifier: the device's int8 logits of a window against the host's own, bit for bit.

Host windows are the same samples on the same grid, so equal CRCs and different logits mean other
arithmetic, and different CRCs mean that the model was given another input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Agreement, compare
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.frame import MAX_SAMPLES
from wearkit.link.frames.from_device import Feature, Hello, Prediction
from wearkit.link.sample import WRAP_32
from wearkit.spec import ModelSpec
from wearkit.verification.identity import DeviceIdentity
from wearkit.verification.window_list import WindowList

MAX_PENDING = 64  # windows or predictions that wait for each other; far more than a device's lag
AT_SAMPLE, REPLAYED = "Window at sample", "Replayed window"

HeadRow = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """device_index: the device's number of its first sample. logits: by task."""

    device_index: int
    crc: int
    logits: Mapping[str, HeadRow]


@dataclass(frozen=True, slots=True)
class Difference:
    """A window of which host and device do not say the same. where: what its number counts."""

    host: WindowLogits
    device: WindowLogits
    agreement: Agreement
    where: str = AT_SAMPLE

    def to_json(self) -> dict[str, Any]:
        """As a certificate keeps it."""
        sides = {"host": self.host, "device": self.device}
        return {
            "index": self.host.device_index,
            **{
                name: {
                    "crc": side.crc,
                    "logits": {task: list(row) for task, row in side.logits.items()},
                }
                for name, side in sides.items()
            },
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Both sides, and what the CRCs say of the cause."""
        same_input = self.host.crc == self.device.crc
        cause = "same samples, other arithmetic" if same_input else "the device saw other samples"
        return (
            f"{self.where} {self.host.device_index}: {self.agreement.differing} of "
            f"{self.agreement.values} logits differ ({cause}); host {_shown(self.host)}, device "
            f"{_shown(self.device)}."
        )


@dataclass(slots=True)
class VerifyTally:
    """Once the session has ended:

    windows (those with every sample on the host) = compared + windows_alone + windows_in_flight;
    predictions = compared + predictions_alone + predictions_in_flight + before + repeated +
    contradicted + refused; compared = equal + differing. Each of them is counted for itself.

    *_in_flight: of the last samples of a session that was cut while it went on. before: of windows
    that had begun before the first sample. repeated, contradicted: of a window that the device had
    answered, with the same and with another answer. refused: of another model. values: int8 logits
    compared. classes: by task, windows by the host's label. runs: stretches of samples between
    restarts that held a window. unsampled: places of their grids of windows where the host has no
    whole window, because samples were lost or the host was behind.
    """

    predictions: int = 0
    predictions_alone: int = 0
    predictions_in_flight: int = 0
    before: int = 0
    repeated: int = 0
    contradicted: int = 0
    refused: int = 0
    windows: int = 0
    windows_alone: int = 0
    windows_in_flight: int = 0
    unsampled: int = 0
    compared: int = 0
    equal: int = 0
    differing: int = 0
    values: int = 0
    runs: int = 0
    classes: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Every window of an ended session was compared and is equal, and there was one."""
        return self.equal > 0 and self.equal == self.compared == self.due and not self.disputed

    @property
    def due(self) -> int:
        """Windows that host and device both should have computed by the end."""
        return self.compared + self.windows_alone + self.unsampled

    @property
    def disputed(self) -> int:
        """Predictions that belong to no window that was due, or contradict another."""
        return self.predictions_alone + self.contradicted + self.refused


class Verifier:
    """Gets windows and predictions in the order of the stream; either may come first.

    compared: every window that was, in order, for the certificate: its digest and its list of
    windows. Memory: MAX_PENDING of each side, and what that list holds.
    """

    def __init__(
        self,
        graph: QuantizedGraph,
        model_id: str,
        faults: FaultLog,
        *,
        any_model: bool = False,
        where: str = AT_SAMPLE,
    ) -> None:
        """model_id: 64 hex digits. any_model: compare also when the device says another. where:
        as in Difference."""
        self.tally = VerifyTally()
        self.identity = DeviceIdentity(graph, model_id, any_model=any_model)
        self.first_difference: Difference | None = None
        self.compared = WindowList(sum(len(task.labels) for task in graph.model.tasks))
        self._tasks = graph.model.tasks
        self._heads = [(head.task, graph.tensor(head.tensor)) for head in graph.heads]
        self._where = where
        self._faults = faults
        self._windows: dict[int, WindowLogits] = {}
        self._predictions: dict[int, WindowLogits] = {}
        self._answers: dict[int, WindowLogits] = {}  # of the windows compared last
        spec = graph.model.window if isinstance(graph.model, ModelSpec) else None
        self._hop = 1 if spec is None else spec.hop
        # Of windows that had begun before the first sample: those it stands in, and a lag.
        self._most_before = 2 if spec is None else spec.length // spec.hop + 2
        self._run = _Run(self._hop)
        self._has_begun = False
        for task in self._tasks:
            self.tally.classes[task.name] = Counter()

    @property
    def digest(self) -> str:
        """SHA-256 over all compared windows (index, CRC, host logits), so that two runs over the
        same samples can be told to be the same."""
        return self.compared.sha256

    def hello(self, hello: Hello, reason: str = "") -> None:
        """As DeviceIdentity.hello."""
        self.identity.hello(hello, reason)

    def both_streams(self, hello: Hello) -> None:
        """Raises VerificationError when the device says that there will be nothing to compare."""
        needed = {Feature.SAMPLES: "samples", Feature.PREDICTIONS: "predictions"}
        missing = [name for feature, name in needed.items() if not hello.features & feature]
        if missing:
            raise VerificationError(
                f"The device sends no {' and no '.join(missing)}, and --verify compares one with "
                "the other: have it send both."
            )

    def begin_run(self, first_index: int) -> None:
        """A stretch of samples without a restart begins, on the device's grid of windows: from
        here on every place of that grid is due. first_index: the device's own, of its first
        sample. Whoever replays windows of his own choice does not call it."""
        if self._has_begun:
            self.restart()
        self._has_begun = True
        self._run = _Run(self._hop, first_index, self._most_before)
        # Samples wait for the first HELLO, and predictions do not.
        for index in list(self._predictions):
            if self._run.is_before(index):
                del self._predictions[index]
                self.tally.before += 1
            else:
                self._run.prediction(index)

    def restart(self) -> None:
        """The device began again, or the session ended: nothing will answer what waits."""
        self.tally.windows_alone += len(self._windows)
        self.tally.predictions_alone += len(self._predictions)
        self._windows.clear()
        self._predictions.clear()
        self._answers.clear()
        self.tally.unsampled += self._run.unsampled
        self.tally.runs += self._run.places > 0
        self._run = _Run(self._hop)

    def finish(self, *, is_cut: bool) -> None:
        """The session ended. is_cut: it would have gone on, so that what belongs to its very last
        samples may have been on its way."""
        if is_cut and self._run.first_index is not None:
            newest = self._run.last_window
            in_flight = [at for at in self._windows if (newest - at) % WRAP_32 < MAX_SAMPLES]
            self.tally.windows_in_flight += len(in_flight)
            for at in in_flight:
                del self._windows[at]
            most = max(self._hop, MAX_SAMPLES)
            early = [at for at in self._predictions if 0 < (at - newest) % WRAP_32 <= most]
            self.tally.predictions_in_flight += len(early)
            for at in early:
                del self._predictions[at]
            self._run.cut()
        self.restart()

    def window(
        self, device_index: int, counts: NDArray[np.int16], logits: Mapping[str, HeadRow]
    ) -> None:
        """A window with all its samples. counts: (length, 3).

        Raises VerificationError, which shows both sides, when the device says otherwise, and when
        it has left MAX_PENDING windows unanswered.
        """
        window = WindowLogits(device_index % WRAP_32, window_crc(counts), logits)
        self.tally.windows += 1
        if not self._run.window(device_index):
            self.tally.runs += 1  # of a run that is over: two runs came mixed
        device = self._predictions.pop(window.device_index, None)
        if device is not None:
            self._compare(window, device)
            return
        if window.device_index in self._windows:
            self.tally.windows_alone += 1
        self._windows[window.device_index] = window
        if len(self._windows) > MAX_PENDING:
            del self._windows[next(iter(self._windows))]
            self.tally.windows_alone += 1
            raise VerificationError(
                f"The device has left {MAX_PENDING} windows unanswered: its model does not run, or "
                "is too slow for the hop.",
                fault=Fault.NO_ANSWER,
            )

    def prediction(self, prediction: Prediction) -> None:
        """What the device said. Raises as `window`, and for another model."""
        self.tally.predictions += 1
        try:
            self.identity.prediction(prediction)
            logits = self._by_task(prediction)
        except VerificationError:
            self.tally.refused += 1
            raise
        index = prediction.window_first_index
        device = WindowLogits(index, prediction.window_crc, logits)
        earlier = self._answers.get(index) or self._predictions.get(index)
        window = self._windows.pop(index, None)
        if window is not None:
            self._compare(window, device)
        elif earlier is not None:
            self._repeat(earlier, device)
        elif self._run.is_before(index):
            self.tally.before += 1
        else:
            self._run.prediction(index)
            self._predictions[index] = device
            if len(self._predictions) > MAX_PENDING:
                del self._predictions[next(iter(self._predictions))]
                self.tally.predictions_alone += 1

    def _repeat(self, earlier: WindowLogits, device: WindowLogits) -> None:
        if earlier == device:
            self.tally.repeated += 1
            return
        self.tally.contradicted += 1
        self._faults.add(
            Fault.CONFLICT,
            f"two answers to one window: {self._where.lower()} {device.device_index}",
        )

    def _by_task(self, prediction: Prediction) -> Mapping[str, HeadRow]:
        """Raises VerificationError when the heads are not those of the model."""
        heads = {}
        for (task, tensor), head in zip(self._heads, prediction.heads, strict=False):
            same = np.float32(head.scale) == np.float32(tensor.scale)
            if same and head.zero_point == tensor.zero_point:
                heads[task] = head.logits
        sizes = {task.name: len(task.labels) for task in self._tasks}
        if (
            len(prediction.heads) != len(sizes)
            or {t: len(row) for t, row in heads.items()} != sizes
        ):
            raise VerificationError(
                "The device's prediction has other heads, scales or zero points than the bundle's "
                "model: it runs another one.",
                fault=Fault.MODEL_MISMATCH,
            )
        return heads

    def _compare(self, host: WindowLogits, device: WindowLogits) -> None:
        agreement = compare(_rows(host), _rows(device))
        self.tally.compared += 1
        self.tally.values += agreement.values
        self.identity.compared()
        self._answers[device.device_index] = device
        if len(self._answers) > MAX_PENDING:
            del self._answers[next(iter(self._answers))]
        for task in self._tasks:
            label = task.labels[int(np.argmax(host.logits[task.name]))]
            self.tally.classes[task.name][label] += 1
        rows = [host.logits[task.name] for task in self._tasks]
        self.compared.add(host.device_index, host.crc, [value for row in rows for value in row])
        if agreement.exact and host.crc == device.crc:
            self.tally.equal += 1
            return
        self.tally.differing += 1
        difference = Difference(host, device, agreement, self._where)
        if self.first_difference is None:
            self.first_difference = difference
        raise VerificationError(difference.sentence(), fault=Fault.MISMATCH)


class _Run:
    """The grid of windows of one stretch of samples. first_index: None where nobody said it."""

    def __init__(self, hop: int, first_index: int | None = None, most_before: int = 0) -> None:
        """most_before: predictions of windows that began before it that are believed."""
        self.first_index = first_index
        self._hop, self._most_before = hop, most_before
        self._windows = 0
        self._last: int | None = None
        self._last_window: int | None = None
        self._before = 0

    @property
    def places(self) -> int:
        """Windows that were due so far."""
        if self.first_index is None or self._last is None:
            return self._windows
        return max((self._last - self.first_index) // self._hop + 1, self._windows)

    @property
    def unsampled(self) -> int:
        return self.places - self._windows

    @property
    def last_window(self) -> int:
        """Index of the newest whole window; one hop before the first where there is none."""
        if self._last_window is not None:
            return self._last_window
        return 0 if self.first_index is None else self.first_index - self._hop

    def window(self, index: int) -> bool:
        """False for one that begins before this run."""
        self._windows += 1
        if self.first_index is None:
            return True
        self._last = index if self._last is None else max(self._last, index)
        self._last_window = index
        return index >= self.first_index

    def is_before(self, index: int) -> bool:
        """Whether a prediction is of a window that began before the run; few of them are."""
        if self.first_index is None or self._ahead(index) >= 0 or self._before == self._most_before:
            return False
        self._before += 1
        return True

    def prediction(self, index: int) -> None:
        """Its window is due, too, where it lies on the grid and not wildly ahead."""
        if self.first_index is None:
            return
        at = self.first_index + self._ahead(index)
        if 0 <= at - self.last_window <= MAX_PENDING * self._hop:
            self._last = at if self._last is None else max(self._last, at)

    def cut(self) -> None:
        """What only a prediction spoke of, behind the newest window, is no longer due."""
        self._last = self._last_window

    def _ahead(self, index: int) -> int:
        assert self.first_index is not None
        step = (index - self.last_window) % WRAP_32
        signed = step - WRAP_32 if step >= WRAP_32 // 2 else step
        return self.last_window + signed - self.first_index


def _rows(window: WindowLogits) -> dict[str, NDArray[np.int8]]:
    return {task: np.array([row], dtype=np.int8) for task, row in window.logits.items()}


def _shown(window: WindowLogits) -> str:
    rows = "; ".join(f"{task} {list(row)}" for task, row in window.logits.items())
    return f"CRC {window.crc:08x} {rows}"
