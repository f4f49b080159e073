"""The equivalence certificate: what `wearkit live --verify` or `wearkit verify` proved, as JSON and
as a page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wearkit import __version__
from wearkit.bundle.bundle import Bundle
from wearkit.errors import VerificationError
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.link.frames.from_device import Hello
from wearkit.link.ledger import Sum
from wearkit.link.rate import MeasuredRate
from wearkit.verification.verifier import Verifier, VerifyTally

FORMAT, FORMAT_VERSION = "wearkit-equivalence", 1
EQUIVALENT, DIFFERENT, NOTHING = "equivalent", "different", "nothing compared"
INCOMPLETE = "incomplete"


class SessionReport(Protocol):
    """LiveReport or ReplayReport, as far as a certificate needs it.

    replayed: what test set stood in the sensor's place; empty for the sensor itself.
    is_complete: False when a part of the test set was not compared.
    """

    @property
    def simulated(self) -> bool: ...

    @property
    def replayed(self) -> str: ...

    @property
    def is_complete(self) -> bool: ...

    @property
    def faults(self) -> Mapping[str, int]: ...

    @property
    def rate(self) -> MeasuredRate | None: ...

    def sums(self) -> list[Sum]: ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Certificate:
    """report: of the ended session. sums: what must add up, as (name, left side, right side)."""

    model_id: str
    rounding: str
    port: str
    created_unix_s: float
    hello: Hello | None
    report: SessionReport
    tally: VerifyTally
    digest: str
    difference: str

    def __post_init__(self) -> None:
        for name, whole, parts in self.sums():
            if whole != parts:
                raise VerificationError(f"The certificate does not add up: {name}.")

    def __str__(self) -> str:
        """The result and how much it stands on, on one line."""
        how = "replayed and compared" if self.report.replayed else "compared"
        tally = self.tally
        return f"{self.result}: {tally.compared} windows {how}, {tally.differing} differ"

    @property
    def result(self) -> str:
        if self.tally.differing or self.difference:
            return DIFFERENT
        if not self.tally.compared:
            return NOTHING
        return EQUIVALENT if self.report.is_complete else INCOMPLETE

    def sums(self) -> list[Sum]:
        tally = self.tally
        answered = tally.compared + tally.predictions_alone
        return [
            *self.report.sums(),
            ("windows on the host = compared + without a prediction", tally.windows,
             tally.compared + tally.windows_alone),
            ("predictions = compared + without a window", tally.predictions, answered),
            ("compared = equal + differing", tally.compared, tally.equal + tally.differing),
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "result": self.result,
            "wearkit": __version__,
            "created_unix_s": self.created_unix_s,
            "model_id": self.model_id,
            "rounding": self.rounding,
            "port": self.port,
            "simulated": self.report.simulated,
            "replayed": self.report.replayed or None,
            "device": None if self.hello is None else _device(self.hello),
            "windows_compared": tally.compared,
            "windows_differing": tally.differing,
            "logits_compared": tally.values,
            "first_difference": self.difference or None,
            "digest_sha256": self.digest,
            "classes": {
                task: dict(sorted(windows_by_label.items()))
                for task, windows_by_label in tally.classes.items()
            },
            "faults": dict(self.report.faults),
            "sums": [
                {"what": name, "whole": whole, "parts": parts} for name, whole, parts in self.sums()
            ],
            "session": self.report.to_json(),
        }

    def to_markdown(self, tasks: Mapping[str, tuple[str, ...]]) -> str:
        """tasks: every label of every head, so that a class that was not seen shows."""
        tally = self.tally
        lines = [f"# Equivalence of device and host: {self.result}", ""]
        if self.report.replayed:
            lines += [
                f"The windows were replayed through the link in the sensor's place: "
                f"{self.report.replayed}.",
                "",
            ]
        elif self.report.simulated:
            lines += ["The sensor was simulated: nobody wore it.", ""]
        lines += [
            f"{tally.compared} windows were computed on the device and, from the same samples, by "
            f"the integer reference on the host. {tally.differing} differ, in {tally.values} "
            "int8 logits.",
            "",
            *([self.difference, ""] if self.difference else []),
            *_table("", [*_about(self), ("SHA-256 of all compared windows", self.digest)]),
        ]
        for task, labels in tasks.items():
            windows_by_label = tally.classes[task]
            lines += _table(
                f"Classes of {task}, windows",
                [(label, str(windows_by_label.get(label, 0))) for label in labels],
            )
        faults = [(code, str(count)) for code, count in self.report.faults.items()]
        lines += _table("Faults", faults or [("none", "0")])
        lines += _table("Sums", [(name, f"{a} = {b}") for name, a, b in self.sums()])
        return "\n".join(lines)


def certify(
    bundle: Bundle, port: str, hello: Hello | None, report: SessionReport, verifier: Verifier
) -> Certificate:
    """The certificate of a session that has ended. Raises VerificationError when its counters do
    not add up."""
    difference = verifier.first_difference
    return Certificate(
        model_id=bundle.model_id,
        rounding=str(bundle.graph.rounding),
        port=port,
        created_unix_s=round(time.time(), 3),
        hello=hello,
        report=report,
        tally=verifier.tally,
        digest=verifier.digest,
        difference=difference.sentence() if difference is not None else "",
    )


def write_certificate(
    certificate: Certificate, path: Path, tasks: Mapping[str, tuple[str, ...]]
) -> None:
    """`path` gets the JSON, the same name with .md the page; existing ones are replaced."""
    write_json(path, certificate.to_json())
    write_bytes(path.with_suffix(".md"), certificate.to_markdown(tasks).encode())


def _device(hello: Hello) -> dict[str, Any]:
    device = hello.to_json()
    del device["lsb_per_g"]  # wearkit-equivalence 1 has no such key
    return device


def _about(certificate: Certificate) -> list[tuple[str, str]]:
    hello, rate = certificate.hello, certificate.report.rate
    rows = [
        ("Model", certificate.model_id),
        ("Rounding", certificate.rounding),
        ("Port", certificate.port),
        ("wearkit", __version__),
    ]
    if hello is not None:
        device = _device(hello)
        rows.append(("Device", f"{device['uid']}, firmware {device['firmware']}"))
    if rate is not None:
        measured = f"{rate.rate_hz:.3f} +- {rate.error_hz:.3f} Hz by {rate.source} time"
        rows.append(("Measured rate", measured))
    return rows


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    head = [f"## {title}", ""] if title else []
    return [*head, "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]
