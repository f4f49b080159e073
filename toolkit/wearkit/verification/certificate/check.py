"""Is a certificate at peace with itself? Everything in it that follows from its list of windows and
its counts is computed again. The file may come from anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from wearkit.errors import ModelFileError, VerificationError
from wearkit.files.limited import read_limited
from wearkit.files.strict_json import parse_json
from wearkit.integer.logits import compare
from wearkit.link.sample import WRAP_32
from wearkit.verification.certificate.certificate import FORMAT, FORMAT_VERSION
from wearkit.verification.certificate.conditions import (
    DIFFERENT,
    Condition,
    conditions,
    headline,
    result_of,
)
from wearkit.verification.certificate.limits import not_proved
from wearkit.verification.certificate.page import page_of
from wearkit.verification.verifier import AT_SAMPLE, REPLAYED, Difference, WindowLogits
from wearkit.verification.window_list import ENCODING, WindowList

MAX_FILE_BYTES = 64 << 20
_MAX_TEXT, _MAX_LABELS, _MAX_COUNT = 4000, 100_000, 1 << 53
_UNREADABLE = "Cannot read {path}: {reason}; name the JSON of a certificate."


@dataclass(frozen=True, slots=True)
class CheckedCertificate:
    """One that is at peace with itself. value: the JSON."""

    value: Mapping[str, Any]
    conditions: tuple[Condition, ...]
    windows: WindowList

    @property
    def is_replay(self) -> bool:
        return self.value["replayed"] is not None

    @property
    def result(self) -> str:
        return result_of(self.conditions)

    @property
    def tasks(self) -> dict[str, tuple[str, ...]]:
        return {task: tuple(labels) for task, labels in self.value["tasks"].items()}

    def counts(self, condition: str) -> Mapping[str, int]:
        """Of one condition, by its name."""
        return next(entry.counts for entry in self.conditions if entry.name == condition)


def read_certificate(path: Path) -> CheckedCertificate:
    """Read the file and check it, without its page.

    Raises ModelFileError for a file that is no certificate of a version that lists its windows,
    VerificationError, which names the first thing that does not hold.
    """
    try:
        value = parse_json(read_limited(path, MAX_FILE_BYTES, _UNREADABLE))
    except ValueError as error:
        raise ModelFileError(f"{path} is not valid JSON ({error}).") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ModelFileError(f"{path} is no certificate: its format is not {FORMAT}.")
    version = value.get("format_version")
    if version == 1:
        raise ModelFileError(
            f"{path} is of version 1 and cannot be checked, as it lists no windows: run the "
            "comparison again."
        )
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {version!r} and this wearkit reads {FORMAT_VERSION}: "
            "update wearkit."
        )
    return checked(value)


def checked(value: dict[str, Any]) -> CheckedCertificate:
    """Raises VerificationError, which names the first thing that does not hold."""
    _check_shape(value)
    counts = {entry["name"]: entry["counts"] for entry in value["conditions"]}
    try:
        listed = WindowList.decoded(
            value["window_list"]["windows"], sum(len(row) for row in value["tasks"].values())
        )
        decided = conditions(counts)
    except ValueError as error:
        raise _wrong(f"its list of windows or of conditions is none: {error}") from error
    certificate = CheckedCertificate(value, decided, listed)
    for sentence, holds in (
        *_of_conditions(certificate),
        *_of_windows(certificate),
        *_of_difference(certificate),
        *_of_session(certificate),
        *_of_device(certificate),
        *_of_result(certificate),
    ):
        if not holds:
            raise _wrong(sentence)
    return certificate


def check_page(certificate: CheckedCertificate, path: Path) -> None:
    """The page beside the JSON is the one that the JSON gives. path: of the page.

    Raises VerificationError when it differs, ModelFileError when it cannot be read.
    """
    data = read_limited(path, MAX_FILE_BYTES, _UNREADABLE)
    if data != page_of(certificate.value).encode():
        raise VerificationError(f"{path} is not the page of this certificate: one was changed.")


def _wrong(fault: str) -> VerificationError:
    return VerificationError(f"The certificate does not hold: {fault}.")


Checks = Iterator[tuple[str, bool]]


def _of_conditions(certificate: CheckedCertificate) -> Checks:
    value, counts = certificate.value, certificate.counts
    for entry, condition in zip(value["conditions"], certificate.conditions, strict=True):
        yield (
            f"condition {condition.name} is not as its counts say",
            (entry["holds"] == condition.holds),
        )
    compared = value["windows_compared"]
    for name in ("compared", "equal", "all_due", "requested", "listed"):
        yield (
            f"condition {name} counts another number of compared windows",
            (counts(name)["compared"] == compared),
        )
    equal, due = counts("equal"), counts("all_due")
    yield (
        "equal and differing windows are not all",
        (equal["equal"] + equal["differing"] == compared),
    )
    yield (
        "the differing windows are another number",
        (value["windows_differing"] == equal["differing"]),
    )
    yield (
        "the windows that were due are not the sum of what became of them",
        (due["due"] == compared + due["unanswered"] + due["without_samples"] + due["unsent"]),
    )
    wanted = counts("requested")
    yield (
        "more golden windows were compared than there are",
        (wanted["golden_compared"] == min(wanted["golden_in_bundle"], compared)),
    )
    yield (
        "the hellos are counted in two ways",
        (counts("right_model")["hellos"] == counts("same_input")["hellos"]),
    )


def _of_windows(certificate: CheckedCertificate) -> Checks:
    value, listed = certificate.value, certificate.windows
    counts = certificate.counts
    yield "its list has another number of windows", counts("listed")["listed"] == len(listed)
    if len(listed) < value["windows_compared"]:
        return  # what is not listed cannot be counted again
    yield "the digest is not that of its windows", value["digest_sha256"] == listed.sha256
    labels = sum(len(row) for row in certificate.tasks.values())
    yield "it counts another number of logits", value["logits_compared"] == labels * len(listed)
    yield "the classes are not those of its windows", value["classes"] == _classes(certificate)
    yield from _of_places(certificate)


def _of_places(certificate: CheckedCertificate) -> Checks:
    """The indices: all of a test set in its order, or places of one grid."""
    indices = [window.index for window in certificate.windows]
    if certificate.is_replay:
        yield (
            "its windows are not those of a test set in their order",
            (indices == list(range(len(indices)))),
        )
        return
    if certificate.counts("one_device")["runs"] != 1 or not indices:
        return
    hop = certificate.value["window"]["hop"] if certificate.value["window"] else 1
    steps = [(after - before) % WRAP_32 for before, after in pairwise(indices)]
    yield (
        "its windows are not on one grid, each after the other",
        all(0 < step < WRAP_32 // 2 and step % hop == 0 for step in steps),
    )
    places = sum(steps) // hop + 1
    yield (
        f"{places} windows were due from its first to its last",
        (certificate.counts("all_due")["due"] >= places),
    )


def _of_difference(certificate: CheckedCertificate) -> Checks:
    value = certificate.value
    entry, differing = value["first_difference"], value["windows_differing"]
    yield (
        "a difference is counted and not shown, or the reverse",
        ((entry is not None) == (differing > 0)),
    )
    if entry is None:
        return
    yield "a comparison ends at its first difference", differing == 1
    windows = list(certificate.windows)
    host, device = (_side(certificate, entry, name) for name in ("host", "device"))
    if host is None or device is None:
        yield "the difference has other heads than its model", False
        return
    flat = tuple(logit for row in host.logits.values() for logit in row)
    yield (
        "the difference is not of its last window",
        bool(windows)
        and (
            (windows[-1].index, windows[-1].crc, windows[-1].logits)
            == (entry["index"], host.crc, flat)
        ),
    )
    agreement = compare(_rows(host), _rows(device))
    yield (
        "the two sides of its difference are equal",
        (not agreement.exact or host.crc != device.crc),
    )
    where = REPLAYED if certificate.is_replay else AT_SAMPLE
    sentence = Difference(host, device, agreement, where).sentence()
    yield "the sentence on its difference is another", entry["sentence"] == sentence


def _of_session(certificate: CheckedCertificate) -> Checks:
    value, counts = certificate.value, certificate.counts
    session, error = value["session"], value["error"]
    yield (
        "the error is not counted as it stands there",
        (counts("no_error")["errors"] == (error is not None)),
    )
    ended, session_error = session.get("ended"), session.get("error")
    yield (
        "the session ended with an error that is left out",
        error is not None or (session_error is None or ended == "lost"),
    )
    yield "its error is not that of its session", error in (None, session_error)
    yield "its faults are not those of its session", value["faults"] == session.get("faults")
    ends = ("refused", "lost") if error is None and session_error is None else ()
    yield "it ended well, and its session did not", ended not in ends
    for fault in ("MODEL_MISMATCH", "DEVICE_CHANGED", "NO_VALID_DATA"):
        yield (
            f"{fault} is among its faults and no error is counted",
            (error is not None or not value["faults"].get(fault)),
        )
    yield (
        "its faults and its differences are not the same",
        (bool(value["faults"].get("MISMATCH")) == bool(value["windows_differing"])),
    )
    is_complete = session.get("complete", True)
    yield (
        "the end of its test set is said in two ways",
        (counts("requested")["is_finished"] == int(is_complete is True)),
    )
    yield "it is simulated and not", value["simulated"] == session.get("simulated")
    if certificate.is_replay:
        yield "its test set has two names", value["replayed"] == session.get("test_set")
    yield from _of_sums(certificate)


def _of_sums(certificate: CheckedCertificate) -> Checks:
    value, counts = certificate.value, certificate.counts
    sums = {row["what"]: row["whole"] for row in value["sums"]}
    yield "a sum stands there twice", len(sums) == len(value["sums"])
    for row in value["sums"]:
        yield f"a sum does not add up: {row['what']}", row["whole"] == row["parts"]
    yield "its sums are counted wrongly", counts("sums") == {"sums": len(sums), "wrong": 0}
    compared = value["windows_compared"]
    yield (
        "a sum of compared windows is another",
        (sums.get("compared = equal + differing") == compared),
    )
    predictions = next((whole for name, whole in sums.items() if name.startswith("pred")), -1)
    yield (
        "a sum of predictions is another",
        (counts("right_model")["predictions"] == predictions >= compared),
    )


def _of_device(certificate: CheckedCertificate) -> Checks:
    value, counts = certificate.value, certificate.counts
    device, model = value["device"], counts("right_model")
    yield "no device stands there, and it said HELLO", (device is None) == (model["hellos"] == 0)
    if device is None:
        return
    all_right = not model["hellos_of_another"] + model["predictions_of_another"]
    yield (
        "the device names another model, which is not counted",
        (not all_right or device["model_id"] == value["model_id"][:16]),
    )
    if counts("same_input")["hellos_of_another"]:
        return
    window = value["window"]
    yield (
        "the device's windows are not its model's",
        window is None or ((device["window"], device["hop"]) == (window["length"], window["hop"])),
    )
    yield (
        "the device's classes are not its model's",
        (sorted(device["classes"]) == sorted(len(row) for row in certificate.tasks.values())),
    )


def _of_result(certificate: CheckedCertificate) -> Checks:
    value, decided = certificate.value, certificate.conditions
    is_replay = certificate.is_replay
    result = result_of(decided)
    yield f"its conditions say {result}, and not {value['result']}", value["result"] == result
    yield (
        "its headline is not what its conditions say",
        (value["headline"] == headline(decided, is_replay=is_replay)),
    )
    yield (
        "what it does not prove is left out",
        (value["does_not_prove"] == not_proved(decided, is_replay=is_replay)),
    )
    yield (
        "nothing differs in it",
        result != DIFFERENT
        or (value["windows_differing"] + certificate.counts("equal")["contradicted"] > 0),
    )


def _classes(certificate: CheckedCertificate) -> dict[str, dict[str, int]]:
    logits, at = certificate.windows.logits(), 0
    counted: dict[str, dict[str, int]] = {}
    for task, labels in certificate.tasks.items():
        best = np.argmax(logits[:, at : at + len(labels)], axis=1)
        at += len(labels)
        windows_by_label = Counter(labels[position] for position in best.tolist())
        counted[task] = dict(sorted(windows_by_label.items()))
    return counted


def _side(
    certificate: CheckedCertificate, entry: Mapping[str, Any], name: str
) -> WindowLogits | None:
    side, tasks = entry[name], certificate.tasks
    logits = {task: tuple(row) for task, row in side["logits"].items()}
    fits = {task: len(row) for task, row in logits.items()} == {
        task: len(labels) for task, labels in tasks.items()
    }
    if not fits or not all(-128 <= x <= 127 for row in logits.values() for x in row):
        return None
    # In the order of the tasks, as every list of logits is.
    return WindowLogits(entry["index"], side["crc"], {task: logits[task] for task in tasks})


def _rows(side: WindowLogits) -> dict[str, Any]:
    return {task: np.array([row], np.int8) for task, row in side.logits.items()}


# --- types of what was read ---------------------------------------------------------------------

_Is = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _is_long_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_LABELS


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_hex(digits: int) -> _Is:
    pattern = re.compile(f"[0-9a-f]{{{digits}}}")
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _or_none(is_: _Is) -> _Is:
    return lambda value: value is None or is_(value)


def _list_of(is_: _Is) -> _Is:
    return lambda value: (
        isinstance(value, list) and len(value) <= _MAX_LABELS and all(map(is_, value))
    )


def _map_of(is_: _Is) -> _Is:
    return lambda value: (
        isinstance(value, dict)
        and len(value) <= _MAX_LABELS
        and all(map(_is_text, value))
        and all(map(is_, value.values()))
    )


def _object(**fields: _Is) -> _Is:
    """Exactly these."""
    return lambda value: (
        isinstance(value, dict)
        and set(value) == set(fields)
        and all(is_(value[name]) for name, is_ in fields.items())
    )


_is_bool: _Is = lambda value: isinstance(value, bool)  # noqa: E731
_is_int: _Is = lambda value: type(value) is int and abs(value) <= _MAX_COUNT  # noqa: E731
_is_labels: _Is = lambda value: (  # noqa: E731
    _list_of(_is_text)(value) and len(value) == len(set(value)) >= 2
)
_IS_SIDE = _object(crc=_is_count, logits=_map_of(_list_of(_is_int)))
_IS_WINDOW = _object(
    rate_hz=_is_number,
    length=_is_count,
    hop=lambda value: _is_count(value) and value > 0,
    axes=_list_of(_is_text),
    full_scale_g=_is_number,
)
_IS_DEVICE = _object(
    uid=_is_hex(16),
    firmware=_is_text,
    boot_id=_is_count,
    model_id=_is_hex(16),
    devid=_is_count,
    bw_rate=_is_count,
    data_format=_is_count,
    fifo_ctl=_is_count,
    lsb_per_g=_list_of(_is_count),
    supply_mv=_is_count,
    features=_is_count,
    axes=lambda value: re.fullmatch(r"([+-][xyz]){3}", str(value)) is not None,
    window=_is_count,
    hop=_is_count,
    input_scale_g=_is_number,
    input_zero_point=_is_int,
    classes=_list_of(_is_count),
)
_SHAPE: dict[str, _Is] = {
    "format": _is_text,
    "format_version": _is_count,
    "result": _is_text,
    "headline": _is_text,
    "wearkit": _is_text,
    "created_unix_s": _is_number,
    "model_id": _is_hex(64),
    "rounding": _is_text,
    "window": _or_none(_IS_WINDOW),
    "tasks": lambda value: bool(value) and _map_of(_is_labels)(value),
    "port": _is_text,
    "simulated": _is_bool,
    "replayed": _or_none(_is_text),
    "device": _or_none(_IS_DEVICE),
    "measured_rate": _or_none(_object(rate_hz=_is_number, error_hz=_is_number, source=_is_text)),
    "conditions": _list_of(_object(name=_is_text, holds=_is_bool, counts=_map_of(_is_count))),
    "does_not_prove": _list_of(_is_text),
    "windows_compared": _is_count,
    "windows_differing": _is_count,
    "logits_compared": _is_count,
    "first_difference": _or_none(
        _object(index=_is_count, host=_IS_SIDE, device=_IS_SIDE, sentence=_is_long_text)
    ),
    "error": _or_none(_is_text),
    "digest_sha256": _is_hex(64),
    "classes": _map_of(_map_of(_is_count)),
    "faults": _map_of(_is_count),
    "sums": _list_of(_object(what=_is_text, whole=_is_count, parts=_is_count)),
    "session": lambda value: isinstance(value, dict),
    "window_list": _object(
        encoding=lambda value: value == ENCODING, windows=lambda value: isinstance(value, str)
    ),
    "signature": _or_none(_object(algorithm=_is_text, public_key=_is_hex(64), signature=_is_text)),
}


def _check_shape(value: dict[str, Any]) -> None:
    for name in _SHAPE:
        if name not in value:
            raise _wrong(f"it has no {name}")
    for name, content in value.items():
        if name not in _SHAPE:
            raise _wrong(f"it has a field of nobody's, {name[:40]!r}")
        if not _SHAPE[name](content):
            raise _wrong(f"{name} is not what it should be")
