"""compare(): the one comparison of int8 logits."""

from __future__ import annotations

from wearkit.api.predict import Predictions
from wearkit.integer.logits import Agreement, Logits
from wearkit.integer.logits import compare as compare_logits


def compare(a: Predictions | Logits, b: Predictions | Logits) -> Agreement:
    """How the int8 logits of the same windows differ; `exact` when none does.

    a, b: what `predict` gave for a bundle, or task -> (N, labels) int8.

    Raises VerificationError when tasks, shapes or types differ.

    >>> first = wk.predict(bundle, windows.counts[:8])
    >>> wk.compare(first, first).exact
    True
    """
    return compare_logits(_logits(a), _logits(b))


def _logits(value: Predictions | Logits) -> Logits:
    return value.int8_logits() if isinstance(value, Predictions) else value
