"""Ed25519 signatures of certificates, with the package cryptography (extra: sign).

Signed is everything in the JSON but the signature itself, as canonical JSON.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wearkit.errors import DataError, StorageError, VerificationError
from wearkit.optional_packages import require_packages
from wearkit.spec import canonical_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "ed25519"
PUBLIC_SUFFIX = ".pub"
_MAX_KEY_BYTES = 10_000
_PURPOSE = "Signing certificates"


class SigningKey:
    """Signs with a private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, certificate: Mapping[str, Any]) -> dict[str, str]:
        """The signature object of a certificate that has none yet."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signature = self._key.sign(_signed_bytes(certificate))
        return {
            "algorithm": ALGORITHM,
            "public_key": public.hex(),
            "signature": base64.b64encode(signature).decode("ascii"),
        }


def read_sign_key(path: Path) -> SigningKey:
    """A private key as write_keys made it: PEM, PKCS 8, without a password.

    Raises MissingToolError without the package, DataError for a file that is no such key.
    """
    require_packages(_PURPOSE, "cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read_key(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise DataError(
            f"{path} is no private Ed25519 key: make one with `wearkit certificate keygen`."
        )
    return SigningKey(key)


def write_keys(path: Path) -> Path:
    """A new private key, which only its owner may read, and its public one beside it.

    Returns the public one's path. Raises MissingToolError without the package, StorageError when
    a file is there already or cannot be written.
    """
    require_packages(_PURPOSE, "cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    if public_path.exists():
        raise StorageError(f"{public_path} exists already: give the keys another name.")
    _write_new(
        path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600
    )
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_new(public_path, public, mode=0o644)
    return public_path


def check_signature(certificate: Mapping[str, Any], public_key: Path | None) -> str:
    """What can be said of it, as half a sentence. public_key: PEM, whose signature it must be.

    certificate: as read, with its signature object or None in "signature", checked for its types.
    Raises VerificationError for a signature that is wrong, missing or of another key, DataError
    for a file that is no key, MissingToolError when the package is needed and not there.
    """
    signature = certificate["signature"]
    if signature is None:
        if public_key is not None:
            raise VerificationError("The certificate is unsigned, and --public-key was given.")
        return "unsigned"
    if public_key is None:
        return f"signed with key {signature['public_key'][:16]}, not checked (--public-key)"
    if signature["algorithm"] != ALGORITHM:
        raise VerificationError(f"The signature is not {ALGORITHM}.")
    _verify(certificate, public_key)
    return f"signed with the key of {public_key}"


def _verify(certificate: Mapping[str, Any], path: Path) -> None:
    require_packages("Checking a signature", "cryptography")
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(_read_key(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise DataError(f"{path} is no public Ed25519 key: name the {PUBLIC_SUFFIX} file.")
    signature = certificate["signature"]
    if key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex() != signature["public_key"]:
        raise VerificationError(f"The certificate is signed with another key than that of {path}.")
    try:
        unsigned = {name: value for name, value in certificate.items() if name != "signature"}
        key.verify(base64.b64decode(signature["signature"], validate=True), _signed_bytes(unsigned))
    except (InvalidSignature, ValueError) as error:
        raise VerificationError(
            "The signature is not of this certificate: it was changed after it was signed."
        ) from error


def _signed_bytes(certificate: Mapping[str, Any]) -> bytes:
    return canonical_json(dict(certificate))


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise DataError(f"Cannot read the key {path}: {error.strerror or error}.") from error


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
    except FileExistsError as error:
        raise StorageError(f"{path} exists already: give the key another name.") from error
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
