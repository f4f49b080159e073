"""Verifier: the device's int8 logits of a window against the host's own, bit for bit.

Host windows are the same samples on the same grid, so equal CRCs and different logits mean other
arithmetic, and different CRCs mean that the model was given another input.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Agreement, compare
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.fields import ID_BYTES, window_crc
from wearkit.link.frames.from_device import NO_MODEL, Feature, Hello, Prediction
from wearkit.link.sample import WRAP_32

MAX_PENDING = 64  # windows or predictions that wait for each other; far more than a device's lag
AT_SAMPLE = "Window at sample"

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
    """predictions = compared + predictions_alone; windows = compared + windows_alone, once the
    session has ended; compared = equal + differing. Each of them is counted for itself. values:
    int8 logits compared. A prediction of another model is in none.

    windows: those with every sample on the host. classes: by task, windows by the host's label.
    """

    predictions: int = 0
    predictions_alone: int = 0
    windows: int = 0
    windows_alone: int = 0
    compared: int = 0
    equal: int = 0
    differing: int = 0
    values: int = 0
    classes: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Every window of an ended session was compared and is equal, and there was one."""
        alone = self.windows_alone + self.predictions_alone
        return self.equal > 0 and self.equal == self.compared and not alone


class Verifier:
    """Gets windows and predictions in the order of the stream; either may come first.

    digest: SHA-256 over all compared windows (index, CRC, host logits), so that two runs over the
    same samples can be told to be the same. Memory: MAX_PENDING of each.
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
        self.first_difference: Difference | None = None
        self._tasks = graph.model.tasks
        self._heads = [(head.task, graph.tensor(head.tensor)) for head in graph.heads]
        self._model_id = bytes.fromhex(model_id)[:ID_BYTES]
        self._any_model, self._where = any_model, where
        self._faults = faults
        self._windows: dict[int, WindowLogits] = {}
        self._predictions: dict[int, WindowLogits] = {}
        self._hash = hashlib.sha256()
        for task in self._tasks:
            self.tally.classes[task.name] = Counter()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def hello(self, hello: Hello, reason: str = "") -> None:
        """said: the device's own last words on what is wrong.

        Raises VerificationError when the device runs another model.
        """
        if hello.model_id == self._model_id or self._any_model:
            return
        if hello.model_id == NO_MODEL:
            why = f" ({reason.rstrip('.')})" if reason else ""
            fault = f"The device has no model{why}"
        else:
            fault = f"The device runs model {hello.model_id.hex()}"
        raise VerificationError(
            f"{fault}, the bundle is {self._model_id.hex()}: load the bundle's c/ folder onto the "
            "device, or name its own with --bundle.",
            fault=Fault.MODEL_MISMATCH,
        )

    def both_streams(self, hello: Hello) -> None:
        """Raises VerificationError when the device says that there will be nothing to compare."""
        needed = {Feature.SAMPLES: "samples", Feature.PREDICTIONS: "predictions"}
        missing = [name for feature, name in needed.items() if not hello.features & feature]
        if missing:
            raise VerificationError(
                f"The device sends no {' and no '.join(missing)}, and --verify compares one with "
                "the other: have it send both."
            )

    def restart(self) -> None:
        """The device began again, or the session ended: nothing will answer what waits."""
        self.tally.windows_alone += len(self._windows)
        self.tally.predictions_alone += len(self._predictions)
        self._windows.clear()
        self._predictions.clear()

    def window(
        self, device_index: int, counts: NDArray[np.int16], logits: Mapping[str, HeadRow]
    ) -> None:
        """A window with all its samples. counts: (length, 3).

        Raises VerificationError, which shows both sides, when the device says otherwise.
        """
        window = WindowLogits(device_index % WRAP_32, window_crc(counts), logits)
        self.tally.windows += 1
        device = self._predictions.pop(window.device_index, None)
        if device is not None:
            self._compare(window, device)
            return
        self._windows[window.device_index] = window
        if len(self._windows) > MAX_PENDING:
            del self._windows[next(iter(self._windows))]
            self.tally.windows_alone += 1

    def prediction(self, prediction: Prediction) -> None:
        """What the device said. Raises as `window`."""
        device = WindowLogits(
            prediction.window_first_index, prediction.window_crc, self._by_task(prediction)
        )
        self.tally.predictions += 1  # not before: one of another model is on neither side
        window = self._windows.pop(prediction.window_first_index, None)
        if window is not None:
            self._compare(window, device)
            return
        if prediction.window_first_index in self._predictions:
            self.tally.predictions_alone += 1
        self._predictions[prediction.window_first_index] = device
        if len(self._predictions) > MAX_PENDING:
            del self._predictions[next(iter(self._predictions))]
            self.tally.predictions_alone += 1

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
        for task in self._tasks:
            label = task.labels[int(np.argmax(host.logits[task.name]))]
            self.tally.classes[task.name][label] += 1
        row = b"".join(struct.pack(f"{len(row)}b", *row) for row in host.logits.values())
        self._hash.update(struct.pack("<II", host.device_index, host.crc) + row)
        if agreement.exact and host.crc == device.crc:
            self.tally.equal += 1
            return
        self.tally.differing += 1
        difference = Difference(host, device, agreement, self._where)
        if self.first_difference is None:
            self.first_difference = difference
        raise VerificationError(difference.sentence(), fault=Fault.MISMATCH)


def _rows(window: WindowLogits) -> dict[str, NDArray[np.int8]]:
    return {task: np.array([row], dtype=np.int8) for task, row in window.logits.items()}


def _shown(window: WindowLogits) -> str:
    rows = "; ".join(f"{task} {list(row)}" for task, row in window.logits.items())
    return f"CRC {window.crc:08x} {rows}"
