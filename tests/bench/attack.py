"""Attack: one scripted way to fool wearkit, and what it made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Attack:
    """name: what is tried, in a few words. run: tries it in an empty folder of its own, and returns
    (whether wearkit was fooled, the verdict or the sentence it gave)."""

    name: str
    run: Callable[[Path], tuple[bool, str]]
