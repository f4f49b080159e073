"""Devices and files that would have a certificate say more than is true, one attack after another.

Every device computes its right answers with the reference, over a small graph, so that only what
the attack does can be what is noticed. Fooled is a certificate that says equivalent where it must
not, a forged one that passes `wearkit certificate check`, and a lost file of somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attack import Attack
from numpy.typing import NDArray
from tests.live.predicting_device import Device, classes_of, verify
from tests.live.replay_device import ReplayDevice, certificate_of, play, stop_the_clock

from wearkit.bundle.bundle import Bundle
from wearkit.counts import INPUT_SCALE_G
from wearkit.errors import LinkLostError, WearkitError
from wearkit.integer.graph import Dense, Head, QuantizedGraph, Reshape, Tensor
from wearkit.integer.graph_file import model_id
from wearkit.integer.reference import Reference
from wearkit.link.faults import FaultLog
from wearkit.link.frames.codec import decode_message, encode_message
from wearkit.link.frames.frame import Frame, FrameDecoder
from wearkit.link.frames.from_device import Feature, Hello, Prediction, Stats
from wearkit.link.options import StreamOptions
from wearkit.live.session import LiveSession
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.verification.certificate.certificate import Certificate, certify
from wearkit.verification.certificate.check import check_page, checked, read_certificate
from wearkit.verification.certificate.conditions import (
    EQUIVALENT,
    conditions,
    headline,
    result_of,
)
from wearkit.verification.certificate.limits import not_proved
from wearkit.verification.certificate.page import page_of
from wearkit.verification.certificate.proof import ProofFiles, write_certificate
from wearkit.verification.certificate.recompute import check_bundle, recompute_live
from wearkit.verification.certificate.signature import check_signature
from wearkit.verification.requested import Requested
from wearkit.verification.verifier import Verifier
from wearkit.verification.window_list import WindowList

Counts = NDArray[np.int16]
Change = Callable[[Prediction], Prediction]
OTHER_MODEL, OTHER_UID = b"\x01" * 8, b"device-B"
_LENGTH = 100
_PROOF = "proof.json"


@cache
def made_bundle() -> Bundle:
    """Two linear heads over the raw window: any changed sample changes some logit."""
    tasks = (
        TaskSpec("activity", ("lie", "sit", "walk", "run")),
        TaskSpec("side", ("left", "right")),
    )
    random = np.random.default_rng(5)
    tensors = [
        Tensor("in", (1, _LENGTH, 3), INPUT_SCALE_G, 0),
        Tensor("flat", (1, 1, 3 * _LENGTH), INPUT_SCALE_G, 0),
        *(Tensor(task.name, (1, 1, len(task.labels)), 0.0625, 3) for task in tasks),
    ]
    heads = [
        Dense(
            f"head_{task.name}",
            "flat",
            task.name,
            random.integers(-127, 128, (len(task.labels), 3 * _LENGTH)).astype(np.int8),
            np.array([2.0**-9], dtype=np.float32),
            np.zeros(len(task.labels), dtype=np.int32),
        )
        for task in tasks
    ]
    graph = QuantizedGraph(
        ModelSpec("mtl-net-micro", WindowSpec(), tasks),
        tuple(tensors),
        (Reshape("flatten", "in", "flat"), *heads),
        "in",
        tuple(Head(task.name, task.name) for task in tasks),
    )
    return Bundle(Path("made-up"), {"files": {}}, graph, model_id(graph))


@cache
def made_counts(windows: int = 8) -> Counts:
    counts = np.random.default_rng(7).normal(0.0, 150.0, (windows * _LENGTH, 3))
    return np.clip(np.rint(counts), -512, 511).astype(np.int16)


# --- sessions of `wearkit live --verify` ----------------------------------------------------


def proved(data: bytes, *, any_model: bool = False, limit: int | None = None) -> Certificate:
    """What a session over these bytes proves. A port that closes at its end is no error."""
    run = verify(made_bundle(), data, any_model=any_model, limit=limit)
    error = run.report.error
    well = error is None or isinstance(error, LinkLostError)
    return certify(
        made_bundle(),
        "pty",
        run.session.stream.hello,
        run.report,
        run.verifier,
        requested=Requested(limit=limit),
        error="" if well else str(error),
    )


def _judged(certificate: Certificate) -> tuple[bool, str]:
    return certificate.result == EQUIVALENT, str(certificate)


def _session(
    change: Change | None = None,
    then: dict[str, Any] | None = None,
    *,
    any_model: bool = False,
    limit: int | None = None,
    **settings: Any,
) -> tuple[bool, str]:
    """A device of these settings; then: what the one behind it has other, if there is one."""
    device = Device(made_bundle(), made_counts(), **settings)
    if change is not None:
        device.change = change
    data = device.run()
    if then is not None:
        data += replace(device, wire=[], **then).run()
    return _judged(proved(data, any_model=any_model, limit=limit))


def _frames(device: Device) -> list[tuple[bytes, object]]:
    device.run()
    messages: list[tuple[bytes, object]] = []
    for wire in device.wire:
        content = FrameDecoder().feed(wire)[0].content
        messages.append((wire, decode_message(content) if isinstance(content, Frame) else None))
    return messages


def _without(leaves_out: Callable[[Prediction], bool], windows: int = 8) -> tuple[bool, str]:
    """Right samples, and not all of the answers."""
    frames = _frames(Device(made_bundle(), made_counts(windows)))
    sent = [
        wire
        for wire, message in frames
        if not (isinstance(message, Prediction) and leaves_out(message))
    ]
    return _judged(proved(b"".join(sent)))


def _greeting(**hello: Any) -> tuple[bool, str]:
    """A HELLO that is not the bundle's, and everything else right."""
    device = Device(made_bundle(), made_counts())
    frames = _frames(device)
    own = frames[0][1]
    assert isinstance(own, Hello)
    device.wire[0] = encode_message(replace(own, **hello), 0)
    return _judged(proved(b"".join(device.wire)))


def _off_by_one(said: Prediction) -> Prediction:
    first, second = said.heads
    row = (*second.logits[:-1], second.logits[-1] ^ 1)
    return replace(said, heads=(first, replace(second, logits=row)))


def _at(index: int, change: Change) -> Change:
    return lambda said: change(said) if said.window_first_index == index else said


def _two_answers(*, wrong_first: bool, early: bool) -> tuple[bool, str]:
    device = Device(made_bundle(), made_counts(), early=early)
    frames = _frames(device)
    sent = []
    for wire, message in frames:
        if not isinstance(message, Prediction) or message.window_first_index != 240:
            sent.append(wire)
            continue
        wrong = encode_message(_off_by_one(message), 9999)
        sent += [wrong, wire] if wrong_first else [wire, wrong]
    return _judged(proved(b"".join(sent)))


def _late_hello() -> tuple[bool, str]:
    """The last frame says that another model runs now."""
    device = Device(made_bundle(), made_counts())
    last = Hello(boot_id=9, model_id=OTHER_MODEL, classes=classes_of(made_bundle()))
    return _judged(proved(device.run() + encode_message(last, 300)))


def _many_before() -> tuple[bool, str]:
    """Answers to a hundred windows of before the session, which nobody can compare."""
    device = Device(made_bundle(), made_counts(), first=60_000)
    frames = _frames(device)
    answer = next(message for _, message in frames if isinstance(message, Prediction))
    earlier = [
        encode_message(replace(answer, window_first_index=60 * k), 500 + k) for k in range(100)
    ]
    return _judged(proved(frames[0][0] + frames[1][0] + b"".join(earlier + device.wire[2:])))


def _reboots_before_it_errs() -> tuple[bool, str]:
    counts = made_counts()
    parts = [
        Device(made_bundle(), counts[at : at + 160], boot_id=10 + at).run()
        for at in range(0, 640, 160)
    ]
    return _judged(proved(b"".join(parts)))


_SESSIONS: Sequence[tuple[str, Callable[[], tuple[bool, str]]]] = (
    ("flashed with another model in the middle",
     partial(_session, then={"boot_id": 8, "model_id": OTHER_MODEL})),
    ("another device in the middle, another boot",
     partial(_session, then={"boot_id": 8, "uid": OTHER_UID})),
    ("another device in the middle, the same boot",
     partial(_session, then={"uid": OTHER_UID, "first": 840})),
    ("another firmware in the middle", partial(_session, then={"firmware": (9, 9, 9)})),
    ("first no simulation, then one",
     partial(_session, then={"features": Feature.SAMPLES | Feature.PREDICTIONS
                             | Feature.SIMULATED, "first": 840})),
    ("the same device boots again", partial(_session, then={"boot_id": 8})),
    ("numbers begin again without a boot", partial(_session, then={"seq": 0})),
    ("boots again before every window it would get wrong", _reboots_before_it_errs),
    ("answers 2 windows and no other",
     partial(_without, lambda said: said.window_first_index > 60)),
    ("leaves out one answer in the middle",
     partial(_without, lambda said: said.window_first_index == 240)),
    ("answers 2 of 100 windows",
     partial(_without, lambda said: said.window_first_index > 60, 61)),
    ("loses samples of a window it would get wrong",
     partial(_session, lost_frames=frozenset({40}))),
    ("leaps over windows it would get wrong", partial(_session, then={"first": 6000})),
    ("another model, let through by --any-model",
     partial(_session, any_model=True, model_id=OTHER_MODEL)),
    ("no model, let through by --any-model",
     partial(_session, any_model=True, model_id=bytes(8))),
    ("predictions name another model", partial(_session, said_model=OTHER_MODEL)),
    ("predictions name another model than HELLO, with --any-model",
     partial(_session, any_model=True, said_model=OTHER_MODEL)),
    ("other heads in one prediction",
     partial(_session, _at(240, lambda said: replace(said, heads=said.heads[:1])))),
    ("other scale in one prediction",
     partial(_session, _at(240, lambda said: replace(
         said, heads=(replace(said.heads[0], scale=0.5), said.heads[1]))))),
    ("one logit off by one", partial(_session, _at(240, _off_by_one))),
    ("right logits, other samples",
     partial(_session, _at(240, lambda said: replace(said, window_crc=said.window_crc ^ 1)))),
    ("a right answer, then a wrong one", partial(_two_answers, wrong_first=False, early=False)),
    ("a wrong answer, then the right one, before the samples",
     partial(_two_answers, wrong_first=True, early=True)),
    ("a right answer, then a wrong one, before the samples",
     partial(_two_answers, wrong_first=False, early=True)),
    ("HELLO with other classes", partial(_greeting, classes=(5,))),
    ("HELLO without classes", partial(_greeting, classes=())),
    ("HELLO with 9 g a step", partial(_greeting, input_scale_g=9.0)),
    ("HELLO with another zero point", partial(_greeting, input_zero_point=3)),
    ("HELLO with 1 count per g", partial(_greeting, lsb_per_g=(1, 1, 1))),
    ("HELLO with windows of 50 every 20", partial(_greeting, window=50, hop=20)),
    ("HELLO with a hop of 50", partial(_greeting, hop=50)),
    ("HELLO of another model as the last frame", _late_hello),
    ("answers to a hundred windows of before the session", _many_before),
    ("fewer windows than --windows", partial(_session, limit=1000)),
)  # fmt: skip


# --- a test set through the link ------------------------------------------------------------


def _replay(
    change: Callable[[ReplayDevice, int, Prediction], Prediction] = lambda device, n, said: said,
    *,
    windows: int = 12,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[bool, str]:
    """change: what the device says instead of its n-th answer."""
    number = -1

    def answer(said: Prediction) -> Prediction:
        nonlocal number
        number += 1
        return change(device, number, said)

    with pytest.MonkeyPatch.context() as patch:
        clock = stop_the_clock(patch)
        device = ReplayDevice(made_bundle(), change=answer, **(settings or {}))
        if options.pop("chatters", False):
            _chatter(device, clock)
        counts = made_counts(windows).reshape(-1, _LENGTH, 3)
        done = play(device, made_bundle(), counts, **{"others": windows} | options)
    return _judged(certificate_of(done, made_bundle()))


def _chatter(device: ReplayDevice, clock: Any) -> None:
    """Once a second it says something, and for ten minutes never what it is asked."""
    ends_s = clock.now_s + 600

    def speak() -> None:
        device.say(Stats(1, 1))
        device.say(device._prediction(2**31 + 60, made_counts()[:_LENGTH]))
        if clock.now_s < ends_s:
            clock.later.append((clock.now_s + 1.0, speak))

    clock.later.append((clock.now_s + 1.0, speak))


def _becomes(device: ReplayDevice, number: int, said: Prediction, **hello: Any) -> Prediction:
    if number == 5:
        device.hello = replace(device.hello, **hello)
        device.say(device.hello)
    return said


def _says_twice(device: ReplayDevice, number: int, said: Prediction) -> Prediction:
    device.say(said)
    return _off_by_one(said)


def _unplugs(device: ReplayDevice, number: int, said: Prediction) -> Prediction:
    if number == 5:
        device.unplug()
    return said


def _elsewhere(device: ReplayDevice, number: int, said: Prediction) -> Prediction:
    return replace(said, window_first_index=2**31)


def _chatters() -> tuple[bool, str]:
    return _replay(_elsewhere, chatters=True)


def _only_two() -> tuple[bool, str]:
    """Two of the golden windows are enough for an equivalent, which says so."""
    fooled, headline = _replay(max_windows=2, golden=12, others=0)
    return fooled and "(2 of 12 golden ones)" not in headline, headline


_REPLAYS: Sequence[tuple[str, Callable[[], tuple[bool, str]]]] = (
    ("replay: another device from window 5 on", partial(_replay, partial(_becomes, uid=OTHER_UID))),
    ("replay: another model from window 5 on",
     partial(_replay, partial(_becomes, model_id=OTHER_MODEL))),
    ("replay: another firmware from window 5 on",
     partial(_replay, partial(_becomes, firmware=(1, 2, 3)))),
    ("replay: boots again in the middle",
     partial(_replay, settings={"reset_at": frozenset({9})})),
    ("replay: answers name another model",
     partial(_replay, lambda device, n, said: replace(said, model_id=OTHER_MODEL))),
    ("replay: two answers to every window", partial(_replay, _says_twice)),
    ("replay: goes away after five windows", partial(_replay, _unplugs)),
    ("replay: one logit off in the last window",
     partial(_replay, lambda device, n, said: _off_by_one(said) if n == 11 else said)),
    ("replay: other words once a second, and no answer", _chatters),
    ("replay: two of twelve golden windows, as if all", _only_two),
)  # fmt: skip


# --- files ----------------------------------------------------------------------------------


@cache
def _honest() -> str:
    return json.dumps(proved(Device(made_bundle(), made_counts()).run()).to_json())


@cache
def _incomplete() -> str:
    device = Device(made_bundle(), made_counts(), lost_frames=frozenset({40}))
    return json.dumps(proved(device.run()).to_json())


def _checks(value: Any, folder: Path, *, page: str | None = None) -> tuple[bool, str]:
    """Whether it passes the check, as a file with its page."""
    path = folder / _PROOF
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    if page is not None:
        path.with_suffix(".md").write_text(page)
    try:
        certificate = read_certificate(path)
        if page is not None:
            check_page(certificate, path.with_suffix(".md"))
        check_bundle(certificate, made_bundle())
        recompute_live(certificate, made_bundle(), [made_counts])
    except WearkitError as error:
        return False, str(error)
    return certificate.result == EQUIVALENT, str(certificate.value["headline"])


def _edited(folder: Path, *, of: Callable[[], str] = _honest, **fields: Any) -> tuple[bool, str]:
    return _checks(json.loads(of()) | fields, folder)


def _relisted(folder: Path, change: Callable[[list[Any]], list[Any]]) -> tuple[bool, str]:
    """Another list of windows, and digest, classes and counts made to follow from it."""
    value = json.loads(_honest())
    labels = sum(map(len, value["tasks"].values()))
    before = list(WindowList.decoded(value["window_list"]["windows"], labels))
    after = WindowList(labels)
    for window in change(before):
        after.add(window.index, window.crc, window.logits)
    text = json.dumps(value)
    for old, new in ((len(before), len(after)), (len(before) * labels, len(after) * labels)):
        for end in (",", "}"):
            text = text.replace(f": {old}{end}", f": {new}{end}")
    value = json.loads(text.replace(f" {len(before)} windows", f" {len(after)} windows"))
    value["window_list"]["windows"] = after.encoded()
    value["digest_sha256"] = after.sha256
    logits, at = after.logits(), 0
    for task, names in value["tasks"].items():
        best = [names[k] for k in logits[:, at : at + len(names)].argmax(axis=1)]
        value["classes"][task] = {name: best.count(name) for name in sorted(set(best))}
        at += len(names)
    return _checks(value, folder)


def _other_logit(windows: list[Any]) -> list[Any]:
    row = list(windows[3].logits)
    lowest = row.index(min(row[:4]))
    row[lowest] += 1 if row[lowest] < 127 else -1
    return [*windows[:3], replace(windows[3], logits=tuple(row)), *windows[4:]]


def _renumbered(folder: Path) -> tuple[bool, str]:
    """A wrong window in the middle is left out, and those behind it take the numbers before."""
    return _relisted(
        folder,
        lambda windows: [
            *windows[:5],
            *(replace(window, index=window.index - 60) for window in windows[6:]),
        ],
    )


def _other_page(folder: Path) -> tuple[bool, str]:
    value = json.loads(_honest())
    return _checks(value, folder, page=page_of(value).replace("12 windows", "99 windows"))


def _rewritten(
    folder: Path,
    value: dict[str, Any],
    fields: dict[str, Any],
    counts: dict[tuple[str, str], int],
) -> tuple[bool, str]:
    """These fields and counts of conditions set, and all that follows from them made to follow."""
    changed = json.loads(json.dumps(value)) | fields
    for condition in changed["conditions"]:
        for name in condition["counts"]:
            if (condition["name"], name) in counts:
                condition["counts"][name] = counts[condition["name"], name]
    decided = conditions({c["name"]: c["counts"] for c in changed["conditions"]})
    changed["conditions"] = [condition.to_json() for condition in decided]
    is_replay = changed["replayed"] is not None
    changed["result"] = result_of(decided)
    changed["headline"] = headline(decided, is_replay=is_replay)
    changed["does_not_prove"] = not_proved(decided, is_replay=is_replay)
    return _checks(changed, folder)


def _no_gap(folder: Path) -> tuple[bool, str]:
    """The windows without samples are said never to have been due."""
    return _rewritten(
        folder,
        json.loads(_incomplete()),
        {},
        {
            ("all_due", "due"): 11,
            ("all_due", "without_samples"): 0,
            ("all_due", "answers_without_window"): 0,
        },
    )


def _no_error(folder: Path) -> tuple[bool, str]:
    device = Device(made_bundle(), made_counts(), change=_at(240, lambda said: replace(
        said, heads=said.heads[:1])))  # fmt: skip
    value = json.loads(json.dumps(proved(device.run()).to_json()))
    no_errors = {("no_error", "errors"): 0, ("all_due", "unanswered"): 0, ("all_due", "due"): 4,
                 ("all_due", "refused"): 0}  # fmt: skip
    return _rewritten(folder, value, {"error": None}, no_errors)


def _one_boot(folder: Path) -> tuple[bool, str]:
    """Two runs of samples, said to be one."""
    first = Device(made_bundle(), made_counts())
    data = first.run() + replace(first, boot_id=8, wire=[]).run()
    value = json.loads(json.dumps(proved(data).to_json()))
    return _rewritten(folder, value, {}, {("one_device", "boots"): 1, ("one_device", "runs"): 1})


def _unsigned(folder: Path) -> tuple[bool, str]:
    """Rewritten so well that only a signature could tell: one is asked for, and there is none."""
    value = json.loads(_honest()) | {"port": "/dev/another", "created_unix_s": 1.0}
    (folder / "key.pub").write_text("any")
    try:
        return True, check_signature(checked(value).value, folder / "key.pub")
    except WearkitError as error:
        return False, str(error)


def _markup(folder: Path) -> tuple[bool, str]:
    """A port whose name ends the table and writes a headline of its own."""
    certificate = proved(Device(made_bundle(), made_counts()).run())
    hostile = replace(certificate, port="x |\n\n# Equivalence of device and host: <b>certified</b>")
    files = ProofFiles(folder / _PROOF)
    write_certificate(hostile, files)
    page = files.page.read_text()
    fooled = page.count("# Equivalence") > 1 and "\n# Equivalence" in page[1:]
    return fooled or "<b>" in page, "its port stands in the table as one line of plain text"


def _clobber(folder: Path, name: str, existing: str) -> tuple[bool, str]:
    (folder / existing).write_text("mine")
    try:
        write_certificate(
            proved(Device(made_bundle(), made_counts()).run()), ProofFiles(folder / name)
        )
    except WearkitError as error:
        return (folder / existing).read_text() != "mine", str(error)
    return True, "written"


def _recording_too(folder: Path) -> tuple[bool, str]:
    try:
        ProofFiles(folder / _PROOF).check(record=folder / "proof.md")
    except WearkitError as error:
        return False, str(error)
    return True, "the recording and the page would be one file"


_FILES: Sequence[tuple[str, Callable[[Path], tuple[bool, str]]]] = (
    ("file: incomplete, and the result rewritten",
     partial(_edited, of=_incomplete, result="equivalent")),
    ("file: windows without samples, said not to have been due", _no_gap),
    ("file: an error, left out everywhere but in the session", _no_error),
    ("file: two boots, said to be one", _one_boot),
    ("file: rewritten without a trace, where a signature is asked for", _unsigned),
    ("file: another digest", partial(_edited, digest_sha256="0" * 64)),
    ("file: another model id", partial(_edited, model_id="ab" * 32)),
    ("file: another headline", partial(_edited, headline="equivalent: 10000 windows compared")),
    ("file: nothing it does not prove", partial(_edited, does_not_prove=[])),
    ("file: another test set", partial(_edited, replayed="36 golden windows of the bundle")),
    ("file: other classes", partial(_edited, classes={"activity": {}, "side": {}})),
    ("file: a window taken from the middle",
     partial(_relisted, change=lambda windows: windows[:5] + windows[6:])),
    ("file: a window taken from the middle, the others renumbered", _renumbered),
    ("file: a window moved to the end",
     partial(_relisted, change=lambda windows: [*windows[1:], windows[0]])),
    ("file: a window there twice",
     partial(_relisted, change=lambda windows: [*windows[:-1], windows[0]])),
    ("file: one logit changed", partial(_relisted, change=_other_logit)),
    ("file: the CRC of other samples",
     partial(_relisted, change=lambda windows: [
         *windows[:-1], replace(windows[-1], crc=windows[-1].crc ^ 1)])),
    ("file: the page of another", _other_page),
    ("file: version 1, which lists no windows", partial(_edited, format_version=1)),
    ("file: a key twice", lambda folder: _checks('{"format": 1,' + _honest()[1:], folder)),
    ("file: NaN", partial(_edited, created_unix_s=float("nan"))),
    ("file: markup in the port", _markup),
    ("file: README.json over README.md",
     partial(_clobber, name="README.json", existing="README.md")),
    ("file: notes.json", partial(_clobber, name="notes.json", existing="notes.json")),
    ("file: the page over the JSON", partial(_clobber, name="proof.md", existing="other.md")),
    ("file: the recording over the page", _recording_too),
)  # fmt: skip


def _joined() -> tuple[bool, str]:
    """From sample 130 on: the answers of three windows that had begun before come, too."""
    frames = _frames(Device(made_bundle(), made_counts()))
    late = [wire for number, (wire, _) in enumerate(frames) if number == 0 or number > 13]
    return _judged(proved(b"".join(late)))


def _joined_before_hello() -> tuple[bool, str]:
    """Two answers and 230 samples before the first HELLO, which says what they are."""
    frames = [wire for wire, _ in _frames(Device(made_bundle(), made_counts()))]
    hello, rest = frames[0], frames[1:]
    return _judged(proved(b"".join([*rest[4:30], hello, *rest[30:]])))


def _stopped() -> tuple[bool, str]:
    """Ctrl-C behind the last sample of a window."""
    frames = _frames(Device(made_bundle(), made_counts()))
    answers = [at for at, (_, message) in enumerate(frames) if isinstance(message, Prediction)]
    data = b"".join(wire for wire, _ in frames[: answers[-1]])
    faults = FaultLog()
    graph = made_bundle().graph
    verifier = Verifier(graph, made_bundle().model_id, faults)
    session = LiveSession(
        graph, Reference(graph), StreamOptions(50.0), faults=faults, verifier=verifier
    )
    session.feed(data, 0.0)
    session.finish(is_cut=True)
    hello, report = session.stream.hello, session.report("stopped")
    return _judged(certify(made_bundle(), "pty", hello, report, verifier))


def controls() -> list[Attack]:
    """No attacks: what an honest device must get, or every verdict above means nothing. Fooled is
    one that is not equivalent."""

    def inverted(try_it: Callable[[], tuple[bool, str]], _folder: Path) -> tuple[bool, str]:
        equivalent, verdict = try_it()
        return not equivalent, verdict

    kinds: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("honest: live", partial(_session)),
        ("honest: answers before the samples", partial(_session, early=True)),
        ("honest: joined in the middle of a window", _joined),
        ("honest: joined before the first HELLO", _joined_before_hello),
        ("honest: stopped while an answer was on its way", _stopped),
        ("honest: 7 windows of --windows 7", partial(_session, limit=7)),
        ("honest: a test set", partial(_replay)),
    ]
    return [Attack(name, partial(inverted, try_it)) for name, try_it in kinds] + [
        Attack("honest: the check", lambda folder: inverted(lambda: _edited(folder), folder))
    ]


def attacks() -> list[Attack]:
    """All of them. None takes longer than a second, or any package beside wearkit's core."""

    def folderless(try_it: Callable[[], tuple[bool, str]], _folder: Path) -> tuple[bool, str]:
        return try_it()

    return [
        *(Attack(name, partial(folderless, try_it)) for name, try_it in (*_SESSIONS, *_REPLAYS)),
        *(Attack(name, try_it) for name, try_it in _FILES),
    ]
