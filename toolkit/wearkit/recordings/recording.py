"""What a body did: samples in g with their times, who wore the sensor, where, doing what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.spec import MAX_SUBJECT, MAX_TEXT, is_task_name, is_text

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """What was happening, sample by sample, for one task ("activity", "posture").

    codes: (T,) int16 index into `names`; UNLABELLED (-1) where nobody said.
    Raises DataError for other codes, a task or a label that cannot be shown (spec.is_text).
    """

    task: str
    names: tuple[str, ...]
    codes: NDArray[np.int16]

    def __post_init__(self) -> None:
        if self.codes.ndim != 1 or self.codes.dtype != np.int16:
            raise DataError("Label codes must be a one-dimensional int16 array.")
        if self.codes.size and not -1 <= self.codes.min() <= self.codes.max() < len(self.names):
            raise DataError(f"A label code of task {self.task!r} is outside its label list.")
        _require_texts(self.task, self.names)


@lru_cache(maxsize=64)
def _require_texts(task: str, names: tuple[str, ...]) -> None:
    """Once for the many recordings that share a label list."""
    if not is_task_name(task):
        raise DataError(f"The label task {task[:MAX_TEXT]!r} must be a plain ASCII word.")
    for name in names:
        if not is_text(name):
            raise DataError(
                f"The label {name[:MAX_TEXT]!r} must be one line of 1 to {MAX_TEXT} printable "
                "characters."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One sensor on one person.

    acc_g: (T, 3) float32 in g, finite, axes x, y, z in sensor order.
    time_s: (T,) float64, strictly increasing; a step over 1.5 nominal periods is a gap.
    rate_hz: the measured rate (median step), used to recognise gaps.
    subject, source: bytes of a file name that are no UTF-8 are written out, as \\udcff: the names
    end up in JSON, digests and pictures. subject and placement are one printable line each
    (spec.is_text): they are printed, drawn and written as pages.
    dropped: rows of the source that are not here, by reason.
    """

    acc_g: NDArray[np.float32]
    time_s: NDArray[np.float64]
    rate_hz: float
    subject: str
    placement: str
    source: str
    labels: LabelTrack
    simulated: bool = False
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("subject", "source"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, text)
        named = MAX_SUBJECT if ":" in self.subject else MAX_TEXT
        for name, most in (("subject", named), ("placement", MAX_TEXT)):
            text = getattr(self, name)
            if not is_text(text, most):
                raise DataError(
                    f"{self.source}: the {name} {text[:MAX_TEXT]!r} must be one line of 1 to "
                    f"{MAX_TEXT} printable characters; name it in a {name} column, or rename the "
                    "file where the file's name is the subject's."
                )
        rows = self.acc_g.shape[0]
        if self.acc_g.shape != (rows, 3) or self.acc_g.dtype != np.float32:
            raise DataError(f"{self.source}: samples must be (T, 3) float32 in g.")
        if not np.isfinite(self.acc_g).all():
            raise DataError(f"{self.source}: a sample is not a finite number.")
        if self.time_s.shape != (rows,) or self.labels.codes.shape != (rows,):
            raise DataError(f"{self.source}: samples, times and labels differ in length.")
        if rows > 1 and not (np.diff(self.time_s) > 0).all():
            raise DataError(f"{self.source}: time does not increase from sample to sample.")
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise DataError(f"{self.source}: the sample rate must be positive.")

    def __len__(self) -> int:
        return int(self.acc_g.shape[0])
