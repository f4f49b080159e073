"""When learning turns into learning by heart."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from wearkit.training.epochs import EpochRecord, EpochScores, overfitting_epoch


def _record(epoch: int, training: float, validation: float) -> EpochRecord:
    learned, checked = (EpochScores({"a": loss}, {"a": 0.5}) for loss in (training, validation))
    return EpochRecord(epoch, training, learned, checked, None)


def _history(training: list[float], validation: list[float]) -> list[EpochRecord]:
    pairs = zip(training, validation, strict=True)
    return [_record(number, *losses) for number, losses in enumerate(pairs, start=1)]


FALLING = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]


@pytest.mark.parametrize(
    ("training", "validation", "expected"),
    [
        (FALLING, [1.0, 0.9, 1.0, 1.1, 1.2, 1.3], 5),
        (FALLING, [1.0, 1.1, 1.2, 1.1, 1.2, 1.3], None),  # two in a row, twice
        (FALLING, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0], None),
        (FALLING[::-1], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5], None),  # both rise: it diverges
        ([0.9, 0.8, 0.7, 0.8, 0.7, 0.6], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5], None),
        ([], [], None),
    ],
)
def test_three_epochs_in_a_row_of_losses_that_part(
    training: list[float], validation: list[float], expected: int | None
) -> None:
    assert overfitting_epoch(_history(training, validation)) == expected


def test_the_display_says_so_once(needs_module: Callable[[str, str], None]) -> None:
    needs_module("torch", "pip install 'wearkit[train]'")
    from rich.console import Console

    from wearkit.cli.terminal.training_display import TrainingDisplay

    written = io.StringIO()
    display = TrainingDisplay(Console(file=written, soft_wrap=True))
    for record in _history(FALLING, [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]):
        display.epoch(record)
    lines = written.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith("OVER")] == ["OVERFITTING"]
    assert lines[4].startswith("OVERFITTING: for 3 epochs"), "right after the epoch that shows it"
