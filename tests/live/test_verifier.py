"""Verifier and Certificate at their edges, with a small graph and predictions made up."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wearkit.errors import VerificationError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Agreement
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.link.frames.codec import encode_message
from wearkit.link.frames.fields import window_crc
from wearkit.link.frames.from_device import Feature, HeadLogits, Hello, Prediction
from wearkit.link.options import StreamOptions
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession
from wearkit.verification.certificate.certificate import Certificate, Model
from wearkit.verification.certificate.conditions import DIFFERENT, EQUIVALENT, INCOMPLETE, NOTHING
from wearkit.verification.verifier import (
    MAX_PENDING,
    Difference,
    Verifier,
    VerifyTally,
    WindowLogits,
)
from wearkit.verification.window_list import WindowList

MODEL_ID = "0123456789abcdef" * 4
ROWS = {"activity": (1, 2, 9, 4), "side": (-5, 6)}
COUNTS = np.zeros((100, 3), np.int16)


@pytest.fixture
def verifier(tiny_graph: QuantizedGraph) -> Verifier:
    return Verifier(tiny_graph, MODEL_ID, FaultLog())


def said(first: int, **change: object) -> Prediction:
    heads = tuple(HeadLogits(0.0625, 3, row) for row in ROWS.values())
    whole = Prediction(first, window_crc(COUNTS), bytes.fromhex(MODEL_ID)[:8], 1, heads)
    return replace(whole, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("early", [False, True])
def test_either_side_may_be_many_windows_ahead(verifier: Verifier, early: bool) -> None:
    sides: list[Callable[[int], None]] = [
        lambda k: verifier.window(60 * k, COUNTS, ROWS),
        lambda k: verifier.prediction(said(60 * k)),
    ]
    for side in reversed(sides) if early else sides:
        for k in range(MAX_PENDING):
            side(k)
    counts = verifier.tally
    assert (counts.compared, counts.equal, counts.differing) == (MAX_PENDING, MAX_PENDING, 0)
    assert (counts.windows_alone, counts.predictions_alone) == (0, 0)
    assert counts.classes == {"activity": {"walk": 64}, "side": {"right": 64}}


def test_a_window_that_nothing_answers_is_counted_once(verifier: Verifier) -> None:
    for k in range(MAX_PENDING):
        verifier.window(60 * k, COUNTS, ROWS)
    for k in range(MAX_PENDING, MAX_PENDING + 3):
        with pytest.raises(VerificationError, match="left 64 windows unanswered"):
            verifier.window(60 * k, COUNTS, ROWS)
    assert verifier.tally.windows_alone == 3
    verifier.restart()
    verifier.restart()
    assert verifier.tally.windows_alone == verifier.tally.windows == MAX_PENDING + 3


def test_a_prediction_that_comes_twice_before_its_window_is_compared_once(
    verifier: Verifier,
) -> None:
    verifier.prediction(said(60))
    verifier.prediction(said(60))
    verifier.window(60, COUNTS, ROWS)
    counts = verifier.tally
    assert (counts.predictions, counts.repeated, counts.compared) == (2, 1, 1)
    verifier.prediction(said(60))
    assert (counts.repeated, counts.contradicted) == (2, 0)


@pytest.mark.parametrize("before", [False, True])
def test_two_answers_to_one_window_are_a_contradiction(verifier: Verifier, before: bool) -> None:
    if not before:
        verifier.window(60, COUNTS, ROWS)
    verifier.prediction(said(60))
    verifier.prediction(said(60, heads=(replace(ACTIVITY, logits=(1, 2, 9, 5)), SIDE)))
    if before:
        verifier.window(60, COUNTS, ROWS)
    counts = verifier.tally
    assert (counts.compared, counts.equal, counts.contradicted) == (1, 1, 1)
    assert not counts.is_whole


def test_indices_past_32_bits_are_the_devices_own_again(verifier: Verifier) -> None:
    verifier.window((1 << 32) + 60, COUNTS, ROWS)
    verifier.prediction(said(60))
    assert verifier.tally.equal == 1


ACTIVITY, SIDE = said(0).heads


@pytest.mark.parametrize(
    "heads",
    [
        (ACTIVITY,),
        (ACTIVITY, SIDE, SIDE),
        (ACTIVITY, replace(SIDE, logits=(1, 2, 3))),
        (ACTIVITY, replace(SIDE, zero_point=4)),
        (replace(ACTIVITY, scale=0.06251), SIDE),
        (SIDE, ACTIVITY),
    ],
)
def test_heads_of_another_shape_or_scale_are_another_model(
    verifier: Verifier, heads: tuple[HeadLogits, ...]
) -> None:
    with pytest.raises(VerificationError, match="other heads, scales") as caught:
        verifier.prediction(said(60, heads=heads))
    assert caught.value.fault == "MODEL_MISMATCH"


def test_a_model_id_is_compared_to_its_last_byte(verifier: Verifier) -> None:
    own = bytes.fromhex(MODEL_ID)[:8]
    verifier.hello(Hello(boot_id=1, model_id=own, classes=(4, 2)))
    for other in (own[:7] + b"\0", b"\0" + own[1:]):
        with pytest.raises(VerificationError, match=other.hex()):
            verifier.hello(Hello(boot_id=1, model_id=other))


def test_a_model_that_is_changed_while_live_runs_is_refused_too(
    tiny_graph: QuantizedGraph, verifier: Verifier
) -> None:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0), verifier=verifier)
    own = Hello(
        boot_id=1, model_id=bytes.fromhex(MODEL_ID)[:8], features=Feature(3), classes=(4, 2)
    )
    for seq in range(3):
        session.feed(encode_message(own, seq), 0.0)
    with pytest.raises(VerificationError, match="runs model"):
        session.feed(encode_message(replace(own, boot_id=2, model_id=bytes(7) + b"x"), 3), 0.0)


def test_the_digest_is_of_index_samples_and_logits(tiny_graph: QuantizedGraph) -> None:
    other = COUNTS + 1
    rows = {"activity": (1, 2, 9, 5), "side": (-5, 6)}
    digests = set()
    for index, counts, logits in ((0, COUNTS, ROWS), (60, COUNTS, ROWS), (0, other, ROWS),
                                  (0, COUNTS, rows)):  # fmt: skip
        verifier = Verifier(tiny_graph, MODEL_ID, FaultLog())
        heads = tuple(HeadLogits(0.0625, 3, row) for row in logits.values())
        verifier.prediction(said(index, window_crc=window_crc(counts), heads=heads))
        verifier.window(index, counts, logits)
        assert verifier.tally.equal == 1
        digests.add(verifier.digest)
    assert len(digests) == 4


# --- certificate -----------------------------------------------------------------------------


@pytest.fixture
def report(tiny_graph: QuantizedGraph) -> LiveReport:
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    header = b"#wearkit text/1 units=counts fields=index,x,y,z sensor=simulated\n"
    session.feed(header + b"".join(b"%d,%d,1,511\n" % (k, k) for k in range(170)) + b"junk\n", 0.0)
    session.finish()
    return session.report()


def certificate(report: LiveReport, **counts: int) -> Certificate:
    tally = VerifyTally(**counts, classes={"side": Counter(left=counts.get("compared", 0))})
    hello = Hello(boot_id=7, features=Feature.SAMPLES, model_id=b"modelnow")
    model = Model(MODEL_ID, "tflm", None, {"side": ("left", "right")})
    compared = WindowList(2)
    for index in range(counts.get("compared", 0)):
        compared.add(60 * index, 0, (1, 0))
    return Certificate(model, "port", 1.0, hello, report, tally, compared)


EVEN = {"windows": 7, "predictions": 8, "before": 1, "compared": 7, "runs": 1}


def test_it_says_what_was_proved_and_no_more(report: LiveReport) -> None:
    good = certificate(report, **EVEN, equal=7)
    assert good.result == EQUIVALENT
    assert certificate(report, **EVEN, equal=6, differing=1).result == DIFFERENT
    assert replace(good, error="It went away.").result == INCOMPLETE
    assert certificate(report).result == NOTHING


def test_a_prediction_of_another_model_leaves_sums_that_add_up(
    verifier: Verifier, report: LiveReport
) -> None:
    verifier.window(60, COUNTS, ROWS)
    verifier.prediction(said(60))
    with pytest.raises(VerificationError, match="other heads"):
        verifier.prediction(said(120, heads=(SIDE, ACTIVITY)))
    verifier.finish(is_cut=False)
    counts = verifier.tally
    booked = replace(certificate(report), tally=counts, compared=verifier.compared)
    assert booked.result == INCOMPLETE
    assert (counts.predictions, counts.compared, counts.refused) == (2, 1, 1)


@pytest.mark.parametrize("counter", ["windows", "predictions", "equal", "windows_alone"])
def test_counts_that_do_not_add_up_make_none(report: LiveReport, counter: str) -> None:
    wrong = {**EVEN, "equal": 7}
    wrong[counter] = wrong.get(counter, 0) + 1
    with pytest.raises(VerificationError, match="does not add up"):
        certificate(report, **wrong)


def test_a_session_that_still_holds_bytes_is_not_certified(report: LiveReport) -> None:
    open_end = replace(report, bytes_received=report.bytes_received + 4, bytes_pending=4)
    with pytest.raises(VerificationError, match="bytes received"):
        certificate(open_end, **EVEN, equal=7)


def test_both_files_carry_the_difference_the_faults_and_the_simulation(report: LiveReport) -> None:
    other = WindowLogits(60, 7, {"side": (1, 2)})
    host = replace(other, logits={"side": (1, 1)})
    agreement = Agreement(1, 2, 1, 1, {}, 0)
    bad = replace(
        certificate(report, **EVEN, equal=6, differing=1),
        difference=Difference(host, other, agreement),
    )
    as_json = bad.to_json()
    assert as_json["first_difference"]["host"] == {"crc": 7, "logits": {"side": [1, 1]}}
    assert (as_json["windows_compared"], as_json["windows_differing"]) == (7, 1)
    assert as_json["faults"] == {"CORRUPT": 1, "CLIPPED": 2}
    assert (as_json["rounding"], as_json["simulated"]) == ("tflm", True)
    assert as_json["device"]["model_id"] == b"modelnow".hex()
    page = bad.to_markdown()
    assert "The sensor was simulated" in page
    assert "Window at sample 60: 1 of 2 logits differ" in page
    assert "| left | 7 |" in page
    assert "| right | 0 |" in page
    assert "| CORRUPT | 1 |" in page
