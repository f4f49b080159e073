"""prove(): the certificate of an ended session, written where it was asked for."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit.link.frames.from_device import Hello
from wearkit.verification.certificate import (
    Certificate,
    SessionReport,
    certify,
    write_certificate,
)
from wearkit.verification.verifier import Verifier


def prove(
    bundle: Bundle,
    port: str,
    hello: Hello | None,
    report: SessionReport,
    verifier: Verifier,
    path: Path | None,
) -> Certificate | None:
    """None where nothing could be compared: then nothing is written, and an older proof stays.

    path: of the JSON; a page beside it ends with .md, and existing ones are replaced. None writes
    nothing. Raises StorageError when it cannot be written, VerificationError when the counters of
    the session do not add up.
    """
    if not verifier.counts.compared:
        return None
    certificate = certify(bundle, port, hello, report, verifier)
    if path is not None:
        tasks = {task.name: task.labels for task in bundle.model.tasks}
        write_certificate(certificate, path, tasks)
    return certificate
