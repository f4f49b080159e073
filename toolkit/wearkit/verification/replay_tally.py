"""ReplayTally: how often windows went out and answers came in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ReplayTally:
    """tries = windows + retries; answers = answered + extra_answers, once put back. answered: of
    windows, in their order; extra_answers: predictions of the sensor's own windows, of a window
    that was answered already, or left over at the end; contradicted: of them, those that say of a
    window what its answer did not. resets: new boot ids."""

    windows: int = 0
    tries: int = 0
    retries: int = 0
    answered: int = 0
    answers: int = 0
    extra_answers: int = 0
    resets: int = 0
    contradicted: int = 0
