"""FrameSequencer: where runs begin and end, frame by frame."""

from wearkit.link.frames.from_device import Feature, Hello, Samples
from wearkit.link.frames.sequence import FrameSequencer, PlacedFrame
from wearkit.link.sample import MAX_GAP, Counts

HELLO = Hello(boot_id=1, features=Feature.SAMPLES)


def counts(index: int) -> Counts:
    return (index % 500, -(index % 300), 256)


def place(sequencer: FrameSequencer, first: int, t_us: int | None = None) -> PlacedFrame:
    """Ten samples from `first` on; t_us: their nominal stamp if None."""
    stamp = (first + 9) * 20_000 if t_us is None else t_us
    frame = Samples(first, stamp % (1 << 32), tuple(counts(first + at) for at in range(10)))
    return sequencer.place(frame, 0.0)


def kinds(placed: PlacedFrame) -> tuple[int, bool, bool]:
    """Of the first step: missing, restarted, jumped; no other step may say anything."""
    first, *others = placed.steps
    assert not any(step.missing or step.restarted or step.jumped for step in others)
    return first.missing, first.restarted, first.jumped


def test_the_largest_gap_is_a_gap_and_one_more_a_leap() -> None:
    for more, expected in ((0, (MAX_GAP, False, False)), (1, (0, True, True))):
        sequencer = FrameSequencer(HELLO)
        place(sequencer, 0)
        ahead = place(sequencer, 10 + MAX_GAP + more, t_us=1_000_000)
        # The first window of the run that the leap begins is further on.
        steps = ahead if ahead.steps else place(sequencer, 100_020, t_us=1_200_000)
        assert kinds(steps) == expected


def test_two_frames_with_one_stamp_are_no_restart() -> None:
    sequencer = FrameSequencer(HELLO)
    place(sequencer, 0)
    assert kinds(place(sequencer, 10, t_us=9 * 20_000)) == (0, False, False)


def test_a_restart_before_the_first_window_breaks_nothing_off() -> None:
    sequencer = FrameSequencer(HELLO)
    sequencer.restart()
    assert place(sequencer, 10).unaligned == 10
    sequencer.restart()
    place(sequencer, 20)
    # So does a leap: there is nothing before it.
    assert kinds(place(sequencer, 60 * 4000)) == (0, False, False)


def test_a_second_restart_before_the_next_window_is_the_same_one() -> None:
    sequencer = FrameSequencer(HELLO)
    place(sequencer, 0)
    sequencer.restart()
    assert place(sequencer, 10).steps == []
    sequencer.restart()
    assert kinds(place(sequencer, 0)) == (0, True, False)
    assert kinds(place(sequencer, 10)) == (0, False, False)


def test_a_restart_after_a_leap_is_no_leap() -> None:
    sequencer = FrameSequencer(HELLO)
    place(sequencer, 0)
    assert kinds(place(sequencer, 60 * 4000)) == (0, True, True)
    sequencer.restart()
    assert kinds(place(sequencer, 0)) == (0, True, False)


def test_an_old_frame_is_no_duplicate_of_one_of_the_run_before() -> None:
    sequencer = FrameSequencer(HELLO)
    place(sequencer, 0)
    sequencer.restart()
    placed = place(sequencer, 0)
    assert not placed.is_duplicate
    assert not placed.conflicts
    assert len(placed.steps) == 10


def test_memory_is_bounded() -> None:
    sequencer = FrameSequencer(HELLO)
    for first in range(0, 5000, 10):
        place(sequencer, first)
    assert 128 <= sum(block.samples for _, block in sequencer._recent) < 128 + 10
