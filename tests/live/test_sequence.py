"""Every loss is known exactly: checked against a plain statement of what was lost."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearkit.link.sample import MAX_GAP, Placed, PlacedSample, Reason, Refused, Sample
from wearkit.link.text.sequence import ArrivalSequencer, IndexSequencer, Sequencer


def sample(index: int | None, *, t_us: int | None = None, value: int | None = None) -> Sample:
    mark = index if value is None else value
    return Sample(index, t_us, (mark or 0, 0, 256), 10)


def play(sequencer: Sequencer, samples: list[Sample]) -> list[Placed]:
    placed = [item for one in samples for item in sequencer.push(one)]
    return placed + sequencer.finish()


def steps(placed: list[Placed]) -> list[tuple[int | None, int, bool]]:
    return [(s.sample.index, s.missing, s.restarted) for s in placed if isinstance(s, PlacedSample)]


def refused(placed: list[Placed]) -> list[tuple[int | None, Reason]]:
    return [(r.sample.index, r.reason) for r in placed if isinstance(r, Refused)]


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 30), min_size=2, max_size=80))
def test_gaps_are_exact(first: int, lost_before_each: list[int]) -> None:
    index, sent = first, []
    for lost in lost_before_each:
        index += lost + 1
        sent.append(sample(index, value=index % 400))
    placed = play(IndexSequencer(), sent)
    accepted = [step for step in placed if isinstance(step, PlacedSample)]
    assert not refused(placed)
    assert [step.sample for step in accepted] == sent
    assert [step.missing for step in accepted] == [0, *lost_before_each[1:]]
    assert not any(step.restarted for step in accepted)


@settings(max_examples=200)
@given(st.integers(0, 2**31))
def test_random_loss_duplication_and_garbled_indices_never_invent_a_sample(seed: int) -> None:
    source = random.Random(seed)
    sent: list[Sample] = []
    true_lines = 0
    for index in range(300):
        if source.random() < 0.05:
            continue
        garbled = source.random() < 0.03
        sent.append(sample(source.randrange(2**32) if garbled else index, value=index))
        true_lines += not garbled
        if source.random() < 0.03:
            sent.append(sent[-1])
    placed = play(IndexSequencer(), sent)
    assert len(placed) == len(sent)
    accepted = [step for step in placed if isinstance(step, PlacedSample)]
    taken = [step.sample.index for step in accepted]
    # Two garbled lines in a row that happen to continue each other are the only way in.
    assert [i for i in taken if i is not None and i >= 300] == []
    assert taken == sorted(set(taken), key=lambda i: i or 0)
    assert len(taken) > 0.9 * true_lines
    position = taken[0] or 0
    for step in accepted[1:]:
        position += step.missing + 1
        assert step.sample.index == position


def test_a_duplicate_is_dropped_and_counted() -> None:
    placed = play(IndexSequencer(), [sample(i) for i in (0, 0, 1, 2, 2, 3, 1, 4)])
    assert steps(placed) == [(i, 0, False) for i in range(5)]
    assert refused(placed) == [(i, Reason.DUPLICATE) for i in (0, 2, 1)]


def test_one_garbled_index_is_refused_and_costs_one_sample() -> None:
    placed = play(IndexSequencer(), [sample(i) for i in (10, 11, 912, 13, 14, 5, 16, 17)])
    assert steps(placed) == [
        (10, 0, False), (11, 0, False), (13, 1, False), (14, 0, False), (16, 1, False),
        (17, 0, False),
    ]  # fmt: skip
    assert refused(placed) == [(912, Reason.BAD_INDEX), (5, Reason.BAD_INDEX)]


def test_the_rear_part_of_a_first_line_is_not_sample_0() -> None:
    # "1023,.." joined in mid-line reads "23,..".
    placed = play(IndexSequencer(), [sample(i) for i in (23, 1024 + 1000, 2025, 2026)])
    assert steps(placed) == [(2024, 0, False), (2025, 0, False), (2026, 0, False)]
    assert refused(placed) == [(23, Reason.BAD_INDEX)]


@pytest.mark.parametrize("before", [5, 200, 100_000])
def test_a_device_that_starts_again_is_a_restart_not_a_loss(before: int) -> None:
    first = [sample(i) for i in range(before - 5, before)]
    again = [sample(i, value=-1 - i) for i in range(6)]
    placed = play(IndexSequencer(), first + again)
    assert not refused(placed)
    assert steps(placed)[5:] == [(0, 0, True), *((i, 0, False) for i in range(1, 6))]


def test_a_jump_beyond_reason_is_a_restart() -> None:
    far = MAX_GAP + 10
    placed = play(IndexSequencer(), [sample(i) for i in (0, 1, far, far + 1)])
    assert steps(placed)[2:] == [(far, 0, True), (far + 1, 0, False)]
    near = MAX_GAP
    placed = play(IndexSequencer(), [sample(i) for i in (0, 1, near, near + 1)])
    assert steps(placed)[2:] == [(near, near - 2, False), (near + 1, 0, False)]


def test_the_largest_gap_is_a_gap_and_one_more_a_leap() -> None:
    for first, expected in ((MAX_GAP + 2, (MAX_GAP, False, False)), (MAX_GAP + 3, (0, True, True))):
        placed = play(IndexSequencer(), [sample(i) for i in (0, 1, first, first + 1)])
        told = [(s.missing, s.restarted, s.jumped) for s in placed if isinstance(s, PlacedSample)]
        assert told[2:] == [expected, (0, False, False)]


def test_two_garbled_lines_that_go_on_from_each_other_are_no_restart() -> None:
    placed = play(IndexSequencer(), [sample(i) for i in (10, 11, 12, 3, 4, 13, 14)])
    assert steps(placed) == [(i, 0, False) for i in range(10, 15)]
    assert refused(placed) == [(3, Reason.BAD_INDEX), (4, Reason.BAD_INDEX)]


def test_a_gap_after_an_announced_restart_is_a_gap() -> None:
    sequencer = IndexSequencer()
    placed = [p for i in range(3) for p in sequencer.push(sample(i))]
    placed += sequencer.restart() + play(sequencer, [sample(i) for i in (0, 1, 5, 6)])
    assert steps(placed)[3:] == [(0, 0, True), (1, 0, False), (5, 3, False), (6, 0, False)]


def test_what_was_never_confirmed_is_counted_at_the_end() -> None:
    assert steps(play(IndexSequencer(), [sample(7)])) == [(7, 0, False)]
    assert steps(play(IndexSequencer(), [sample(i) for i in (0, 1, 5)]))[2:] == [(5, 3, False)]
    placed = play(IndexSequencer(), [sample(i) for i in (0, 1, 5000)])
    assert refused(placed) == [(5000, Reason.BAD_INDEX)]


def test_without_index_or_clock_every_line_is_the_next_sample() -> None:
    placed = play(ArrivalSequencer(), [sample(None)] * 50)
    assert steps(placed) == [(None, 0, False)] * 50


def clocked(stamps_us: list[int]) -> list[tuple[int, bool]]:
    placed = play(ArrivalSequencer(), [sample(None, t_us=t_us) for t_us in stamps_us])
    return [(missing, restarted) for _, missing, restarted in steps(placed)]


def test_an_even_clock_shows_gaps() -> None:
    even = [i * 20_150 for i in range(30)]
    assert clocked(even) == [(0, False)] * 30
    with_gap = even + [even[-1] + 20_150 * (8 + i) for i in range(5)]
    assert clocked(with_gap)[30:] == [(7, False)] + [(0, False)] * 4


def test_a_gap_begins_at_one_and_a_half_periods() -> None:
    for step_us, missing in ((29_000, 0), (30_000, 0), (31_000, 1), (49_000, 1), (51_000, 2)):
        stamps = [i * 20_000 for i in range(30)]
        assert clocked([*stamps, stamps[-1] + step_us])[30:] == [(missing, False)]


def test_gaps_do_not_become_the_rule() -> None:
    stamps = [i * 20_000 for i in range(25)]
    for _ in range(40):
        stamps += [stamps[-1] + 40_000]
    assert clocked(stamps)[25:] == [(1, False)] * 40


def test_a_leap_of_the_clock_beyond_any_gap_is_a_restart() -> None:
    stamps = [i * 20_000 for i in range(30)]
    placed = play(
        ArrivalSequencer(),
        [sample(None, t_us=t_us) for t_us in [*stamps, stamps[-1] + 20_000 * (MAX_GAP + 2)]],
    )
    last = placed[-1]
    assert isinstance(last, PlacedSample)
    assert (last.missing, last.restarted, last.jumped) == (0, True, True)


def test_a_clock_without_even_steps_shows_nothing() -> None:
    source = random.Random(3)
    stamps = [0]
    for _ in range(300):
        stamps.append(stamps[-1] + source.choice((0, 1_000, 20_000, 45_000, 90_000)))
    assert clocked(stamps) == [(0, False)] * 301


def test_a_clock_in_bursts_is_not_taken_for_gaps() -> None:
    bursts = [200_000 * (i // 10) + i % 10 for i in range(100)]
    assert clocked(bursts) == [(0, False)] * 100


def test_a_clock_that_goes_back_is_a_restart() -> None:
    back = [5_000_000 + i * 20_000 for i in range(30)] + [i * 20_000 for i in range(5)]
    assert clocked(back)[30:] == [(0, True)] + [(0, False)] * 4


@pytest.mark.parametrize("sent_before", [1, 2, 3, 40])
def test_an_announced_restart_is_one_however_few_samples_came_before(sent_before: int) -> None:
    sequencer = IndexSequencer()
    placed = [p for i in range(sent_before) for p in sequencer.push(sample(i))]
    placed += sequencer.restart()
    placed += play(sequencer, [sample(i) for i in range(5)])
    once = [(i, 0, False) for i in range(sent_before)]
    assert steps(placed) == [*once, (0, 0, True), *((i, 0, False) for i in range(1, 5))]
    assert not refused(placed)


def test_announced_before_the_first_sample_it_breaks_nothing_off() -> None:
    sequencers: tuple[Sequencer, ...] = (IndexSequencer(), ArrivalSequencer())
    for sequencer in sequencers:
        assert sequencer.restart() == []
        assert steps(play(sequencer, [sample(i) for i in range(3)])) == [
            (i, 0, False) for i in range(3)
        ]


def test_announced_where_no_index_tells() -> None:
    sequencer = ArrivalSequencer()
    placed = [*sequencer.push(sample(0)), *sequencer.restart()]
    placed += play(sequencer, [sample(1), sample(2)])
    assert [restarted for _, _, restarted in steps(placed)] == [False, True, False]
