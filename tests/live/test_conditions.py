"""Each condition of a certificate by itself: which counts it holds for, and what it says if not."""

from __future__ import annotations

import pytest

from wearkit.verification.certificate.conditions import (
    DIFFERENT,
    EQUIVALENT,
    INCOMPLETE,
    NOTHING,
    RULES,
    conditions,
    headline,
    result_of,
)
from wearkit.verification.verifier import VerifyTally

GOOD: dict[str, dict[str, int]] = {
    "compared": {"compared": 7},
    "equal": {"compared": 7, "equal": 7, "differing": 0, "contradicted": 0},
    "one_device": {"devices": 1, "boots": 1, "runs": 1},
    "right_model": {
        "hellos": 2,
        "hellos_of_another": 0,
        "predictions": 8,
        "predictions_of_another": 0,
        "any_model": 0,
    },
    "same_input": {"hellos": 2, "hellos_of_another": 0},
    "all_due": {
        "due": 7,
        "compared": 7,
        "unanswered": 0,
        "without_samples": 0,
        "unsent": 0,
        "answers_without_window": 0,
        "refused": 0,
    },
    "requested": {
        "windows": 7,
        "compared": 7,
        "golden_in_bundle": 5,
        "golden_compared": 5,
        "is_finished": 1,
    },
    "no_error": {"errors": 0},
    "listed": {"compared": 7, "listed": 7},
    "sums": {"sums": 1, "wrong": 0},
}
# Some break two counts at once: one must not take the other away.
BREAKS: list[tuple[str, dict[str, int], str, str]] = [
    ("compared", {"compared": 0}, NOTHING, "nothing was compared"),
    ("equal", {"equal": 6}, INCOMPLETE, ""),
    ("equal", {"equal": 8}, INCOMPLETE, ""),
    ("equal", {"differing": 1}, DIFFERENT, ""),
    ("equal", {"contradicted": 1}, DIFFERENT, "1 windows answered in two ways"),
    ("equal", {"differing": 1, "contradicted": 1}, DIFFERENT, "1 windows answered in two ways"),
    ("one_device", {"devices": 0}, INCOMPLETE, "0 devices"),
    ("one_device", {"devices": 2}, INCOMPLETE, "2 devices"),
    ("one_device", {"boots": 2, "runs": 3}, INCOMPLETE, "2 boots, 3 runs of samples"),
    ("right_model", {"hellos": 0}, INCOMPLETE, "the device names another model"),
    ("right_model", {"hellos_of_another": 1}, INCOMPLETE, "the device names another model"),
    ("right_model", {"predictions_of_another": 1}, INCOMPLETE, "the device names another model"),
    (
        "right_model",
        {"hellos_of_another": 1, "predictions_of_another": 1, "any_model": 1},
        INCOMPLETE,
        "the device names another model (--any-model)",
    ),
    (
        "same_input",
        {"hellos": 0},
        INCOMPLETE,
        "the device has another rate, other windows, input or classes",
    ),
    (
        "same_input",
        {"hellos_of_another": 1},
        INCOMPLETE,
        "the device has another rate, other windows, input or classes",
    ),
    ("all_due", {"due": 8}, INCOMPLETE, ""),
    ("all_due", {"due": 6}, INCOMPLETE, ""),
    ("all_due", {"unanswered": 2, "unsent": 1}, INCOMPLETE, "2 unanswered, 1 never sent"),
    ("all_due", {"without_samples": 1}, INCOMPLETE, "1 without all samples on the host"),
    (
        "all_due",
        {"answers_without_window": 1},
        INCOMPLETE,
        "1 answers that belong to no window",
    ),
    ("all_due", {"refused": 3}, INCOMPLETE, "3 answers of another model"),
    (
        "requested",
        {"windows": 8},
        INCOMPLETE,
        "it was ended before all windows were compared",
    ),
    (
        "requested",
        {"is_finished": 0},
        INCOMPLETE,
        "it was ended before all windows were compared",
    ),
    ("no_error", {"errors": 1}, INCOMPLETE, "the session ended with an error"),
    ("listed", {"listed": 4}, INCOMPLETE, "3 windows are not listed"),
    ("listed", {"listed": 9}, INCOMPLETE, "-2 windows are not listed"),
    ("sums", {"sums": 0}, INCOMPLETE, "0 sums do not add up"),
    ("sums", {"wrong": 2}, INCOMPLETE, "2 sums do not add up"),
]


def test_it_is_equivalent_where_all_hold() -> None:
    good = conditions(GOOD)
    assert [(condition.name, condition.holds) for condition in good] == [(n, True) for n in RULES]
    assert [condition.short for condition in good] == [""] * len(RULES)
    assert result_of(good) == EQUIVALENT
    assert headline(good, is_replay=False) == "equivalent: 7 windows compared, 0 differ"
    replayed = "equivalent: 7 windows replayed and compared (5 of 5 golden ones), 0 differ"
    assert headline(good, is_replay=True) == replayed


@pytest.mark.parametrize(("name", "change", "result", "short"), BREAKS)
def test_each_condition_fails_by_itself(
    name: str, change: dict[str, int], result: str, short: str
) -> None:
    decided = conditions(GOOD | {name: GOOD[name] | change})
    assert [condition.name for condition in decided if not condition.holds] == [name]
    assert {condition.name: condition.short for condition in decided}[name] == short
    assert result_of(decided) == result
    assert headline(decided, is_replay=False).endswith(short or "differ")


def test_more_than_was_asked_for_is_enough() -> None:
    wanted = GOOD["requested"] | {"windows": 6}
    assert result_of(conditions(GOOD | {"requested": wanted})) == EQUIVALENT


def test_the_headline_counts_what_was_due_where_not_all_was_compared() -> None:
    due = GOOD["all_due"] | {"due": 9, "unanswered": 2}
    words = headline(conditions(GOOD | {"all_due": due}), is_replay=False)
    assert words == "incomplete: 7 of 9 windows compared, 0 differ; 2 unanswered"
    without = GOOD["requested"] | {"golden_in_bundle": 0, "golden_compared": 0}
    words = headline(conditions(GOOD | {"requested": without}), is_replay=True)
    assert words == "equivalent: 7 windows replayed and compared, 0 differ"


@pytest.mark.parametrize("count", [-1, 1.0, True, None, "1"])
def test_a_count_is_a_whole_number_of_nought_or_more(count: object) -> None:
    with pytest.raises(ValueError, match="no_error holds a number that is no count"):
        conditions(GOOD | {"no_error": {"errors": count}})  # type: ignore[dict-item]


def test_none_may_be_missing_or_too_many() -> None:
    with pytest.raises(ValueError, match="the conditions are compared, equal"):
        conditions({name: counts for name, counts in GOOD.items() if name != "sums"})
    with pytest.raises(ValueError, match="listed counts compared, listed"):
        conditions(GOOD | {"listed": {"listed": 7, "compared": 7}})


# Numbers with common bits: no other operator gives their sum.
def test_what_was_due_and_what_is_disputed_are_sums() -> None:
    tally = VerifyTally(compared=3, windows_alone=5, unsampled=6)
    assert tally.due == 14
    assert VerifyTally(predictions_alone=3, contradicted=5, refused=6).disputed == 14


@pytest.mark.parametrize(
    ("counts", "is_whole"),
    [
        ({"compared": 7, "equal": 7}, True),
        ({"compared": 1, "equal": 1}, True),
        ({}, False),
        ({"compared": 7, "equal": 6}, False),
        ({"compared": 6, "equal": 7}, False),
        ({"compared": 7, "equal": 7, "windows_alone": 1}, False),
        ({"compared": 7, "equal": 7, "unsampled": 1}, False),
        ({"compared": 7, "equal": 7, "predictions_alone": 1}, False),
        ({"compared": 7, "equal": 7, "contradicted": 1}, False),
        ({"compared": 7, "equal": 7, "refused": 1}, False),
        ({"compared": 7, "equal": 7, "predictions_alone": 1, "refused": 1}, False),
    ],
)
def test_a_session_is_whole_where_all_is_equal_and_nothing_disputed(
    counts: dict[str, int], is_whole: bool
) -> None:
    assert VerifyTally(**counts).is_whole is is_whole  # type: ignore[arg-type]
