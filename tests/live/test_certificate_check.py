"""Whoever has a certificate can see whether it holds, and with the data compute it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, flip_one, verify
from tests.live.replay_device import ReplayDevice, certificate_of, play, stop_the_clock

from wearkit.bundle.bundle import Bundle
from wearkit.cli import run
from wearkit.errors import LinkLostError, ModelFileError, VerificationError
from wearkit.verification.certificate.certificate import Certificate, certify
from wearkit.verification.certificate.check import check_page, checked, read_certificate
from wearkit.verification.certificate.page import page_of
from wearkit.verification.certificate.proof import ProofFiles, write_certificate
from wearkit.verification.certificate.recompute import (
    check_bundle,
    recompute_live,
    recompute_replay,
)
from wearkit.verification.window_list import WindowList

Counts = NDArray[np.int16]


@pytest.fixture(scope="module")
def counts(made_counts: Callable[..., Counts]) -> Counts:
    return made_counts(8, seed=4).reshape(800, 3)


def live_proof(bundle: Bundle, data: bytes) -> Certificate:
    done = verify(bundle, data)
    error = done.report.error
    ended_by = "" if error is None or isinstance(error, LinkLostError) else str(error)
    hello = done.session.stream.hello
    return certify(bundle, "/dev/x", hello, done.report, done.verifier, error=ended_by)


@pytest.fixture(scope="module")
def proof(bundle: Bundle, counts: Counts) -> dict[str, Any]:
    return as_read(live_proof(bundle, Device(bundle, counts, first=600).run()).to_json())


def as_read(value: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(value))
    return read


def test_an_honest_one_holds(proof: dict[str, Any], bundle: Bundle, counts: Counts) -> None:
    certificate = checked(proof)
    assert certificate.result == "equivalent"
    check_bundle(certificate, bundle)
    before = np.full((7, 3), 3, np.int16)
    recorded = np.concatenate([before, counts])
    done = recompute_live(certificate, bundle, [lambda: recorded[:99], lambda: recorded])
    assert (done.windows, done.listed) == (12, 12)


def test_a_gap_in_the_recording_is_stepped_over(bundle: Bundle, counts: Counts) -> None:
    device = Device(bundle, counts, lost_frames=frozenset({40}))
    certificate = checked(as_read(live_proof(bundle, device.run()).to_json()))
    assert certificate.result == "incomplete"
    recorded = np.concatenate([counts[:400], counts[410:]])
    assert recompute_live(certificate, bundle, [lambda: recorded]).windows == 11


@pytest.mark.parametrize("how", ["differs", "refused"])
def test_one_that_ended_with_an_error_holds_too(bundle: Bundle, counts: Counts, how: str) -> None:
    device = Device(bundle, counts)
    if how == "differs":
        device.change = flip_one
    else:
        device.change = lambda said: (
            said if said.window_first_index != 240 else replace(said, heads=said.heads[:1])
        )
    certificate = checked(as_read(live_proof(bundle, device.run()).to_json()))
    assert certificate.result == ("different" if how == "differs" else "incomplete")
    assert recompute_live(certificate, bundle, [lambda: counts]).windows == len(certificate.windows)


def edit(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    copy = as_read(value)
    at: Any = copy
    *parents, last = path.split(".")
    for name in parents:
        at = at[int(name) if name.isdigit() else name]
    at[int(last) if last.isdigit() else last] = new
    return copy


FORGED = [
    ("result", "different"),
    ("headline", "equivalent: 100 windows compared, 0 differ"),
    ("windows_compared", 13),
    ("windows_differing", 1),
    ("logits_compared", 1),
    ("digest_sha256", "0" * 64),
    ("classes", {"posture": {"posture-1": 12}, "placement": {"chest": 12}}),
    ("faults", {"MISMATCH": 1}),
    ("faults", {}),
    ("error", "The port closed."),
    ("does_not_prove", []),
    ("does_not_prove", ["Nothing."]),
    ("conditions.2.counts.devices", 2),
    ("conditions.2.holds", False),
    ("conditions.5.counts.due", 11),
    ("conditions.5.counts.unanswered", 1),
    ("conditions.5.counts.due", 12.0),
    ("conditions.9.counts.wrong", 1),
    ("conditions.9.counts.sums", 2),
    ("conditions", []),
    ("sums.4.whole", 13),
    ("sums", []),
    ("device.model_id", "00" * 8),
    ("device.window", 50),
    ("device.classes", [5]),
    ("device", None),
    ("replayed", "36 golden windows of the bundle"),
    ("simulated", True),
    ("session", {}),
    ("window_list.windows", ""),
    ("window_list.windows", "!!!!"),
    ("window_list.encoding", "hex"),
    ("tasks.posture.0", 7),
    ("tasks.posture", ["a", "b"]),
    ("tasks.posture", []),
    ("tasks.posture", ["a"] * 12),
    ("tasks", {}),
    ("model_id", "x"),
    ("created_unix_s", "yesterday"),
    ("first_difference", {"index": 0}),
    ("signature", {}),
    ("extra", 1),
    ("port", "x" * 5000),
]


@pytest.mark.parametrize(
    ("path", "new"), FORGED, ids=[f"{n} {p}" for n, (p, _) in enumerate(FORGED)]
)
def test_a_forged_one_does_not(proof: dict[str, Any], path: str, new: Any) -> None:
    with pytest.raises(VerificationError, match="The certificate does not hold: "):
        checked(edit(proof, path, new))


def relisted(proof: dict[str, Any], keep: Callable[[int], bool]) -> dict[str, Any]:
    """Everything that follows from the list is made to follow again, as a forger would."""
    labels = sum(map(len, proof["tasks"].values()))
    before = list(WindowList.decoded(proof["window_list"]["windows"], labels))
    after = WindowList(labels)
    for number, window in enumerate(before):
        if keep(number):
            after.add(window.index, window.crc, window.logits)
    gone = len(before) - len(after)
    text = json.dumps(proof)
    for old, new in ((12, 12 - gone), (12 * labels, (12 - gone) * labels)):
        text = text.replace(f": {old},", f": {new},").replace(f": {old}}}", f": {new}}}")
    value = json.loads(text)
    value["window_list"]["windows"] = after.encoded()
    value["digest_sha256"] = after.sha256
    value["headline"] = value["headline"].replace("12 windows", f"{12 - gone} windows")
    for task, position in (("posture", 0), ("placement", 12)):
        rows = after.logits()[:, position : position + len(value["tasks"][task])]
        names = [value["tasks"][task][k] for k in rows.argmax(axis=1)]
        value["classes"][task] = {name: names.count(name) for name in sorted(set(names))}
    return as_read(value)


def test_a_window_cannot_be_taken_out_of_the_middle(proof: dict[str, Any]) -> None:
    with pytest.raises(VerificationError, match="12 windows were due from its first to its last"):
        checked(relisted(proof, lambda number: number != 5))


@pytest.mark.parametrize("what", ["crc", "logits", "index"])
def test_a_changed_window_is_found_with_the_recording(
    proof: dict[str, Any], bundle: Bundle, counts: Counts, what: str
) -> None:
    labels = sum(map(len, proof["tasks"].values()))
    windows = list(WindowList.decoded(proof["window_list"]["windows"], labels))
    other = windows[3]
    if what == "crc":
        windows[3] = replace(other, crc=other.crc ^ 1)
    elif what == "logits":
        # A value that changes no class, so that the list alone cannot show it.
        lowest = int(np.argmin(other.logits[:12]))
        row = list(other.logits)
        row[lowest] -= 1 if row[lowest] > -128 else -1
        windows[3] = replace(other, logits=tuple(row))
    listed = WindowList(labels)
    for window in windows:
        listed.add(window.index + (60 if what == "index" else 0), window.crc, window.logits)
    value = edit(proof, "window_list.windows", listed.encoded())
    certificate = checked(value | {"digest_sha256": listed.sha256})
    if what == "index":  # moved as a whole: another boot could have numbered them so
        assert recompute_live(certificate, bundle, [lambda: counts]).windows == 12
        return
    with pytest.raises(VerificationError, match="at sample 780") as caught:
        recompute_live(certificate, bundle, [lambda: counts])
    assert ("is not in the recordings" if what == "crc" else "other logits") in str(caught.value)


def test_another_recording_is_not_its_own(
    proof: dict[str, Any], bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    other = made_counts(8, seed=5).reshape(800, 3)
    with pytest.raises(VerificationError, match="is not in the recordings"):
        recompute_live(checked(proof), bundle, [lambda: other])


def test_another_bundle_is_not_its_own(proof: dict[str, Any], bundle: Bundle) -> None:
    other = replace(bundle, model_id="ab" * 32)
    with pytest.raises(VerificationError, match="another bundle: its model_id is"):
        check_bundle(checked(proof), other)


# --- a test set that was replayed ------------------------------------------------------------


@pytest.fixture
def replayed(
    bundle: Bundle, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], Counts]:
    stop_the_clock(monkeypatch)
    golden = bundle.golden().counts
    others = np.stack([counts[at : at + 100] for at in range(0, 700, 100)])
    device = ReplayDevice(bundle)
    done = play(
        device, bundle, np.concatenate([golden, others]), golden=len(golden), others=len(others)
    )
    return as_read(certificate_of(done, bundle).to_json()), others


def test_a_replayed_test_set_is_computed_again(
    replayed: tuple[dict[str, Any], Counts], bundle: Bundle
) -> None:
    value, others = replayed
    certificate = checked(value)
    golden = len(bundle.golden().counts)
    assert certificate.result == "equivalent"
    assert recompute_replay(certificate, bundle, None).windows == golden
    assert recompute_replay(certificate, bundle, others).windows == golden + 7
    with pytest.raises(VerificationError, match=f"Window {golden} is of other samples"):
        recompute_replay(certificate, bundle, others[::-1])
    with pytest.raises(VerificationError, match="and the recordings have"):
        recompute_replay(certificate, bundle, others[:3])


def test_a_replayed_list_starts_at_its_first_window(
    replayed: tuple[dict[str, Any], Counts],
) -> None:
    value, _ = replayed
    labels = sum(map(len, value["tasks"].values()))
    windows = list(WindowList.decoded(value["window_list"]["windows"], labels))
    windows[0], windows[1] = windows[1], windows[0]
    listed = WindowList(labels)
    for window in windows:
        listed.add(window.index, window.crc, window.logits)
    forged = edit(value, "window_list.windows", listed.encoded())
    with pytest.raises(VerificationError, match="test set in their order"):
        checked(forged | {"digest_sha256": listed.sha256})


# --- files -----------------------------------------------------------------------------------


def test_a_page_that_was_changed_is_said(
    proof: dict[str, Any], tmp_path: Path, bundle: Bundle, counts: Counts
) -> None:
    files = ProofFiles(tmp_path / "proof.json")
    write_certificate(live_proof(bundle, Device(bundle, counts).run()), files)
    certificate = read_certificate(files.json)
    check_page(certificate, files.page)
    files.page.write_text(files.page.read_text().replace("equivalent", "different"))
    with pytest.raises(VerificationError, match="not the page of this certificate"):
        check_page(certificate, files.page)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not valid JSON"),
        (b"{}", "no certificate"),
        (b"[]", "no certificate"),
        (b'{"format": "wearkit-equivalence", "format_version": 1}', "lists no windows"),
        (b'{"format": "wearkit-equivalence", "format_version": 3}', "update wearkit"),
        (b'{"a": 1, "a": 2}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_what_is_no_certificate_is_one_sentence(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=says):
        read_certificate(path)


def test_the_command(
    bundle: Bundle, counts: Counts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ProofFiles(tmp_path / "proof.json")
    write_certificate(live_proof(bundle, Device(bundle, counts).run()), files)
    lines = "".join(f"{k / 50:.6f},{x},{y},{z}\n" for k, (x, y, z) in enumerate(counts.tolist()))
    (tmp_path / "s.csv").write_text("# units=counts\ntime,x,y,z\n" + lines)
    command = ["certificate", "check", str(files.json)]
    of_bundle = [*command, "--bundle", str(bundle.path)]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert shown.out == "equivalent: 12 windows compared, 0 differ.\n"
    assert "unsigned" in shown.err and "proof.md is its page" in shown.err
    assert run(of_bundle) == 0
    assert "no window was computed again" in capsys.readouterr().err
    assert run([*of_bundle, "--data", str(tmp_path / "s.csv")]) == 0
    assert "12 of 12 windows were computed again" in capsys.readouterr().err
    assert run([*command, "--data", "s.csv"]) == 2
    files.json.write_text(files.json.read_text().replace('"differing": 0', '"differing": 1', 1))
    assert run(command) == 1
    assert "does not hold" in capsys.readouterr().err


def test_one_that_holds_and_is_incomplete_is_no_success(
    bundle: Bundle, counts: Counts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Device(bundle, counts, lost_frames=frozenset({40}))
    files = ProofFiles(tmp_path / "proof.json")
    write_certificate(live_proof(bundle, device.run()), files)
    assert run(["certificate", "check", str(files.json)]) == 1
    assert capsys.readouterr().out.startswith("incomplete: 11 of 12 windows compared")


def test_many_windows_stay_small() -> None:
    listed = WindowList(12)
    for number in range(27_822):
        listed.add(60 * number, 0, [1] * 12)
    assert len(listed.encoded()) < 1_000_000
    assert WindowList.decoded(listed.encoded(), 12).sha256 == listed.sha256


def test_the_page_is_made_of_the_json_alone(proof: dict[str, Any]) -> None:
    assert "12 windows were computed on the device" in page_of(proof)
