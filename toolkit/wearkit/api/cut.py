"""cut(): recordings -> windows of one length and rate."""

from __future__ import annotations

from wearkit.recordings.dataset import Dataset
from wearkit.spec import SPLITS, TaskSpec, WindowSpec
from wearkit.windows.cache import cached_cut
from wearkit.windows.copies import one_name_each
from wearkit.windows.evaluation_protocol import cut_for
from wearkit.windows.window_set import WindowSet


def cut(
    dataset: Dataset,
    spec: WindowSpec | None = None,
    *,
    tasks: tuple[TaskSpec, ...] | None = None,
    protocol: str = SPLITS[0],
    gravity_check: bool = True,
) -> WindowSet:
    """Windows of `spec.length` samples every `spec.hop`: `counts` (N, length, 3) int16, 256 per g,
    -512 to 511, with a target for each task and the subject of each window.

    spec: 100 samples every 60 at 50 Hz by default; recordings at another rate are resampled.
    tasks: of a model that is to be scored, to which labels are matched by name. protocol: the
    split that follows; only "paper" is cut otherwise. gravity_check: refuse recordings whose
    gravity at rest is not 1 g; False for data without gravity. Subjects who share recordings are
    one subject, and a note says so.

    Raises DataError when no task or no window remains, and for recordings in a wrong unit.

    >>> wk.cut(dataset, wk.WindowSpec(rate_hz=50)).counts.shape[1:]
    (100, 3)
    """
    chosen = WindowSpec() if spec is None else spec
    if tasks is not None:
        windows = cached_cut(dataset, chosen, tasks=tasks, gravity_check=gravity_check)
        return one_name_each(windows)
    return cut_for(dataset, chosen, protocol, gravity_check=gravity_check)
