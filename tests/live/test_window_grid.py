import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wearkit.link.sample import PlacedSample, Sample
from wearkit.live.window_grid import GridWindow, WindowGrid
from wearkit.spec import WindowSpec

SMALL = WindowSpec(length=10, hop=6)


def push_all(
    steps: list[PlacedSample], spec: WindowSpec = SMALL
) -> tuple[list[GridWindow], dict[int, int]]:
    """The windows, and session index -> mark of every sample."""
    grid, found, where = WindowGrid(spec), [], {}
    for step in steps:
        index = grid.index_of(step)
        where[index] = step.sample.counts[0]
        found += grid.push(step, index / 50)
    return found, where


def step(mark: int, missing: int = 0, *, restarted: bool = False) -> PlacedSample:
    return PlacedSample(Sample(None, None, (mark, 0, 1)), missing, restarted)


@given(st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 7, 25, "restart"]), max_size=120))
def test_every_window_is_valid_exactly_when_all_its_samples_came(events: list[int | str]) -> None:
    steps = [
        step(mark, 0 if event == "restart" else int(event), restarted=event == "restart")
        for mark, event in enumerate(events)
    ]
    windows, where = push_all(steps)
    last = max(where, default=-1)
    numbers = [window.window + more for window in windows for more in range(window.windows)]
    assert numbers == list(range(max(0, (last + 1 - 10) // 6 + 1)))
    for window in windows:
        assert window.first_index == 6 * window.window
        covered = range(window.first_index, window.first_index + 10)
        whole = all(index in where for index in covered)
        assert (window.counts is not None) == whole == (not window.reasons)
        if window.counts is not None:
            assert window.counts.dtype == np.int16
            assert window.counts[:, 0].tolist() == [where[index] for index in covered]
            assert window.t_s == window.first_index / 50


def test_no_window_spans_a_restart_even_when_nothing_else_is_missing() -> None:
    # 12 samples end exactly on the grid: the new stretch must not join them without a seam.
    windows, where = push_all([step(i, restarted=i == 12) for i in range(40)])
    assert sorted(where)[12] == 18
    assert [w.reasons for w in windows if w.reasons] == [("restart",)] * 2
    fresh, _ = push_all([step(i) for i in range(12, 40)])
    after = [w.counts.tolist() for w in windows if w.counts is not None and w.first_index >= 18]
    assert after == [w.counts.tolist() for w in fresh if w.counts is not None]


def test_a_window_can_have_two_reasons_and_gaps_may_end_several_windows() -> None:
    windows, _ = push_all([step(0), step(1, 30), step(2, restarted=True), *map(step, range(9))])
    assert windows[0].reasons == ("gap",)
    assert ("gap", "restart") in [window.reasons for window in windows]
    assert sum(window.windows for window in windows) == 7


def test_windows_within_a_gap_are_one_record_however_many() -> None:
    windows, _ = push_all([*map(step, range(13)), step(13, 1_000_000), *map(step, range(14, 40))])
    (within,) = [window for window in windows if window.windows > 1]
    covered = range(within.first_index, within.first_index + 6 * within.windows + 4)
    assert (covered[0], covered[-1]) == (18, 13 + 1_000_000 - 1 - (13 + 1_000_000 - 10) % 6)
    assert (within.counts, within.reasons) == (None, ("gap",))
    assert [w.window for w in windows] == [
        *range(within.window + 1),
        *range(within.window + within.windows, windows[-1].window + 1),
    ]
    assert [w.t_s for w in windows] == [w.first_index / 50 for w in windows]
    assert [w.window for w in windows if w.counts is not None] == [0, *range(166669, 166672)]


def test_time_and_device_number_are_those_of_the_first_sample() -> None:
    lost = {12, *range(47, 51)}  # 12 is the very first sample of window 2
    grid, windows, missing = WindowGrid(SMALL), [], 0
    for index in range(120):
        if index in lost:
            missing += 1
            continue
        sample = Sample(7000 + index, None, (index, 0, 1))
        windows += grid.push(PlacedSample(sample, missing), 3.0 + index / 50)
        missing = 0
    assert len(windows) == 19
    for window in windows:
        covered = set(range(window.first_index, window.first_index + 10))
        whole = not covered & lost
        assert window.reasons == (() if whole else ("gap",))
        assert window.device_index == (7000 + window.first_index if whole else None)
        assert abs(window.t_s - 3.0 - window.first_index / 50) < 1e-9
