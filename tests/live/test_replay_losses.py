"""What the line loses and the device forgets while a test set goes through the link."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.replay_device import Clock, Line, ReplayDevice, play, result, stop_the_clock

from wearkit.bundle.bundle import Bundle
from wearkit.errors import LinkLostError, PortError, VerificationError
from wearkit.link.frames.codec import Message
from wearkit.link.frames.from_device import Ack, Hello, Prediction
from wearkit.link.frames.from_host import HelloRequest, Replay, Stop
from wearkit.verification.certificate.conditions import INCOMPLETE

Counts = NDArray[np.int16]
Changed = Callable[[Prediction], Prediction]


@pytest.fixture(scope="module")
def windows(made_counts: Callable[..., Counts]) -> Counts:
    counts: Counts = made_counts(40, seed=9)
    return counts


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_the_clock(monkeypatch)


def test_the_same_test_set_gives_the_same_digest_however_it_went(
    bundle: Bundle, windows: Counts
) -> None:
    smooth = play(ReplayDevice(bundle), bundle, windows)
    random = np.random.default_rng(4)
    lossy = Line(
        to_device=lambda _, message: not isinstance(message, Replay) or random.random() > 0.02,
        to_host=lambda _, message: not isinstance(message, Prediction) or random.random() > 0.05,
    )
    rough = play(ReplayDevice(bundle, line=lossy), bundle, windows)
    assert rough.report.error is None
    assert rough.report.tally.retries > 0
    assert rough.verifier.digest == smooth.verifier.digest
    assert rough.verifier.tally == smooth.verifier.tally


def lose(type_: type[Message], which: frozenset[int]) -> Callable[[int, Message], bool]:
    """Lose the frames of this type with these numbers among their like."""
    seen = -1

    def passes(_: int, message: Message) -> bool:
        nonlocal seen
        if not isinstance(message, type_):
            return True
        seen += 1
        return seen not in which

    return passes


LOSSES: dict[str, tuple[Callable[[], Line], int, int]] = {
    # What is lost, and how many windows are sent again with one frame under way, and with many.
    "an answer": (lambda: Line(to_host=lose(Prediction, frozenset({3}))), 1, 1),
    "three answers": (lambda: Line(to_host=lose(Prediction, frozenset({3, 4, 39}))), 3, 3),
    "samples": (lambda: Line(to_device=lose(Replay, frozenset({13}))), 1, 1),
    # With more under way the answer itself comes, and says that every frame did.
    "an acknowledgement": (lambda: Line(to_host=lose(Ack, frozenset({6}))), 1, 0),
}


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("what", LOSSES)
def test_what_the_line_loses_is_sent_again_and_counted(
    bundle: Bundle, windows: Counts, in_flight: int, what: str
) -> None:
    line, alone, many = LOSSES[what]
    done = play(ReplayDevice(bundle, line=line()), bundle, windows, in_flight=in_flight)
    assert done.report.error is None
    assert done.verifier.tally.equal == 40
    expected = alone if in_flight == 1 else many
    assert done.report.tally.retries == done.report.faults.get("NO_ANSWER", 0) == expected


def test_a_later_answer_says_at_once_that_an_earlier_one_was_lost(
    bundle: Bundle, windows: Counts
) -> None:
    line = Line(to_host=lose(Prediction, frozenset({3, 20})))
    done = play(ReplayDevice(bundle, line=line), bundle, windows)
    said = [event.detail for event in done.report.events]
    assert said == ["window 3, its answer was lost", "window 19, its answer was lost"]


def test_a_window_that_is_never_answered_ends_it_after_four_tries(
    bundle: Bundle, windows: Counts
) -> None:
    third = [tuple(row) for row in windows[2][:32].tolist()]
    line = Line(
        to_device=lambda _, message: (
            not (isinstance(message, Replay) and list(message.counts) == third)
        )
    )
    device = ReplayDevice(bundle, line=line)
    done = play(device, bundle, windows)
    assert isinstance(done.report.error, LinkLostError)
    assert "did not answer window 2 in 4 tries" in str(done.report.error)
    assert done.verifier.tally.compared == 2
    assert (done.report.faults["NO_ANSWER"], done.report.tally.retries) == (4, 3)
    assert result(done, bundle) == INCOMPLETE
    assert device.running


def test_a_busy_device_is_asked_again(bundle: Bundle, windows: Counts) -> None:
    done = play(ReplayDevice(bundle, busy_at=frozenset({5})), bundle, windows[:6])
    assert done.report.error is None
    assert done.verifier.tally.equal == 6


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("at", [0, 2, 21])
def test_a_reset_is_said_and_what_was_under_way_is_sent_again(
    bundle: Bundle, windows: Counts, at: int, in_flight: int
) -> None:
    device = ReplayDevice(bundle, reset_at=frozenset({at}))
    done = play(device, bundle, windows, in_flight=in_flight)
    assert done.report.error is None
    assert done.verifier.tally.equal == 40
    assert done.report.faults == {"RESTART": 1}
    assert done.report.tally.resets == 1
    assert done.report.tally.retries >= 1
    stops = [message for message in device.log if isinstance(message, Stop)]
    assert len(stops) == 2


def test_a_reset_whose_hello_was_lost_is_no_difference(bundle: Bundle, windows: Counts) -> None:
    # The device's own window 0 comes under a number that was asked for; its HELLO does not.
    device = ReplayDevice(
        bundle,
        reset_at=frozenset({3}),
        line=Line(to_host=lose(Hello, frozenset({1}))),
    )
    done = play(device, bundle, windows)
    assert done.report.error is None
    assert done.verifier.tally.equal == 40
    assert done.report.faults["RESTART"] == 1
    assert done.report.tally.extra_answers >= 1


def test_a_device_that_resets_for_ever_ends_it(bundle: Bundle, windows: Counts) -> None:
    done = play(ReplayDevice(bundle, reset_at=frozenset(range(1000))), bundle, windows)
    assert isinstance(done.report.error, LinkLostError)
    assert "in 4 tries" in str(done.report.error)


def test_an_unplug_ends_it_with_what_was_proved(bundle: Bundle, windows: Counts) -> None:
    def unplug_at(number: int, _: Message) -> bool:
        if number == 50:
            device.unplug()
        return True

    device = ReplayDevice(bundle, line=Line(to_device=unplug_at))
    done = play(device, bundle, windows)
    assert isinstance(done.report.error, LinkLostError)
    assert done.report.faults["UNPLUGGED"] == 1
    assert 0 < done.verifier.tally.equal < 40
    assert not done.report.put_back
    assert result(done, bundle) == INCOMPLETE


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (b"", "nothing came"),
        (b"0,0,1,2,256\n1,20000,1,2,256\n2,40000,1,2,255\n" * 3, "sends lines of text"),
        (bytes(range(128, 256)) * 4, "--baud auto"),
    ],
)
def test_nobody_who_answers_is_one_sentence(
    bundle: Bundle,
    windows: Counts,
    before: bytes,
    says: str,
) -> None:
    deaf = Line(to_device=lambda number, message: False)
    device = ReplayDevice(bundle, line=deaf, before=before)
    done = play(device, bundle, windows)
    assert isinstance(done.report.error, PortError)
    assert says in str(done.report.error)
    assert device.log == []


def test_a_sensor_that_starts_between_hello_and_stop_is_no_reset(
    bundle: Bundle, windows: Counts
) -> None:
    def start_first(_: int, message: Message) -> bool:
        if isinstance(message, Stop):
            device.boot()
        return True

    device = ReplayDevice(bundle, line=Line(to_device=start_first))
    done = play(device, bundle, windows)
    assert done.report.error is None
    assert (done.report.faults, done.report.tally.retries) == ({}, 0)
    assert done.hello is not None and done.hello.boot_id == 41


def test_a_board_that_boots_for_longer_than_the_questions_last_is_waited_for(
    bundle: Bundle, windows: Counts, clock: Clock
) -> None:
    asked = 0

    def boot_after_three(_: int, message: Message) -> bool:
        nonlocal asked
        if not isinstance(message, HelloRequest):
            return True
        asked += 1
        if asked == 3:
            clock.later.append((clock.now_s + 4.0, device.boot))
        return False

    device = ReplayDevice(bundle, line=Line(to_device=boot_after_three))
    done = play(device, bundle, windows)
    assert done.report.error is None and asked == 3
    assert done.verifier.tally.equal == 40


@pytest.mark.parametrize(
    "counter", ["bytes_ok", "windows", "tries", "retries", "answers", "answered", "extra_answers"]
)
def test_a_report_whose_counts_do_not_add_up_is_refused(
    bundle: Bundle, windows: Counts, counter: str
) -> None:
    report = play(ReplayDevice(bundle), bundle, windows).report
    of_tally = hasattr(report.tally, counter)
    right = getattr(report.tally if of_tally else report, counter)
    wrong = {counter: right + 1}
    with pytest.raises(VerificationError, match="does not add up"):
        replace(report, **({"tally": replace(report.tally, **wrong)} if of_tally else wrong))


def test_an_answer_that_comes_while_the_sensor_is_put_back_is_one_too_many(
    bundle: Bundle, windows: Counts
) -> None:
    device = ReplayDevice(bundle)
    boot = device.boot

    def boot_and_predict() -> None:
        boot()
        device.say(device._prediction(0, windows[0]))

    device.boot = boot_and_predict  # type: ignore[method-assign]
    done = play(device, bundle, windows)
    assert done.report.put_back
    tally = done.report.tally
    assert (tally.answers, tally.answered, tally.extra_answers) == (41, 40, 1)
