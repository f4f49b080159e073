"""report.json: what an export measured. Nothing in it depends on the clock or on a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.scores import score_logits
from wearkit.integer.graph import Conv1D, Dense, QuantizedGraph
from wearkit.model.architecture import mac_count, parameter_count
from wearkit.spec import trained
from wearkit.training.metrics_file import Metrics
from wearkit.training.run import Run
from wearkit_export.bundle.c_folder import CFolder
from wearkit_export.bundle.compared import compared_text, is_sample
from wearkit_export.bundle.equality import EqualityRow, FloatRow, NotRun

FORMAT = "wearkit-report"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Both models on the run's test windows, task -> score."""

    windows: int
    subjects: int
    fp32: Mapping[str, TaskScore]
    int8: Mapping[str, TaskScore]

    def to_json(self) -> dict[str, Any]:
        tasks = {}
        for task, before in self.fp32.items():
            after = self.int8[task]
            tasks[task] = {
                "fp32": before.to_json(),
                "int8": after.to_json(),
                "accuracy_drop": before.accuracy - after.accuracy,
                "macro_f1_drop": before.macro_f1 - after.macro_f1,
            }
        return {"windows": self.windows, "subjects": self.subjects, "tasks": tasks}


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """file_bytes: model file -> size. windows: where the compared windows come from -> how many;
    available_windows: how many there are, where the compared ones are a sample.
    metrics: the run's metrics.json, None for a bare checkpoint. simulated: None when unknown.
    c_folder: None until the sources are written."""

    graph: QuantizedGraph
    model_id: str
    fingerprint: str
    file_bytes: Mapping[str, int]
    windows: Mapping[str, int]
    available_windows: Mapping[str, int]
    equality: tuple[EqualityRow | NotRun, ...]
    fp32: tuple[FloatRow, ...]
    accuracy: Accuracy | None
    metrics: Metrics | None
    calibration_windows: int = 0
    simulated: bool | None = None
    c_folder: CFolder | None = None

    @property
    def constant_bytes(self) -> int:
        """Weights and biases of the int8 model: the least a device must keep in flash."""
        linear = [op for op in self.graph.ops if isinstance(op, Conv1D | Dense)]
        return sum(op.weight.nbytes + op.bias.nbytes for op in linear)

    @property
    def compared(self) -> str:
        """Such as "36 golden and 1000 of 8787 test"."""
        return compared_text(self.windows, self.available_windows)

    @property
    def is_sample(self) -> bool:
        """Whether test windows were left out of the comparison."""
        return is_sample(self.windows, self.available_windows)

    @property
    def not_run(self) -> tuple[NotRun, ...]:
        return tuple(row for row in self.equality if isinstance(row, NotRun))

    @property
    def run(self) -> tuple[EqualityRow, ...]:
        return tuple(row for row in self.equality if isinstance(row, EqualityRow))

    def to_json(self) -> dict[str, Any]:
        model = trained(self.graph.model)
        linear = [op for op in self.graph.ops if isinstance(op, Dense)]
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model_id": self.model_id,
            "fingerprint": self.fingerprint,
            "simulated": self.simulated,
            "model": {
                "arch": model.arch,
                "parameters": parameter_count(model),
                "macs_per_window": mac_count(model),
                "int8_constant_bytes": self.constant_bytes,
            },
            "quantization": {
                "calibration_windows": self.calibration_windows,
                "rounding": self.graph.rounding,
                "dense_per_channel": any(op.weight_scale.size > 1 for op in linear),
            },
            "file_bytes": dict(self.file_bytes),
            "c": None if self.c_folder is None else self.c_folder.to_json(),
            "compared_windows": dict(self.windows),
            "available_windows": dict(self.available_windows),
            "equality": [row.to_json() for row in self.equality],
            "fp32": [row.to_json() for row in self.fp32],
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "split": None if self.metrics is None else self.metrics.split.to_json(),
        }


def measure_accuracy(
    float_logits: Mapping[str, NDArray[np.float64]],
    int8_logits: Mapping[str, NDArray[np.int8]],
    run: Run,
) -> Accuracy:
    """fp32 against int8 on all windows of the people the run never saw.

    Both: task -> (N, labels) for the run's N test windows, the integers by the reference.
    """
    test = run.test
    return Accuracy(
        windows=len(test),
        subjects=len(np.unique(test.subject)),
        fp32=score_logits(float_logits, test),
        int8=score_logits(int8_logits, test),
    )
