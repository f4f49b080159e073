"""live --verify against a device that is made up, frame by frame."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle import Bundle, open_bundle
from wearkit.counts import counts_to_int8
from wearkit.errors import VerificationError
from wearkit.link.command import Message, encode_message
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.message import (
    NO_MODEL,
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    Samples,
    Stats,
    window_crc,
)
from wearkit.link.reader import Chunk
from wearkit.link.stream import StreamOptions
from wearkit.live import live
from wearkit.live_certificate import DIFFERENT, EQUIVALENT, certify, write_certificate
from wearkit.live_report import LiveReport
from wearkit.live_session import LiveSession
from wearkit.live_verify import MAX_PENDING, Verifier
from wearkit.reference import Reference

Counts = NDArray[np.int16]


@dataclass
class Device:
    """Computes with the reference, frames ten samples, and may be made to err."""

    bundle: Bundle
    counts: Counts
    boot_id: int = 7
    first: int = 0
    model_id: bytes | None = None
    change: Callable[[Prediction], Prediction] = lambda said: said
    early: bool = False
    lost_frames: frozenset[int] = frozenset()
    features: Feature = Feature.SAMPLES | Feature.PREDICTIONS
    seq: int = 0
    wire: list[bytes] = field(default_factory=list)

    def run(self) -> bytes:
        model_id = bytes.fromhex(self.bundle.model_id)[:8]
        shown = model_id if self.model_id is None else self.model_id
        self.send(Hello(boot_id=self.boot_id, model_id=shown, features=self.features))
        for position in range(0, len(self.counts) - 9, 10):
            end = position + 10
            index = self.first + position
            rows = tuple((x, y, z) for x, y, z in self.counts[position:end].tolist())
            samples = Samples(index, (index + 9) * 20_000 % 2**32, rows)
            said = self.prediction(end) if end >= 100 and (end - 100) % 60 == 0 else None
            if said is not None and self.early:
                self.send(said)
            self.send(samples, lost=position // 10 in self.lost_frames)
            if said is not None and not self.early:
                self.send(said)
        return b"".join(self.wire)

    def prediction(self, end: int) -> Prediction:
        window = self.counts[end - 100 : end]
        logits = Reference(self.bundle.graph).run(counts_to_int8(window[None]))
        heads = []
        for head in self.bundle.graph.heads:
            tensor = self.bundle.graph.tensor(head.tensor)
            row = tuple(int(value) for value in logits[head.task][0])
            heads.append(HeadLogits(float(np.float32(tensor.scale)), tensor.zero_point, row))
        model_id = bytes.fromhex(self.bundle.model_id)[:8]
        said = Prediction(self.first + end - 100, window_crc(window), model_id, 900, tuple(heads))
        return self.change(said)

    def send(self, message: Message, *, lost: bool = False) -> None:
        if not lost:
            self.wire.append(encode_message(message, self.seq % 65536))
        self.seq += 1


class Once:
    """A byte source with one chunk."""

    is_away = False

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, timeout_s: float) -> list[Chunk]:
        from wearkit.errors import LinkLostError

        if not self._data:
            raise LinkLostError("over")
        data, self._data = self._data, b""
        import time

        return [Chunk(data, time.monotonic())]

    def reopen(self) -> bool:
        return False


@pytest.fixture(scope="module")
def bundle(micro_bundle: Path) -> Bundle:
    return open_bundle(micro_bundle)


@dataclass(frozen=True)
class Run:
    report: LiveReport
    verifier: Verifier
    session: LiveSession


def verify(
    bundle: Bundle, data: bytes, *, any_model: bool = False, limit: int | None = None
) -> Run:
    faults = FaultLog()
    verifier = Verifier(bundle.graph, bundle.model_id, faults, any_model=any_model)
    session = LiveSession(
        bundle.graph,
        Reference(bundle.graph),
        StreamOptions(50.0),
        max_windows=limit,
        faults=faults,
        verifier=verifier,
    )
    report = live(Once(data), session, on_update=lambda _: None)
    return Run(report, verifier, session)


def flip_one(said: Prediction) -> Prediction:
    """The last logit of the second head is one off, in the window at sample 240."""
    if said.window_first_index != 240:
        return said
    first, second = said.heads
    row = (*second.logits[:-1], second.logits[-1] ^ 1)
    return replace(said, heads=(first, replace(second, logits=row)))


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("first", [0, 600])
def test_a_device_that_computes_the_same_gets_its_certificate(
    bundle: Bundle, made_counts: Callable[..., Counts], tmp_path: Path, first: int, early: bool
) -> None:
    counts = made_counts(7).reshape(700, 3)
    run = verify(bundle, Device(bundle, counts, first=first, early=early).run())
    assert (run.verifier.counts.compared, run.verifier.counts.equal) == (11, 11)
    assert run.verifier.counts.values == 11 * 15
    certificate = certify(bundle, "pty", run.session.stream.hello, run.report, run.verifier)
    assert certificate.result == EQUIVALENT
    tasks = {task.name: task.labels for task in bundle.model.tasks}
    write_certificate(certificate, tmp_path / "e.json", tasks)
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
    assert (run.verifier.counts.equal, run.verifier.counts.differing) == (4, 1)
    certificate = certify(bundle, "pty", run.session.stream.hello, run.report, run.verifier)
    assert certificate.result == DIFFERENT
    assert said in certificate.to_markdown({})


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
    counted = run.verifier.counts
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
    counted = run.verifier.counts
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
    assert run.verifier.counts.compared == 0
    assert verify(bundle, data, any_model=True).verifier.counts.equal == 4


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
    assert run.verifier.counts.compared == 4
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
    assert (run.report.samples, run.verifier.counts.predictions) == (0, 0)


def test_lines_of_text_are_refused_at_once(bundle: Bundle) -> None:
    run = verify(bundle, b"0,0,256\n" * 400, limit=2)
    assert isinstance(run.report.error, VerificationError)
    assert "lines of text" in str(run.report.error)
    assert run.report.ended == "refused"


def test_what_waits_is_bounded_and_counted(bundle: Bundle) -> None:
    verifier = Verifier(bundle.graph, bundle.model_id, FaultLog())
    device = Device(bundle, np.zeros((100, 3), np.int16))
    said = device.prediction(100)
    for k in range(MAX_PENDING + 5):
        verifier.prediction(replace(said, window_first_index=60 * k))
    assert verifier.counts.predictions_alone == 5
    verifier.restart()
    assert verifier.counts.predictions_alone == verifier.counts.predictions


def test_what_compared_nothing_leaves_an_older_proof_alone(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    path = tmp_path / "proof.json"
    path.write_text("an older proof")
    counts = made_counts(3).reshape(300, 3)
    other = Device(bundle, counts, model_id=b"\x01" * 8)
    for device, code, says in ((other, 1, "runs model"), (Device(bundle, counts[:90]), 4, "went")):
        process = live_on_pty("--verify", "--certificate", str(path))
        process.send(device.run())
        process.unplug()
        outcome = process.finish()
        assert outcome.code == code and says in outcome.err, outcome.err
    assert path.read_text() == "an older proof" and not path.with_suffix(".md").exists()


def test_a_certificate_whose_sums_are_wrong_cannot_be_made(
    bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    run = verify(bundle, Device(bundle, made_counts(3).reshape(300, 3)).run())
    run.verifier.counts.predictions += 1
    with pytest.raises(VerificationError, match="predictions = compared"):
        certify(bundle, "pty", None, run.report, run.verifier)


def _clipped(run: Run) -> dict[str, Any]:
    count = run.report.faults.get(Fault.CLIPPED, 0)
    return {"CLIPPED": count} if count else {}


def test_the_command_exits_1_and_leaves_both_files(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    counts = made_counts(7).reshape(700, 3)
    path = tmp_path / "proof.json"
    for change, code, result in ((None, 0, "equivalent"), (flip_one, 1, "different")):
        device = Device(bundle, counts)
        if change is not None:
            device.change = change
        process = live_on_pty("--verify", "--certificate", str(path), "--windows", "11")
        process.send(device.run() + encode_message(Stats(1, 1), device.seq))
        outcome = process.finish()
        assert outcome.code == code, outcome.err
        assert json.loads(path.read_text())["result"] == result
        assert f"{result}: " in outcome.err
        assert path.with_suffix(".md").exists()
    assert "Window at sample 240" in outcome.err


def without_last(device: Device) -> bytes:
    """All but the last prediction, which nothing follows."""
    return b"".join(device.wire[:-1])


@pytest.mark.parametrize(
    ("options", "sent", "code"),
    [
        ((), lambda device: device.run(), 0),
        # A window alone, a wish for more windows, one that differs: no complete run.
        ((), lambda device: device.run() and without_last(device), 4),
        (("--windows", "12"), lambda device: device.run(), 4),
        ((), lambda device: replace(device, change=flip_one).run(), 1),
        # Without --verify the end of a recording is the loss of a sensor, as it always was.
        (None, lambda device: device.run(), 4),
    ],
)
def test_the_end_of_an_emulated_device_is_a_clean_end_when_every_window_was_compared(
    live_on_pty: Callable[..., Any],
    bundle: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    options: tuple[str, ...] | None,
    sent: Callable[[Device], bytes],
    code: int,
) -> None:
    counts = made_counts(7).reshape(700, 3)[:640]
    path = tmp_path / "proof.json"
    wanted = () if options is None else ("--verify", "--certificate", str(path), *options)
    process = live_on_pty(*wanted)
    process.send(sent(Device(bundle, counts)))
    process.unplug()
    outcome = process.finish()
    assert outcome.code == code, outcome.err
    assert ("The port closed, and every window was compared" in outcome.err) == (code == 0)
    assert ("went away" in outcome.err.splitlines()[-1]) == (code == 4)
    if options == () and code == 0:
        said = json.loads(path.read_text())
        assert (said["result"], said["windows_compared"]) == ("equivalent", 10)
