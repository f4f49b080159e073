"""What a stretch of samples makes due, and what its beginning and its end excuse."""

from __future__ import annotations

import numpy as np
import pytest

from wearkit.integer.graph import QuantizedGraph
from wearkit.link.faults import FaultLog
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import HeadLogits, Prediction
from wearkit.link.sample import WRAP_32
from wearkit.verification.verifier import MAX_PENDING, Verifier

MODEL_ID = "0123456789abcdef" * 4
ROWS = {"activity": (1, 2, 9, 4), "side": (-5, 6)}
COUNTS = np.zeros((100, 3), np.int16)
HOP, FIRST = 60, 600
HEADS = tuple(HeadLogits(0.0625, 3, row) for row in ROWS.values())


@pytest.fixture
def verifier(tiny_graph: QuantizedGraph) -> Verifier:
    return Verifier(tiny_graph, MODEL_ID, FaultLog())


def host(verifier: Verifier, *indices: int) -> None:
    for index in indices:
        verifier.window(index, COUNTS, ROWS)


def device(verifier: Verifier, *indices: int) -> None:
    for index in indices:
        verifier.prediction(
            Prediction(index, window_crc(COUNTS), bytes.fromhex(MODEL_ID)[:8], 1, HEADS)
        )


def test_answers_that_came_before_the_first_sample_are_of_windows_begun_before(
    verifier: Verifier,
) -> None:
    device(verifier, FIRST - HOP, FIRST)
    verifier.begin_run(FIRST)
    assert (verifier.tally.before, verifier.tally.predictions) == (1, 2)
    host(verifier, FIRST)
    verifier.finish(is_cut=False)
    assert verifier.tally.is_whole
    assert (verifier.tally.compared, verifier.tally.runs) == (1, 1)


def test_as_many_windows_began_before_as_the_first_sample_stands_in_and_one_lag(
    verifier: Verifier,
) -> None:
    verifier.begin_run(FIRST)
    device(verifier, FIRST - HOP, FIRST - 2 * HOP, FIRST - 3 * HOP)
    assert verifier.tally.before == 3  # two that the sample stands in, and one for the lag
    device(verifier, FIRST - 4 * HOP)
    verifier.finish(is_cut=False)
    assert (verifier.tally.before, verifier.tally.predictions_alone) == (3, 1)


def test_a_stretch_without_a_window_is_no_run(verifier: Verifier) -> None:
    verifier.begin_run(FIRST)
    verifier.begin_run(9000)
    host(verifier, 9000)
    device(verifier, 9000)
    verifier.finish(is_cut=False)
    assert (verifier.tally.runs, verifier.tally.due, verifier.tally.equal) == (1, 1, 1)


@pytest.mark.parametrize("is_cut", [True, False])
def test_only_the_last_samples_of_a_cut_session_excuse_a_window(
    verifier: Verifier, is_cut: bool
) -> None:
    verifier.begin_run(FIRST)
    host(verifier, FIRST, FIRST + HOP, FIRST + 2 * HOP)
    device(verifier, FIRST)
    verifier.finish(is_cut=is_cut)
    counts = verifier.tally
    assert (counts.windows_in_flight, counts.windows_alone) == ((1, 1) if is_cut else (0, 2))
    assert counts.windows == counts.compared + counts.windows_alone + counts.windows_in_flight


@pytest.mark.parametrize("is_cut", [True, False])
def test_only_the_next_answer_of_a_cut_session_may_be_early(
    verifier: Verifier, is_cut: bool
) -> None:
    verifier.begin_run(FIRST)
    host(verifier, FIRST)
    device(verifier, FIRST, FIRST + HOP, FIRST + 2 * HOP)
    verifier.finish(is_cut=is_cut)
    counts = verifier.tally
    assert (counts.predictions_in_flight, counts.predictions_alone) == (
        (1, 1) if is_cut else (0, 2)
    )
    assert counts.unsampled == (0 if is_cut else 2)


@pytest.mark.parametrize(
    ("index", "due"),
    [
        (FIRST, 1),
        (FIRST + HOP, 2),
        (FIRST + (MAX_PENDING - 1) * HOP, MAX_PENDING),
        (FIRST + MAX_PENDING * HOP, 0),  # wildly ahead: it speaks of no place of this grid
    ],
)
def test_an_answer_without_samples_makes_its_place_due(
    verifier: Verifier, index: int, due: int
) -> None:
    verifier.begin_run(FIRST)
    device(verifier, index)
    verifier.finish(is_cut=False)
    assert (verifier.tally.unsampled, verifier.tally.predictions_alone) == (due, 1)
    assert verifier.tally.due == due


def test_a_run_goes_on_where_the_devices_number_begins_again(verifier: Verifier) -> None:
    verifier.begin_run(WRAP_32 - HOP)
    device(verifier, WRAP_32 - HOP, 0)
    host(verifier, WRAP_32 - HOP, WRAP_32)
    device(verifier, HOP)
    verifier.finish(is_cut=True)
    counts = verifier.tally
    assert (counts.equal, counts.due, counts.predictions_in_flight) == (2, 2, 1)
    assert counts.is_whole
