"""Forgers who make everything follow again but one thing: the check names that one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, flip_one, verify

from wearkit.bundle.bundle import Bundle
from wearkit.errors import LinkLostError, VerificationError
from wearkit.verification.certificate.certificate import certify
from wearkit.verification.certificate.check import checked
from wearkit.verification.certificate.conditions import conditions, headline, result_of
from wearkit.verification.certificate.limits import not_proved
from wearkit.verification.window_list import WindowList

Value = dict[str, Any]
Forge = Callable[[Value], object]


def proof_of(bundle: Bundle, device: Device) -> Value:
    done = verify(bundle, device.run())
    error = done.report.error
    ended_by = "" if error is None or isinstance(error, LinkLostError) else str(error)
    hello = done.session.stream.hello
    whole = certify(bundle, "/dev/x", hello, done.report, done.verifier, error=ended_by)
    value: Value = json.loads(json.dumps(whole.to_json()))
    return value


@pytest.fixture(scope="module")
def counts(made_counts: Callable[..., NDArray[np.int16]]) -> NDArray[np.int16]:
    return made_counts(5, seed=4).reshape(500, 3)[:460]  # 7 windows


@pytest.fixture(scope="module")
def equal(bundle: Bundle, counts: NDArray[np.int16]) -> Value:
    return proof_of(bundle, Device(bundle, counts, first=600))


@pytest.fixture(scope="module")
def differs(bundle: Bundle, counts: NDArray[np.int16]) -> Value:
    return proof_of(bundle, Device(bundle, counts, change=flip_one))


def forged(value: Value, forge: Forge) -> Value:
    """`forge` changes a copy; what follows from its conditions is then written again."""
    made = copy.deepcopy(value)
    forge(made)
    decided = conditions({entry["name"]: entry["counts"] for entry in made["conditions"]})
    made["conditions"] = [condition.to_json() for condition in decided]
    made["result"] = result_of(decided)
    made["headline"] = headline(decided, is_replay=False)
    made["does_not_prove"] = not_proved(decided, is_replay=False)
    return made


def count(name: str, **changes: int) -> Forge:
    def forge(value: Value) -> None:
        entry = next(entry for entry in value["conditions"] if entry["name"] == name)
        entry["counts"].update(changes)

    return forge


def put(**changes: Any) -> Forge:
    return lambda value: value.update(changes)


def session(**changes: Any) -> Forge:
    return lambda value: value["session"].update(changes)


def device(**changes: Any) -> Forge:
    return lambda value: value["device"].update(changes)


def all_of(*forges: Forge) -> Forge:
    return lambda value: [forge(value) for forge in forges]


def fault(**faults: int) -> Forge:
    return lambda value: [value["faults"].update(faults), value["session"]["faults"].update(faults)]


def last_sum(**changes: Any) -> Forge:
    return lambda value: value["sums"][-1].update(changes)


def twice(value: Value) -> None:
    value["sums"].append(dict(value["sums"][-1]))


COMPARED = "counts another number of compared windows"
DUE = "the windows that were due are not the sum of what became of them"
FORGERIES: list[tuple[Forge, str]] = [
    (count("compared", compared=6), f"compared {COMPARED}"),
    (count("compared", compared=8), f"compared {COMPARED}"),
    (count("equal", compared=8), f"equal {COMPARED}"),
    (count("all_due", compared=8), f"all_due {COMPARED}"),
    (count("requested", compared=8), f"requested {COMPARED}"),
    (count("listed", compared=8), f"listed {COMPARED}"),
    (count("equal", equal=8), "equal and differing windows are not all"),
    (count("equal", equal=6), "equal and differing windows are not all"),
    (count("equal", equal=6, differing=1), "the differing windows are another number"),
    (put(windows_differing=1), "the differing windows are another number"),
    (count("all_due", due=6), DUE),
    (count("all_due", due=8), DUE),
    (count("all_due", due=7, unanswered=1), DUE),
    (count("all_due", due=7, without_samples=1, unsent=1), DUE),
    (count("all_due", due=7 + (3 | 5 | 6), unanswered=3, without_samples=5, unsent=6), DUE),
    (count("requested", golden_compared=1), "more golden windows were compared than there are"),
    (count("same_input", hellos=3), "the hellos are counted in two ways"),
    (count("listed", listed=6), "its list has another number of windows"),
    (count("listed", listed=8), "its list has another number of windows"),
    (put(digest_sha256="0" * 64), "the digest is not that of its windows"),
    (lambda v: v.update(logits_compared=v["logits_compared"] + 1), "another number of logits"),
    (lambda v: v.update(logits_compared=v["logits_compared"] - 1), "another number of logits"),
    (count("no_error", errors=1), "the error is not counted as it stands there"),
    (put(error="It went."), "the error is not counted as it stands there"),
    (session(error="It went.", ended="stopped"), "ended with an error that is left out"),
    (
        all_of(put(error="It went."), session(error="It fell."), count("no_error", errors=1)),
        "its error is not that of its session",
    ),
    (put(faults={"CORRUPT": 1}), "its faults are not those of its session"),
    (session(ended="refused", error=None), "it ended well, and its session did not"),
    (session(ended="lost", error=None), "it ended well, and its session did not"),
    *(
        (fault(**{name: 1}), f"{name} is among its faults and no error is counted")
        for name in ("MODEL_MISMATCH", "DEVICE_CHANGED", "NO_VALID_DATA")
    ),
    (fault(MISMATCH=1), "its faults and its differences are not the same"),
    (session(complete=False), "the end of its test set is said in two ways"),
    (session(complete=1), "the end of its test set is said in two ways"),
    (count("requested", is_finished=0), "the end of its test set is said in two ways"),
    (put(simulated=True), "it is simulated and not"),
    (twice, "a sum stands there twice"),
    (last_sum(parts=8), "a sum does not add up: compared = equal"),
    (last_sum(parts=6), "a sum does not add up: compared = equal"),
    (count("sums", sums=2), "its sums are counted wrongly"),
    (count("sums", wrong=1), "its sums are counted wrongly"),
    (last_sum(whole=8, parts=8), "a sum of compared windows is another"),
    (last_sum(whole=6, parts=6), "a sum of compared windows is another"),
    (count("right_model", predictions=9), "a sum of predictions is another"),
    (put(device=None), "no device stands there, and it said HELLO"),
    (
        all_of(count("right_model", hellos=0), count("same_input", hellos=0)),
        "no device stands there, and it said HELLO",
    ),
    *(
        (device(boot_id=number), "device is not what it should be")
        for number in (-1, 7.0, True, (1 << 53) + 1)
    ),
    (device(model_id="00" * 8), "the device names another model, which is not counted"),
    (device(window=99), "the device's windows are not its model's"),
    (device(hop=61), "the device's windows are not its model's"),
    (device(classes=[5]), "the device's classes are not its model's"),
]


@pytest.mark.parametrize(("forge", "sentence"), FORGERIES)
def test_what_does_not_follow_is_named(equal: Value, forge: Forge, sentence: str) -> None:
    assert checked(forged(equal, lambda value: None)).result == "equivalent"
    with pytest.raises(VerificationError) as caught:
        checked(forged(equal, forge))
    assert sentence in str(caught.value)


def test_a_sum_of_fewer_predictions_than_windows_is_named(equal: Value) -> None:
    def forge(value: Value) -> None:
        row = next(row for row in value["sums"] if row["what"].startswith("pred"))
        row.update(whole=6, parts=6)
        count("right_model", predictions=6)(value)

    with pytest.raises(VerificationError, match="a sum of predictions is another"):
        checked(forged(equal, forge))


def renumbered(value: Value, numbers: dict[int, int]) -> None:
    """numbers: new index by place in the list."""
    labels = sum(map(len, value["tasks"].values()))
    listed = WindowList(labels)
    windows = WindowList.decoded(value["window_list"]["windows"], labels)
    for place, window in enumerate(windows):
        listed.add(numbers.get(place, window.index), window.crc, window.logits)
    value["window_list"]["windows"] = listed.encoded()
    value["digest_sha256"] = listed.sha256


@pytest.mark.parametrize(
    "numbers", [{3: 720}, {3: 779}, {3: 840, 4: 780}], ids=["twice", "off the grid", "swapped"]
)
def test_windows_that_do_not_follow_each_other_on_a_grid_are_named(
    equal: Value, numbers: dict[int, int]
) -> None:
    with pytest.raises(VerificationError, match="not on one grid, each after the other"):
        checked(forged(equal, lambda value: renumbered(value, numbers)))


def test_a_difference_that_is_not_counted_is_named(equal: Value, differs: Value) -> None:
    shown = put(first_difference=differs["first_difference"])
    with pytest.raises(VerificationError, match="counted and not shown, or the reverse"):
        checked(forged(equal, shown))


def first(**changes: Any) -> Forge:
    return lambda value: value["first_difference"].update(changes)


def side(name: str, **changes: Any) -> Forge:
    return lambda value: value["first_difference"][name].update(changes)


def same_sides(value: Value) -> None:
    value["first_difference"]["device"] = dict(value["first_difference"]["host"])


def logit(new: int) -> Forge:
    def forge(value: Value) -> None:
        rows = value["first_difference"]["device"]["logits"]
        rows[next(iter(rows))][0] = new

    return forge


OTHER_HEADS = "the difference has other heads than its model"
LAST = "the difference is not of its last window"


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (put(first_difference=None), "a difference is counted and not shown, or the reverse"),
        (first(index=0), LAST),
        (side("host", crc=0), LAST),
        (side("device", logits={}), OTHER_HEADS),
        (logit(128), OTHER_HEADS),
        (logit(-129), OTHER_HEADS),
        (logit(127), "the sentence on its difference is another"),
        (logit(-128), "the sentence on its difference is another"),
        (same_sides, "the two sides of its difference are equal"),
        (side("device", crc=0), "the sentence on its difference is another"),
        (first(sentence="It differs."), "the sentence on its difference is another"),
        (fault(MISMATCH=0), "its faults and its differences are not the same"),
    ],
)
def test_a_difference_that_does_not_follow_is_named(
    differs: Value, forge: Forge, sentence: str
) -> None:
    assert checked(forged(differs, lambda value: None)).result == "different"
    with pytest.raises(VerificationError) as caught:
        checked(forged(differs, forge))
    assert sentence in str(caught.value)
