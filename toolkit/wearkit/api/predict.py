"""predict(): samples in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.api.load import load
from wearkit.bundle.bundle import Bundle
from wearkit.counts import COUNTS_PER_G, counts_to_int8, g_to_counts
from wearkit.errors import DataError, ModelFileError, VerificationError
from wearkit.integer import reference
from wearkit.integer.logits import Logits, softmax
from wearkit.spec import ModelSpec, WindowSpec
from wearkit.training.run import Run

# A body at rest has 1 g and a runner's median is near it; m/s2, mg or counts as floats are ten
# times and more away, and nothing that is worn stays outside.
PLAUSIBLE_G = (0.5, 2.0)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of N windows.

    start: (N,) int64, the first sample of each window (its number, where windows were given).
    labels: task -> (N,) str. probabilities: task -> (N, labels) float64, rows sum to 1.
    logits: task -> (N, labels), int8 of a bundle, float32 of a run.
    """

    model: ModelSpec
    start: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.str_]]
    probabilities: Mapping[str, NDArray[np.float64]]
    logits: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.start)

    def int8_logits(self) -> Logits:
        """Raises VerificationError for those of a run, which are float32."""
        if any(values.dtype != np.int8 for values in self.logits.values()):
            raise VerificationError("A run's logits are float32: compare those of bundles.")
        return self.logits

    def table(self) -> list[dict[str, str | float | int]]:
        """One plain row a window, as pandas.DataFrame takes them.

        >>> list(wk.predict(bundle, windows.counts[:2]).table()[0])
        ['start', 'posture', 'posture_probability', 'placement', 'placement_probability']
        """
        rows: list[dict[str, str | float | int]] = []
        for number, start in enumerate(self.start):
            row: dict[str, str | float | int] = {"start": int(start)}
            for task, labels in self.labels.items():
                row[task] = str(labels[number])
                row[f"{task}_probability"] = float(self.probabilities[task][number].max())
            rows.append(row)
        return rows


def predict(
    model: Bundle | Run | str | Path, samples: NDArray[np.integer] | NDArray[np.floating]
) -> Predictions:
    """Labels, probabilities and logits of every window of `samples`.

    model: a bundle, whose integers a device computes bit for bit, or a run, the float network.
    samples: (N, length, 3) windows, or (T, 3) one stretch without a gap, cut every `hop`; axes in
    the sensor's order, at the model's rate. Integers are ADXL345 counts, 256 per g; floats are g.

    Raises DataError for another shape, values that are not finite or no body's (the median
    length of the samples lies outside 0.5 to 2 g), or fewer samples than a window, ModelFileError
    for a bundle that was imported and says nothing of its windows.

    >>> wk.predict(bundle, windows.counts[:3]).probabilities["posture"].shape
    (3, 3)
    """
    opened = load(model) if isinstance(model, str | Path) else model
    if not isinstance(opened, Bundle | Run):
        raise ModelFileError(f"{model} is a recording: name a bundle or a run to predict with.")
    spec = opened.model if isinstance(opened, Bundle) else opened.checkpoint.model
    counts, start = _windows(_counts(np.asarray(samples)), spec.window)
    logits, probabilities = _answers(opened, counts_to_int8(counts))
    labels = {
        task.name: np.array(task.labels)[logits[task.name].argmax(axis=1)] for task in spec.tasks
    }
    return Predictions(spec, start, labels, probabilities, logits)


def _answers(
    model: Bundle | Run, inputs: NDArray[np.int8]
) -> tuple[Mapping[str, NDArray[Any]], Mapping[str, NDArray[np.float64]]]:
    """Logits and probabilities, task -> (N, labels)."""
    if isinstance(model, Bundle):
        integers = reference.run(model.graph, inputs)
        scales = model.head_scales
        return integers, {task: softmax(integers[task], scales[task]) for task in integers}
    from wearkit.evaluation.scores import float_logits

    floats = float_logits(model.checkpoint, inputs)
    return floats, {task: softmax(values) for task, values in floats.items()}


def _counts(samples: NDArray[Any]) -> NDArray[np.int16]:
    if samples.dtype.kind not in "iuf":
        raise DataError(f"Samples must be integers (counts) or floats (g), not {samples.dtype}.")
    if samples.ndim not in (2, 3) or samples.shape[-1] != 3 or not samples.size:
        raise DataError(f"Samples must be (N, length, 3) or (T, 3), not {samples.shape}.")
    is_g = samples.dtype.kind == "f"
    acc_g = samples.astype(np.float64) / (1 if is_g else COUNTS_PER_G)
    if not np.isfinite(acc_g).all():
        raise DataError("A sample is not a finite number.")
    median_g = float(np.median(np.linalg.norm(acc_g.reshape(-1, 3), axis=1)))
    if not PLAUSIBLE_G[0] <= median_g <= PLAUSIBLE_G[1]:
        kind = "floats are g" if is_g else "integers are counts, 256 per g"
        raise DataError(
            f"The samples' median length is {median_g:.3g} g, and a body's is near 1 g "
            f"({kind}): convert them, m/s2 by dividing by 9.80665."
        )
    return g_to_counts(acc_g)


def _windows(
    counts: NDArray[np.int16], spec: WindowSpec
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """(N, length, 3) windows and where each starts."""
    if counts.ndim == 3:
        if counts.shape[1] != spec.length:
            raise DataError(f"The model's windows have {spec.length} samples, not {counts.shape}.")
        return counts, np.arange(len(counts), dtype=np.int64)
    if len(counts) < spec.length:
        raise DataError(f"{len(counts)} samples are less than a window of {spec.length}.")
    every = np.lib.stride_tricks.sliding_window_view(counts, spec.length, axis=0)
    start = np.arange(0, len(counts) - spec.length + 1, spec.hop, dtype=np.int64)
    return np.ascontiguousarray(every[start].transpose(0, 2, 1)), start
