"""What the fuzzers of untrusted files share: breaking bytes, judging answers, watching a child.

A case is a number. Its generator is seeded by the run's seed and that number alone, so any case
can be made again without the ones before it.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from wearkit.errors import WearkitError

Files = dict[str, bytes]
Places = Sequence[tuple[int, int]]
STRANGE = (0, 1, 2, 4, 7, 127, 128, 255, 256, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)
LONGEST_SENTENCE = 1000
_SHM = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Limits:
    """hang_s: for one case, generous, since the machine may have other work. growth_bytes: by how
    much one process may grow over all its cases, from when the first began. address_bytes: what
    it may ask the system for."""

    hang_s: float = 60.0
    growth_bytes: int = 256 << 20
    address_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one case. reached: its reader got past the header. reason: why it was
    refused, without numbers; empty when it was not. failure: what must never happen."""

    number: int
    target: str
    reached: bool = False
    reason: str = ""
    failure: str = ""


@dataclass(slots=True)
class Tally:
    """The answers to the cases of one target."""

    files: int = 0
    reached: int = 0
    accepted: int = 0
    failures: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        self.files += 1
        self.reached += answer.reached
        self.failures += bool(answer.failure)
        if answer.reason:
            self.reasons[answer.reason] += 1
        elif not answer.failure:
            self.accepted += 1

    def to_json(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "accepted": self.accepted,
            "refused": sum(self.reasons.values()),
            "past_header": self.reached,
            "different_reasons": len(self.reasons),
            "failures": self.failures,
        }


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. broken: a case's files. read: raises WearkitError or accepts. probe: the
    attribute (of a module or class) whose call means that the header was believed."""

    name: str
    broken: Callable[[np.random.Generator], Files]
    read: Callable[[Path], object]
    probe: tuple[Any, str]


def generator_of(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number])


def plain_words(reason: str) -> str:
    """A reason without its numbers, to count the different ones."""
    return " ".join("#" if any(map(str.isdigit, word)) else word for word in reason.split())[:90]


def fault_of(reason: str) -> str:
    """What is wrong with a refusal as a sentence; empty when nothing is."""
    if len(reason) < 20 or not reason.endswith("."):
        return f"refused without a reason: {reason!r}"
    if not reason.isprintable():
        return f"refused with bytes a terminal obeys: {reason!r}"[:400]
    if len(reason) > LONGEST_SENTENCE:
        return f"refused in {len(reason)} characters: {reason[:100]!r}"
    return ""


def attempt(target: Target, number: int, files: Files, folder: Path) -> Answer:
    """Lay the files out in an empty folder and read them. Never raises Exception."""
    lay(files, folder)
    reason = failure = ""
    with _counted(target.probe) as calls, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            target.read(folder)
        except WearkitError as error:
            reason = str(error).replace(str(folder), "PATH")
            failure = fault_of(reason)
        except Exception as error:  # noqa: BLE001  anything else is what a fuzzer looks for
            failure = f"{type(error).__name__}: {error}"[:400]
    return Answer(number, target.name, bool(calls), "" if failure else plain_words(reason), failure)


def lay(files: Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def watched(
    numbers: range,
    run: Callable[[int, Path], Answer],
    name_of: Callable[[int], str],
    limits: Limits,
) -> Iterator[Answer]:
    """The answer to every number, in order, from a child that is replaced when it hangs, dies or
    grows. run: makes and tries one case in an empty folder."""
    left = numbers
    while left:
        ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
        with tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None) as scratch:
            child = multiprocessing.get_context("fork").Process(
                target=_work, args=(theirs, left, run, limits, Path(scratch)), daemon=True
            )
            child.start()
            theirs.close()
            for answer in _answers(ours, left, name_of, limits):
                left = left[1:]
                yield answer
            child.kill()
            child.join()
            ours.close()


def _answers(
    pipe: Connection, left: range, name_of: Callable[[int], str], limits: Limits
) -> Iterator[Answer]:
    """What the child says, and at the end what its silence means."""
    for number in left:
        try:
            if not pipe.poll(limits.hang_s):
                silence = f"no answer within {limits.hang_s:g} s"
                yield Answer(number, name_of(number), failure=silence)
                return
            answer = pipe.recv()
        except EOFError:
            yield Answer(number, name_of(number), failure="the process died")
            return
        yield answer
        if answer.failure:
            return  # whatever it broke, the next case starts in a process that is whole


def _work(
    pipe: Connection,
    numbers: range,
    run: Callable[[int, Path], Answer],
    limits: Limits,
    scratch: Path,
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.address_bytes, limits.address_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = _peak_bytes()
    for number in numbers:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            answer = run(number, Path(folder))
        growth = _peak_bytes() - before
        if growth > limits.growth_bytes and not answer.failure:
            answer = Answer(number, answer.target, failure=f"memory grew by {growth >> 20} MiB")
        pipe.send(answer)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _counted:
    """Replaces an attribute by itself with a counter; the list grows with every call."""

    def __init__(self, probe: tuple[Any, str]) -> None:
        self._owner, self._name = probe
        self._plain = getattr(self._owner, self._name)
        self._calls: list[None] = []

    def __enter__(self) -> list[None]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._calls.append(None)
            return self._plain(*arguments, **named)

        setattr(self._owner, self._name, call)
        return self._calls

    def __exit__(self, *_: object) -> None:
        setattr(self._owner, self._name, self._plain)
