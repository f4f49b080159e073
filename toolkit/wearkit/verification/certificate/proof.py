"""prove(): the certificate of an ended session, written where it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit.errors import StorageError
from wearkit.files.safe_write import write_bytes, write_json
from wearkit.link.frames.from_device import Hello
from wearkit.verification.certificate.certificate import (
    FORMAT,
    Certificate,
    SessionReport,
    certify,
)
from wearkit.verification.certificate.page import MARK, page_of
from wearkit.verification.certificate.signature import SigningKey, read_sign_key
from wearkit.verification.requested import Requested
from wearkit.verification.verifier import Verifier

_PAGE = ".md"
_HEAD_BYTES = 200


@dataclass(frozen=True, slots=True)
class ProofFiles:
    """Where a certificate is written. json: the certificate itself. force: replace any file.
    sign_key: what it is signed with."""

    json: Path
    force: bool = False
    sign_key: SigningKey | None = None

    @property
    def page(self) -> Path:
        return self.json.with_suffix(_PAGE)

    def foreign(self) -> list[Path]:
        """Files in the way that no certificate is lost with: they are something else."""
        ours = {self.json: f'"format": "{FORMAT}"'.encode(), self.page: MARK.encode()}
        return [path for path, mark in ours.items() if not _may_go(path, mark)]

    def check(self, record: Path | None = None) -> None:
        """Better known before the session than after. record: what else the session writes.

        Raises StorageError for a name that ends with .md, for one that `record` has, and for a
        file of somebody else's in the way of the certificate or its page, unless `force`.
        """
        if self.json.suffix.lower() == _PAGE:
            raise StorageError(
                f"The certificate is JSON and its page beside it ends with {_PAGE}: name it "
                f"{self.json.with_suffix('.json').name}, not {self.json.name}."
            )
        if record is not None and record.absolute() in (
            self.json.absolute(),
            self.page.absolute(),
        ):
            raise StorageError(
                f"The recording and the certificate would both be {record}: give one of them "
                "another name."
            )
        for path in (self.json, self.page):
            if path.exists() and not path.is_file():
                raise StorageError(f"{path} is no plain file: give --certificate another name.")
        foreign = [] if self.force else self.foreign()
        if foreign:
            raise StorageError(
                f"{foreign[0]} is no certificate of wearkit and would be replaced: give "
                "--certificate another name, or add --force."
            )


def proof_files(
    path: str | Path | None, sign_key: str | Path | None, *, force: bool
) -> ProofFiles | None:
    """Where to write, as users name it; None for not at all.

    Raises DataError for a key that is none, MissingToolError where it could not be used.
    """
    key = None if sign_key is None else read_sign_key(Path(sign_key))
    return None if path is None else ProofFiles(Path(path), force=force, sign_key=key)


def prove(
    bundle: Bundle,
    port: str,
    hello: Hello | None,
    report: SessionReport,
    verifier: Verifier,
    files: ProofFiles | None,
    *,
    requested: Requested | None = None,
    error: str = "",
) -> Certificate | None:
    """None where nothing could be compared: then nothing is written, and an older proof stays.

    files: of the JSON and its page; existing certificates are replaced. None writes nothing.
    requested, error: as in certify. Raises StorageError when it cannot be written,
    VerificationError when the counters of the session do not add up.
    """
    if not verifier.tally.compared:
        return None
    certificate = certify(
        bundle,
        port,
        hello,
        report,
        verifier,
        requested=requested,
        error=error,
        sign_key=None if files is None else files.sign_key,
    )
    if files is not None:
        write_certificate(certificate, files)
    return certificate


def write_certificate(certificate: Certificate, files: ProofFiles) -> None:
    """The JSON and its page. Raises StorageError as ProofFiles.check, and for a full disk."""
    files.check()
    value = certificate.to_json()
    write_json(files.json, value)
    write_bytes(files.page, page_of(value).encode())


def _may_go(path: Path, mark: bytes) -> bool:
    """Whether the file is absent, empty or one of ours. Raises StorageError where it cannot be
    read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return True
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    return not head or mark in head
