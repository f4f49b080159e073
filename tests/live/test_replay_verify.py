"""A test set through the link: compared bit for bit, whatever the line and the device do to it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.replay_device import ABLE, Clock, ReplayDevice, play, result, stop_the_clock

from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, VerificationError
from wearkit.link.axes import mapped
from wearkit.link.frames.codec import Message
from wearkit.link.frames.frame import FrameType
from wearkit.link.frames.from_device import Ack, Feature, Prediction
from wearkit.link.frames.from_host import Config, HelloRequest, Replay, Start, Stop
from wearkit.link.text.header import parse_axes
from wearkit.verification.certificate.conditions import DIFFERENT, EQUIVALENT, INCOMPLETE
from wearkit.verification.dialogue import Dialogue
from wearkit.verification.replay import ReplayOptions, replay_verify

Counts = NDArray[np.int16]
Changed = Callable[[Prediction], Prediction]


@pytest.fixture(scope="module")
def windows(made_counts: Callable[..., Counts]) -> Counts:
    counts: Counts = made_counts(40, seed=9)
    return counts


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_the_clock(monkeypatch)


@pytest.mark.parametrize("in_flight", [1, 2, 8])
def test_every_window_is_compared_and_the_sensor_runs_again(
    bundle: Bundle, windows: Counts, in_flight: int
) -> None:
    device = ReplayDevice(bundle)
    done = play(device, bundle, windows, in_flight=in_flight)
    assert done.report.error is None
    assert (done.report.ended, done.report.put_back) == ("all", True)
    counts = done.verifier.tally
    assert (counts.compared, counts.equal, counts.values) == (40, 40, 40 * 15)
    assert done.report.faults == {}
    assert result(done, bundle) == EQUIVALENT
    assert [type(message) for message in device.log[:2]] == [HelloRequest, Stop]
    replays = [message for message in device.log if isinstance(message, Replay)]
    assert len(device.log) == 3 + len(replays)
    assert isinstance(device.log[-1], Start) and device.running
    # A new run, each window on the device's grid, with a hole before the next one's.
    firsts = [message.first_index for message in replays if len(message.counts) == 32][::3]
    assert firsts == [120 * k for k in range(40)]
    sent = np.array([row for message in replays for row in message.counts], np.int16)
    np.testing.assert_array_equal(sent.reshape(windows.shape), windows)


def test_no_more_is_under_way_than_was_allowed(bundle: Bundle, windows: Counts) -> None:
    most = 0
    unanswered: dict[int, int] = {}

    class Counting(Dialogue):
        def send(self, message: Message) -> int:
            nonlocal most
            seq = super().send(message)
            if isinstance(message, Replay):
                unanswered[seq] = message.first_index
                most = max(most, len(unanswered))
            return seq

        def receive(self, timeout_s: float) -> list[object]:  # type: ignore[override]
            heard = super().receive(timeout_s)
            for one in heard:
                if isinstance(one, Ack):
                    unanswered.pop(one.seq, None)
                elif isinstance(one, Prediction):  # it says that all of its window was taken
                    first = one.window_first_index
                    for seq in [s for s, at in unanswered.items() if first <= at < first + 100]:
                        del unanswered[seq]
            return list(heard)

    for allowed in (1, 3, 8):
        most = 0
        options = ReplayOptions("made up", frames_in_flight=allowed)
        done = replay_verify(Counting(ReplayDevice(bundle)), bundle, windows, options)
        assert done.verifier.tally.compared == 40
        assert most == allowed


def flip(number: int) -> Changed:
    """The last logit of the second head is one off in one window."""
    seen = -1

    def change(said: Prediction) -> Prediction:
        nonlocal seen
        seen += 1
        if seen != number:
            return said
        first, second = said.heads
        row = (*second.logits[:-1], second.logits[-1] ^ 1)
        return replace(said, heads=(first, replace(second, logits=row)))

    return change


def test_one_logit_off_by_one_ends_it_with_both_sides(bundle: Bundle, windows: Counts) -> None:
    device = ReplayDevice(bundle, change=flip(17))
    done = play(device, bundle, windows)
    said = str(done.report.error)
    assert isinstance(done.report.error, VerificationError)
    assert said.startswith("Replayed window 17: 1 of 15 logits differ (same samples, other")
    assert "host CRC" in said and "device CRC" in said and "\n" not in said
    counts = done.verifier.tally
    assert (counts.compared, counts.equal, counts.differing) == (18, 17, 1)
    assert done.report.faults == {"MISMATCH": 1}
    assert result(done, bundle) == DIFFERENT
    assert device.running and done.report.put_back


def test_a_device_that_saw_other_samples_is_told_from_other_arithmetic(
    bundle: Bundle, windows: Counts
) -> None:
    device = ReplayDevice(bundle, change=lambda said: replace(said, window_crc=said.window_crc ^ 1))
    done = play(device, bundle, windows)
    assert "Replayed window 0: 0 of 15 logits differ (the device saw other" in str(
        done.report.error
    )
    # Only after the device was asked whether it is still the same boot.
    assert sum(isinstance(message, HelloRequest) for message in device.log) >= 2


@pytest.mark.parametrize("axes", ["-y+x+z", "+z-x-y", "-x-y+z"])
def test_a_sensor_mounted_otherwise_gets_its_own_axes(
    bundle: Bundle, windows: Counts, axes: str
) -> None:
    hello = replace(ReplayDevice(bundle).hello, axes=parse_axes(axes, ""))
    device = ReplayDevice(bundle, hello=hello)
    done = play(device, bundle, windows)
    assert done.verifier.tally.equal == 40
    replays = [message for message in device.log if isinstance(message, Replay)]
    sent = np.array([row for message in replays for row in message.counts]).reshape(windows.shape)
    assert -512 <= sent.min() and sent.max() <= 511
    assert not np.array_equal(sent, windows)
    # What the device makes of it is the window; the lower rail alone has no negative.
    made = np.array([mapped((x, y, z), hello.axes) for x, y, z in sent.reshape(-1, 3).tolist()])
    off = made.reshape(windows.shape) - windows
    assert set(off.ravel().tolist()) <= {0, 1}
    assert (windows[off == 1] == -512).all()


@pytest.mark.parametrize(
    ("change", "family", "says"),
    [
        ({"features": ABLE & ~Feature.REPLAY}, DataError, "lacks REPLAY"),
        ({"features": ABLE & ~Feature.COMMANDS}, DataError, "lacks REPLAY"),
        ({"model_id": b"\x01" * 8}, VerificationError, "runs model 0101010101010101"),
        ({"model_id": bytes(8)}, VerificationError, "has no model"),
        ({"hop": 50}, DataError, "100 samples every 50"),
        ({"minor": 2, "minor_min": 2, "minor_max": 3}, DataError, "speaks 2 to 3"),
    ],
)
def test_a_device_that_cannot_or_must_not_is_refused_untouched(
    bundle: Bundle, windows: Counts, change: dict[str, object], family: type[Exception], says: str
) -> None:
    hello = replace(ReplayDevice(bundle).hello, **change)  # type: ignore[arg-type]
    device = ReplayDevice(bundle, hello=hello)
    done = play(device, bundle, windows)
    assert isinstance(done.report.error, family)
    assert says in str(done.report.error)
    assert done.report.put_back and done.verifier.tally.compared == 0
    assert {type(message) for message in device.log} == {HelloRequest}


def test_another_model_is_compared_when_wanted(bundle: Bundle, windows: Counts) -> None:
    hello = replace(ReplayDevice(bundle).hello, model_id=b"\x01" * 8)
    done = play(ReplayDevice(bundle, hello=hello), bundle, windows, any_model=True)
    assert done.verifier.tally.equal == 40


def test_a_device_without_predictions_gives_them_meanwhile(bundle: Bundle, windows: Counts) -> None:
    features = Feature.SAMPLES | Feature.COMMANDS | Feature.REPLAY
    hello = replace(ReplayDevice(bundle).hello, features=features)
    device = ReplayDevice(bundle, hello=hello)
    done = play(device, bundle, windows)
    assert done.verifier.tally.equal == 40
    assert [message.streams for message in device.log if isinstance(message, Config)] == [3, 1]
    assert device.streams == Feature.SAMPLES and device.running


def test_only_as_many_as_wanted(bundle: Bundle, windows: Counts) -> None:
    done = play(ReplayDevice(bundle), bundle, windows, max_windows=7)
    assert (done.report.ended, done.verifier.tally.compared) == ("windows", 7)
    assert result(done, bundle) == EQUIVALENT


def test_a_refused_replay_is_one_sentence(
    bundle: Bundle, windows: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = ReplayDevice(bundle)

    def refuse(message: Replay, seq: int) -> None:
        device.say(Ack(FrameType.REPLAY, seq, 1))

    monkeypatch.setattr(device, "_replay", refuse)
    done = play(device, bundle, windows)
    assert isinstance(done.report.error, DataError)
    assert "refuses REPLAY (status 1)" in str(done.report.error)
    assert device.running


def test_a_test_set_without_a_window_is_refused(bundle: Bundle, windows: Counts) -> None:
    done = play(ReplayDevice(bundle), bundle, windows[:0])
    assert isinstance(done.report.error, DataError)


def test_stopping_puts_the_device_back(bundle: Bundle, windows: Counts) -> None:
    device = ReplayDevice(bundle)
    compared: list[int] = []
    done = replay_verify(
        Dialogue(device),
        bundle,
        windows,
        ReplayOptions("made up"),
        on_compared=compared.append,
        stop=lambda: len(compared) >= 5,
    )
    assert done.report.ended == "stopped" and done.report.error is None
    assert device.running and done.report.put_back
    assert result(done, bundle) == INCOMPLETE
