"""PlacementCheck: is the sensor worn where the user says? The placement head's opinion, smoothed.

One window proves little: heads are right nine times in ten at best, and a person who turns over
looks like another placement for a moment. The mean probability over the last ten windows (12 s at
50 Hz and hop 60) names a place only when it is clear of the declared one.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.integer.logits import Verdict, softmax
from wearkit.link.faults import Fault, FaultLog
from wearkit.spec import ImportedSpec, ModelSpec

TASK = "placement"
SMOOTHED_WINDOWS = 10
MARGIN = 0.2  # of mean probability, by which another place must lead to contradict
REASON = "placement"


class PlacementCheck:
    """Takes the placement verdict of every window in order. `disagrees`: since the newest.

    Before SMOOTHED_WINDOWS windows, and across a restart, it has no opinion.
    """

    def __init__(
        self, model: ModelSpec | ImportedSpec, declared: str, scale: float, faults: FaultLog
    ) -> None:
        """declared: a label of the placement head; scale: of the head's logits.

        Raises DataError when the model has no such head or label.
        """
        labels = {task.name: task.labels for task in model.tasks}.get(TASK)
        if labels is None:
            raise DataError("The model has no placement head: leave --placement out.")
        if declared not in labels:
            raise DataError(f"--placement {declared} is not one of {', '.join(labels)}.")
        self.disagrees = False
        self._labels = labels
        self._declared = labels.index(declared)
        self._scale = scale
        self._faults = faults
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=SMOOTHED_WINDOWS)

    def restart(self) -> None:
        """It may be worn elsewhere now."""
        self._recent.clear()
        self.disagrees = False

    def push(self, verdict: Verdict) -> None:
        """said: the placement verdict of one valid window."""
        self._recent.append(softmax(np.array(verdict.logits), self._scale))
        if len(self._recent) < SMOOTHED_WINDOWS:
            return
        mean = np.mean(self._recent, axis=0)
        best = int(mean.argmax())
        lead = float(mean[best] - mean[self._declared])
        # Once contradicted, the declared place must be ahead again: no flicker between the two.
        disagrees = best != self._declared if self.disagrees else lead > MARGIN
        if disagrees and not self.disagrees:
            self._faults.add(
                Fault.PLACEMENT,
                f"looks worn on {self._labels[best]} ({mean[best]:.0%}), not on "
                f"{self._labels[self._declared]} ({mean[self._declared]:.0%})",
            )
        self.disagrees = disagrees
