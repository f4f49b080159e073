"""How tasks share the loss, and the settings of a training (which a checkpoint remembers)."""

from __future__ import annotations

from wearkit.model.training_config import CLASS_WEIGHTS, METHOD_NAMES, PRECISIONS, TrainingConfig

__all__ = ["CLASS_WEIGHTS", "METHOD_NAMES", "PRECISIONS", "TrainingConfig", "task_weights"]


def task_weights(tasks: int, alpha: float) -> tuple[float, ...]:
    """(1,) for one task, else alpha for the first and 1 - alpha shared evenly by the others."""
    if tasks == 1:
        return (1.0,)
    return (alpha, *[(1.0 - alpha) / (tasks - 1)] * (tasks - 1))
