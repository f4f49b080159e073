"""DeviceIdentity: who answers, and whether it is one device with the bundle's model and windows."""

from __future__ import annotations

from collections import Counter

import numpy as np

from wearkit.counts import COUNTS_PER_G
from wearkit.errors import DataError, VerificationError, WearkitError
from wearkit.integer.graph import QuantizedGraph
from wearkit.link.faults import Fault
from wearkit.link.frames.fields import ID_BYTES
from wearkit.link.frames.from_device import ADXL345_ID, NO_MODEL, Feature, Hello, Prediction
from wearkit.link.frames.hello_check import has_scale_of_adxl345
from wearkit.spec import ModelSpec

_PER_G = (COUNTS_PER_G,) * 3


class DeviceIdentity:
    """Checks every HELLO and every PREDICTION of a session against the bundle and the first HELLO.

    hellos: that came. hellos_of_another_model, predictions_of_another_model: naming another than
    the bundle's, whether refused or let through. hellos_of_another_input: with another rate,
    other windows, classes or input numbers. hellos_of_another_device: with another uid or
    firmware than the first, or no longer simulated, or no longer not. windows_by_boot: compared
    windows under each (uid, boot id).
    """

    def __init__(self, graph: QuantizedGraph, model_id: str, *, any_model: bool = False) -> None:
        """model_id: 64 hex digits. any_model: let devices pass that name another model."""
        self.any_model = any_model
        self.hellos = self.hellos_of_another_model = self.hellos_of_another_input = 0
        self.hellos_of_another_device = self.predictions_of_another_model = 0
        self.windows_by_boot: Counter[tuple[str, int]] = Counter()
        self._model_id = bytes.fromhex(model_id)[:ID_BYTES]
        self._graph = graph
        self._first: Hello | None = None
        self._newest: Hello | None = None

    @property
    def devices(self) -> int:
        """How many of another uid or firmware said HELLO, the first included; 0 before one."""
        return (self._first is not None) + self.hellos_of_another_device

    def hello(self, hello: Hello, reason: str = "") -> None:
        """reason: the device's own last words on what is wrong.

        Raises VerificationError for another model, another device or other input numbers and
        classes, DataError for other windows.
        """
        self.hellos += 1
        if hello.model_id != self._model_id:
            self.hellos_of_another_model += 1
            if not self.any_model:
                raise self._another_model(hello.model_id, reason)
        self._check_device(hello)
        error = self._other_input(hello)
        if error is not None:
            self.hellos_of_another_input += 1
            raise error
        self._newest = hello

    def prediction(self, prediction: Prediction) -> None:
        """Raises VerificationError when it names another model than the HELLO in force does."""
        if prediction.model_id != self._model_id:
            self.predictions_of_another_model += 1
        expected = self._model_id if self._newest is None else self._newest.model_id
        if prediction.model_id != expected:
            raise VerificationError(
                f"The device's HELLO names model {expected.hex()} and its prediction "
                f"{prediction.model_id.hex()}: flash its firmware again.",
                fault=Fault.MODEL_MISMATCH,
            )

    def compared(self) -> None:
        """Another window was compared: it counts for the device that spoke last."""
        if self._newest is not None:
            self.windows_by_boot[self._newest.uid.hex(), self._newest.boot_id] += 1

    def _another_model(self, model_id: bytes, reason: str) -> VerificationError:
        if model_id == NO_MODEL:
            why = f" ({reason.rstrip('.')})" if reason else ""
            fault = f"The device has no model{why}"
        else:
            fault = f"The device runs model {model_id.hex()}"
        return VerificationError(
            f"{fault}, the bundle is {self._model_id.hex()}: load the bundle's c/ folder onto the "
            "device, or name its own with --bundle.",
            fault=Fault.MODEL_MISMATCH,
        )

    def _check_device(self, hello: Hello) -> None:
        if self._first is None:
            self._first = hello
            return
        before, now = _named(self._first), _named(hello)
        if now != before:
            self.hellos_of_another_device += 1
            raise VerificationError(
                f"Another device answers now: {before} before, {now} now. A proof is of one "
                "device: start again.",
                fault=Fault.DEVICE_CHANGED,
            )

    def _other_input(self, hello: Hello) -> WearkitError | None:
        """What the device's windows, input or classes have other than the bundle's."""
        model = self._graph.model
        if isinstance(model, ModelSpec):
            spec = model.window
            if (hello.window, hello.hop) != (spec.length, spec.hop):
                return DataError(
                    f"The device's windows are {hello.window} samples every {hello.hop}, the "
                    f"bundle's {spec.length} every {spec.hop}: name the device's bundle."
                )
            # A sensor that does not answer has no rate; a replay does not need one.
            is_read = hello.registers.devid == ADXL345_ID
            if is_read and hello.registers.rate_hz != spec.rate_hz:
                return VerificationError(
                    f"The device samples at {hello.registers.rate_hz:g} Hz, the bundle's model is "
                    f"of {spec.rate_hz:g} Hz: build its firmware again with `wearkit firmware`.",
                    fault=Fault.RATE_FAULT,
                )
        tensor = self._graph.tensor(self._graph.input)
        labels = {task.name: len(task.labels) for task in model.tasks}
        classes = tuple(labels[head.task] for head in self._graph.heads)
        per_g = hello.lsb_per_g if has_scale_of_adxl345(hello) else _PER_G
        for name, value, expected in (
            ("input scale", np.float32(hello.input_scale_g), np.float32(tensor.scale)),
            ("input zero point", hello.input_zero_point, tensor.zero_point),
            ("counts per g", hello.lsb_per_g, per_g),
            ("classes", hello.classes, classes),
        ):
            if value != expected:
                return VerificationError(
                    f"The device's {name} is {value}, the bundle's {expected}: load the bundle's "
                    "c/ folder onto the device, or name its own with --bundle.",
                    fault=Fault.MODEL_MISMATCH,
                )
        return None


def _named(hello: Hello) -> str:
    simulated = ", simulated" if hello.features & Feature.SIMULATED else ""
    return f"{hello.uid.hex()}, firmware {'.'.join(map(str, hello.firmware))}{simulated}"
