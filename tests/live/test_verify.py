"""live --verify against a device that is made up, frame by frame."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, Run, flip_one, verify

from wearkit.bundle.bundle import Bundle
from wearkit.errors import VerificationError
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import NO_MODEL, DeviceError, Feature, Prediction
from wearkit.verification.certificate.certificate import certify
from wearkit.verification.certificate.conditions import DIFFERENT, EQUIVALENT
from wearkit.verification.certificate.page import plain
from wearkit.verification.certificate.proof import ProofFiles, write_certificate
from wearkit.verification.verifier import MAX_PENDING, Verifier

Counts = NDArray[np.int16]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("first", [0, 600])
def test_a_device_that_computes_the_same_gets_its_certificate(
    bundle: Bundle, made_counts: Callable[..., Counts], tmp_path: Path, first: int, early: bool
) -> None:
    counts = made_counts(7).reshape(700, 3)
    run = verify(bundle, Device(bundle, counts, first=first, early=early).run())
    assert (run.verifier.tally.compared, run.verifier.tally.equal) == (11, 11)
    assert run.verifier.tally.values == 11 * 15
    certificate = certify(bundle, "pty", run.session.stream.hello, run.report, run.verifier)
    assert certificate.result == EQUIVALENT
    tasks = {task.name: task.labels for task in bundle.model.tasks}
    write_certificate(certificate, ProofFiles(tmp_path / "e.json"))
    said = json.loads((tmp_path / "e.json").read_text())
    assert (said["result"], said["windows_compared"], said["windows_differing"]) == (
        "equivalent", 11, 0,
    )  # fmt: skip
    assert all(line["whole"] == line["parts"] for line in said["sums"])
    assert {sum(seen.values()) for seen in said["classes"].values()} == {11}
    page = (tmp_path / "e.md").read_text()
    assert "11 windows were computed on the device" in page
    assert all(f"| {label} |" in page for labels in tasks.values() for label in labels)


def test_one_logit_off_by_one_is_caught_in_its_window(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    counts = made_counts(7).reshape(700, 3)
    run = verify(bundle, Device(bundle, counts, change=flip_one).run())
    assert isinstance(run.report.error, VerificationError)
    said = str(run.report.error)
    assert said.startswith("Window at sample 240: 1 of 15 logits differ (same samples, other")
    assert said.count(f"CRC {window_crc(counts[240:340]):08x}") == 2
    host = run.verifier.first_difference
    assert host is not None
    assert str(list(host.host.logits["placement"])) in said
    assert str(list(host.device.logits["placement"])) in said
    assert "\n" not in said
    assert run.report.faults == {"MISMATCH": 1} | _clipped(run)
    assert (run.verifier.tally.equal, run.verifier.tally.differing) == (4, 1)
    certificate = certify(bundle, "pty", run.session.stream.hello, run.report, run.verifier)
    assert certificate.result == DIFFERENT
    assert plain(said) in certificate.to_markdown()


def test_other_samples_are_told_from_other_arithmetic(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    def other_crc(said: Prediction) -> Prediction:
        return replace(said, window_crc=said.window_crc ^ 1)

    data = Device(bundle, made_counts(3).reshape(300, 3), change=other_crc).run()
    run = verify(bundle, data)
    assert "0 of 15 logits differ (the device saw other samples)" in str(run.report.error)


def test_a_gap_costs_its_windows_and_compares_the_rest(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    counts = made_counts(10).reshape(1000, 3)
    run = verify(bundle, Device(bundle, counts, lost_frames=frozenset({40})).run())
    assert run.report.missing_samples == 10
    counted = run.verifier.tally
    # Samples 400 to 409 are in windows 6 (360..) and 5 (300..399 is whole): window 6 alone.
    assert (counted.predictions, counted.compared, counted.predictions_alone) == (16, 15, 1)
    assert counted.differing == 0


def test_a_restart_does_not_mix_two_runs(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    first, second = made_counts(3, seed=1), made_counts(4, seed=2)
    # Window 0 of the first run lost its samples; its prediction must not meet that of the second.
    before = Device(bundle, first.reshape(300, 3), lost_frames=frozenset({5}))
    after = Device(bundle, second.reshape(400, 3), boot_id=8)
    run = verify(bundle, before.run() + after.run())
    counted = run.verifier.tally
    assert run.report.restarts == 1
    assert (counted.predictions, counted.compared, counted.differing) == (10, 9, 0)
    assert counted.predictions_alone == 1


def test_a_device_that_withholds_its_model_is_quoted(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    device = Device(bundle, made_counts(3).reshape(300, 3), model_id=NO_MODEL)
    device.send(DeviceError(2, "The model does not give its known answers: flash it again."))
    run = verify(bundle, device.run())
    assert "no model (The model does not give its known answers: flash it again)" in str(
        run.report.error
    )


@pytest.mark.parametrize(
    ("model_id", "says"), [(NO_MODEL, "has no model"), (b"\x01" * 8, "runs model 01010101")]
)
def test_another_model_is_refused_unless_wanted(
    bundle: Bundle, made_counts: Callable[..., Counts], model_id: bytes, says: str
) -> None:
    data = Device(bundle, made_counts(3).reshape(300, 3), model_id=model_id).run()
    run = verify(bundle, data)
    assert says in str(run.report.error)
    assert run.report.faults["MODEL_MISMATCH"] == 1
    assert run.verifier.tally.compared == 0
    assert verify(bundle, data, any_model=True).verifier.tally.equal == 4


def test_other_scales_are_another_model(bundle: Bundle, made_counts: Callable[..., Counts]) -> None:
    def rescaled(said: Prediction) -> Prediction:
        first, second = said.heads
        return replace(said, heads=(replace(first, scale=first.scale * 2), second))

    run = verify(bundle, Device(bundle, made_counts(2).reshape(200, 3), change=rescaled).run())
    assert run.report.faults["MODEL_MISMATCH"] == 1


def test_it_stops_after_the_windows_that_were_compared(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    run = verify(bundle, Device(bundle, made_counts(9).reshape(900, 3)).run(), limit=4)
    assert run.verifier.tally.compared == 4
    assert run.report.ended == "windows"


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (Feature.SAMPLES, "sends no predictions,"),
        (Feature.PREDICTIONS, "sends no samples,"),
        (Feature(0), "no samples and no predictions"),
    ],
)
def test_a_device_that_leaves_nothing_to_compare_is_refused_at_once(
    bundle: Bundle, made_counts: Callable[..., Counts], features: Feature, says: str
) -> None:
    data = Device(bundle, made_counts(3).reshape(300, 3), features=features).run()
    run = verify(bundle, data, limit=2)
    assert isinstance(run.report.error, VerificationError)
    assert says in str(run.report.error)
    assert (run.report.samples, run.verifier.tally.predictions) == (0, 0)


def test_lines_of_text_are_refused_at_once(bundle: Bundle) -> None:
    run = verify(bundle, b"0,0,256\n" * 400, limit=2)
    assert isinstance(run.report.error, VerificationError)
    assert "lines of text" in str(run.report.error)
    assert run.report.ended == "refused"


@pytest.mark.parametrize("data", [b"", b"booting\n" * 3])
def test_a_port_that_carried_no_sample_is_not_said_to_carry_text(
    bundle: Bundle, data: bytes
) -> None:
    run = verify(bundle, data, limit=2)
    assert "lines of text" not in str(run.report.error)
    assert run.verifier.tally.compared == 0


def test_what_waits_is_bounded_and_counted(bundle: Bundle) -> None:
    verifier = Verifier(bundle.graph, bundle.model_id, FaultLog())
    device = Device(bundle, np.zeros((100, 3), np.int16))
    said = device.prediction(100)
    for k in range(MAX_PENDING + 5):
        verifier.prediction(replace(said, window_first_index=60 * k))
    assert verifier.tally.predictions_alone == 5
    verifier.restart()
    assert verifier.tally.predictions_alone == verifier.tally.predictions


def test_a_certificate_whose_sums_are_wrong_cannot_be_made(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    run = verify(bundle, Device(bundle, made_counts(3).reshape(300, 3)).run())
    run.verifier.tally.predictions += 1
    with pytest.raises(VerificationError, match="predictions = compared"):
        certify(bundle, "pty", None, run.report, run.verifier)


def _clipped(run: Run) -> dict[str, Any]:
    count = run.report.faults.get(Fault.CLIPPED, 0)
    return {"CLIPPED": count} if count else {}
