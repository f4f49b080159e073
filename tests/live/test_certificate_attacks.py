"""What must never end as "equivalent": sessions with another device, another model, a missing
answer or an error in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, Run, classes_of, verify
from tests.live.replay_device import (
    ABLE,
    ReplayDevice,
    certificate_of,
    play,
    stop_the_clock,
)

from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, LinkLostError, VerificationError
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.from_device import Ack, Hello, Prediction, SensorRegisters, Stats
from wearkit.verification.certificate.certificate import Certificate, certify
from wearkit.verification.certificate.conditions import DIFFERENT, EQUIVALENT, INCOMPLETE
from wearkit.verification.identity import DeviceIdentity
from wearkit.verification.requested import Requested

Counts = NDArray[np.int16]
OTHER = b"\x01" * 8


def certificate(run: Run, bundle: Bundle, *, limit: int | None = None) -> Certificate:
    """As `wearkit live --verify` makes it, but for a port that simply closed: that is a good end
    here, so that only what the device did decides."""
    error = run.report.error
    ended_well = error is None or isinstance(error, LinkLostError)
    return certify(
        bundle,
        "pty",
        run.session.stream.hello,
        run.report,
        run.verifier,
        requested=Requested(limit=limit),
        error="" if ended_well else str(error),
    )


def failing(proof: Certificate) -> list[str]:
    return [condition.name for condition in proof.conditions if not condition.holds]


@pytest.fixture
def counts(made_counts: Callable[..., Counts]) -> Counts:
    return made_counts(5).reshape(500, 3)[:460]  # 7 windows


def test_an_honest_device_is_equivalent(bundle: Bundle, counts: Counts) -> None:
    proof = certificate(verify(bundle, Device(bundle, counts).run()), bundle)
    assert (proof.result, failing(proof)) == (EQUIVALENT, [])
    assert str(proof) == "equivalent: 7 windows compared, 0 differ"


def test_a_flashed_device_is_another(bundle: Bundle, counts: Counts) -> None:
    flashed = Device(bundle, counts, boot_id=8, model_id=OTHER)
    run = verify(bundle, Device(bundle, counts).run() + flashed.run())
    assert run.report.faults["MODEL_MISMATCH"] == 1
    proof = certificate(run, bundle)
    assert proof.result == INCOMPLETE
    assert {"right_model", "no_error"} <= set(failing(proof))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"uid": b"device-B", "boot_id": 8}, "DEVICE_CHANGED"),
        ({"uid": b"device-B"}, "DEVICE_CHANGED"),
        ({"firmware": (0, 2, 1)}, "DEVICE_CHANGED"),
    ],
)
def test_a_second_device_ends_it(
    bundle: Bundle, counts: Counts, change: dict[str, object], code: str
) -> None:
    first = Device(bundle, counts)
    second = replace(first, seq=100, wire=[], first=600, **change)  # type: ignore[arg-type]
    run = verify(bundle, first.run() + second.run())
    assert run.report.faults[code] == 1
    assert "Another device answers now" in str(run.report.error)
    proof = certificate(run, bundle)
    assert proof.result == INCOMPLETE and "one_device" in failing(proof)
    assert "2 devices" in str(proof)


def test_a_second_boot_is_said(bundle: Bundle, counts: Counts) -> None:
    run = verify(bundle, Device(bundle, counts).run() + Device(bundle, counts, boot_id=8).run())
    proof = certificate(run, bundle)
    assert proof.result == INCOMPLETE
    assert "2 boots, 2 runs" in str(proof)


def test_windows_without_an_answer_are_counted(bundle: Bundle, counts: Counts) -> None:
    device = Device(bundle, counts)
    device.run()
    answers = [at for at, wire in enumerate(device.wire) if _is_prediction(wire)]
    sent = b"".join(wire for at, wire in enumerate(device.wire) if at not in answers[2:])
    proof = certificate(verify(bundle, sent), bundle)
    assert proof.result == INCOMPLETE
    assert str(proof) == "incomplete: 2 of 7 windows compared, 0 differ; 5 unanswered"
    assert "Windows that were due and not compared: 5." in proof.to_markdown()


def test_a_device_that_never_answers_ends_it(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    device = Device(bundle, made_counts(50).reshape(5000, 3))
    device.run()
    answers = [at for at, wire in enumerate(device.wire) if _is_prediction(wire)]
    run = verify(bundle, b"".join(w for at, w in enumerate(device.wire) if at not in answers[2:]))
    assert "left 64 windows unanswered" in str(run.report.error)
    assert run.report.faults["NO_ANSWER"] == 1
    assert certificate(run, bundle).result == INCOMPLETE


def test_samples_that_are_held_back_are_not_left_out_in_silence(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    """Windows that a device would get wrong, hidden by losing a frame of their samples."""
    counts = made_counts(10).reshape(1000, 3)
    device = Device(bundle, counts, lost_frames=frozenset({40}))
    proof = certificate(verify(bundle, device.run()), bundle)
    assert proof.result == INCOMPLETE
    assert "15 of 16 windows compared, 0 differ; 1 without all samples" in str(proof)


def test_windows_that_are_skipped_whole_are_due(bundle: Bundle, counts: Counts) -> None:
    """Neither samples nor answers of a stretch in between."""
    device = Device(bundle, counts)
    device.run()
    after = replace(device, first=1200, wire=[])
    proof = certificate(verify(bundle, b"".join(device.wire) + after.run()), bundle)
    assert proof.result == INCOMPLETE
    # Windows 0 and 20 to 26 of 27; 7 to 19 have no samples.
    assert "14 of 27 windows compared" in str(proof)


@pytest.mark.parametrize("any_model", [False, True])
def test_another_model_is_in_the_headline(bundle: Bundle, counts: Counts, any_model: bool) -> None:
    run = verify(bundle, Device(bundle, counts, model_id=OTHER).run(), any_model=any_model)
    proof = certificate(run, bundle)
    assert proof.result == (INCOMPLETE if any_model else "nothing compared")
    assert "the device names another model" in str(proof)
    assert ("(--any-model)" in str(proof)) == any_model
    assert OTHER.hex() in proof.to_markdown()


def test_predictions_that_name_another_model_are_refused(bundle: Bundle, counts: Counts) -> None:
    run = verify(bundle, Device(bundle, counts, said_model=OTHER).run(), any_model=True)
    assert run.report.faults["MODEL_MISMATCH"] == 1
    assert f"its prediction {OTHER.hex()}" in str(run.report.error)
    assert run.verifier.tally.compared == 0


def other_heads(said: Prediction) -> Prediction:
    return said if said.window_first_index != 240 else replace(said, heads=said.heads[:1])


def test_other_heads_in_the_middle_leave_a_certificate(bundle: Bundle, counts: Counts) -> None:
    run = verify(bundle, Device(bundle, counts, change=other_heads).run())
    assert "it runs another one" in str(run.report.error)
    proof = certificate(run, bundle)
    assert (proof.result, run.verifier.tally.compared, run.verifier.tally.refused) == (
        INCOMPLETE, 4, 1,
    )  # fmt: skip
    assert all(whole == parts for _, whole, parts in proof.sums())


def test_an_error_at_the_very_end_is_booked(bundle: Bundle, counts: Counts) -> None:
    """A HELLO of another model as the last frame, without its zero: finish() finds it."""
    device = Device(bundle, counts)
    data = device.run()
    last = Hello(boot_id=9, model_id=OTHER, uid=device.uid, classes=classes_of(bundle))
    run = verify(bundle, data + encode_message(last, 200))
    proof = certificate(run, bundle)
    assert proof.result == INCOMPLETE
    assert run.verifier.tally.windows == run.verifier.tally.compared + (
        run.verifier.tally.windows_alone
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"registers": SensorRegisters(bw_rate=0x08)}, "samples at 25 Hz"),
        ({"classes": (5,)}, "classes is (5,)"),
        ({"classes": ()}, "classes is ()"),
        ({"input_scale_g": 9.0}, "input scale is 9.0"),
        ({"input_zero_point": 1}, "input zero point is 1"),
        ({"lsb_per_g": (1, 256, 256)}, "counts per g is (1, 256, 256)"),
        ({"window": 50, "hop": 20}, "50 samples every 20"),
        ({"hop": 50}, "100 samples every 50"),
    ],
)
@pytest.mark.parametrize("how", ["live", "verify"])
def test_a_hello_that_contradicts_the_bundle_is_refused(
    bundle: Bundle,
    counts: Counts,
    change: dict[str, object],
    says: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = bytes.fromhex(bundle.model_id)[:8]
    hello = replace(
        Hello(boot_id=7, model_id=own, features=ABLE, classes=classes_of(bundle)),
        **change,  # type: ignore[arg-type]
    )
    if how == "live":
        device = Device(bundle, counts)
        device.run()
        device.wire[0] = encode_message(hello, 0)
        report = verify(bundle, b"".join(device.wire)).report
        compared = report.windows
    else:
        stop_the_clock(monkeypatch)
        done = play(ReplayDevice(bundle, hello=hello), bundle, counts[None, :100])
        report, compared = done.report, done.verifier.tally.compared  # type: ignore[assignment]
    assert isinstance(report.error, VerificationError | DataError)
    assert how == "live" or says in str(report.error)  # live's own stream may notice first
    assert compared == 0


def test_a_calibrated_sensor_is_no_other_one(bundle: Bundle) -> None:
    own = bytes.fromhex(bundle.model_id)[:8]
    identity = DeviceIdentity(bundle.graph, bundle.model_id)
    identity.hello(
        Hello(boot_id=1, model_id=own, classes=classes_of(bundle), lsb_per_g=(265, 265, 256))
    )
    assert identity.hellos_of_another_input == 0


def _is_prediction(wire: bytes) -> bool:
    from wearkit.link.frames.codec import decode_message
    from wearkit.link.frames.frame import Frame, FrameDecoder

    frames = [segment.content for segment in FrameDecoder().feed(wire)]
    return any(isinstance(f, Frame) and isinstance(decode_message(f), Prediction) for f in frames)


# --- a test set through the link -------------------------------------------------------------


def test_another_device_in_the_middle_of_a_replay_ends_it(
    bundle: Bundle, made_counts: Callable[..., Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    device = ReplayDevice(bundle, change=lambda said: swap(said))
    answers = 0

    def swap(said: Prediction) -> Prediction:
        nonlocal answers
        answers += 1
        if answers == 20:
            device.hello = replace(device.hello, uid=b"device-B")
            device.say(device.hello)
        return said

    done = play(device, bundle, made_counts(36))
    proof = certificate_of(done, bundle)
    assert "Another device answers now" in str(done.report.error)
    assert proof.result == INCOMPLETE and "one_device" in failing(proof)


@pytest.mark.parametrize("any_model", [False, True])
def test_answers_of_another_model_end_a_replay(
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    monkeypatch: pytest.MonkeyPatch,
    any_model: bool,
) -> None:
    stop_the_clock(monkeypatch)
    device = ReplayDevice(bundle, change=lambda said: replace(said, model_id=OTHER))
    done = play(device, bundle, made_counts(3), any_model=any_model)
    assert OTHER.hex() in str(done.report.error)
    assert certificate_of(done, bundle).result == "nothing compared"


def test_only_a_part_of_the_golden_windows_is_in_the_headline(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    golden = bundle.golden().counts
    count = len(golden)
    done = play(ReplayDevice(bundle), bundle, golden, max_windows=2, golden=count, others=0)
    proof = certificate_of(done, bundle)
    assert str(proof) == (
        f"equivalent: 2 windows replayed and compared (2 of {count} golden ones), 0 differ"
    )
    assert f"Golden windows that were not asked: {count - 2}." in proof.to_json()["does_not_prove"]


def test_what_was_never_sent_is_counted(
    bundle: Bundle, made_counts: Callable[..., Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    device = ReplayDevice(bundle)
    count = 0

    def unplug(said: Prediction) -> Prediction:
        nonlocal count
        count += 1
        if count == 10:
            device.unplug()
        return said

    device._change = unplug
    done = play(device, bundle, made_counts(40), others=40)
    proof = certificate_of(done, bundle)
    due = proof.to_json()["conditions"][5]["counts"]
    assert proof.result == INCOMPLETE
    assert due["due"] == 40
    assert due["compared"] + due["unanswered"] + due["unsent"] == 40
    assert due["unsent"] >= 26


def test_two_answers_to_a_replayed_window_are_different(
    bundle: Bundle, made_counts: Callable[..., Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    device = ReplayDevice(bundle)

    def twice(said: Prediction) -> Prediction:
        device.say(said)
        first, second = said.heads
        return replace(said, heads=(replace(first, logits=tuple(-x for x in first.logits)), second))

    device._change = twice
    done = play(device, bundle, made_counts(5))
    proof = certificate_of(done, bundle)
    assert proof.result == DIFFERENT
    assert "5 windows answered in two ways" in str(proof)
    assert done.report.faults["CONFLICT"] == 5


def test_chatter_does_not_keep_a_replay_alive(
    bundle: Bundle, made_counts: Callable[..., Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that takes every window, answers none and speaks of its own sensor's."""
    clock = stop_the_clock(monkeypatch)
    device = ReplayDevice(bundle, change=lambda said: replace(said, window_first_index=2**31))
    window = made_counts(1)[0]

    def chatter() -> None:
        device.say(Stats(1, 1))
        device.say(device._prediction(2**31 + 60, window))
        device.say(Ack(0x80, 65535, 0))
        clock.later.append((clock.now_s + 1.0, chatter))

    clock.later.append((clock.now_s + 1.0, chatter))
    began_s = clock.now_s
    done = play(device, bundle, made_counts(5))
    assert "did not answer window 0 in 4 tries" in str(done.report.error)
    assert clock.now_s - began_s < 15
    assert done.verifier.tally.compared == 0


def test_a_new_field_of_hello_has_to_be_thought_of(bundle: Bundle) -> None:
    """Each is checked against the bundle, against the first HELLO, or where it is used."""
    checked = {"window", "hop", "classes", "input_scale_g", "input_zero_point", "lsb_per_g"}
    identity = {"uid", "firmware", "boot_id", "model_id"}
    elsewhere = {"minor", "minor_min", "minor_max", "registers", "axes", "features", "supply_mv"}
    assert {field.name for field in fields(Hello)} == checked | identity | elsewhere
