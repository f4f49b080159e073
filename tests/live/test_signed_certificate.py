"""A signed certificate: whose it is, and that nobody changed it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, verify

from wearkit.bundle.bundle import Bundle
from wearkit.cli import run
from wearkit.errors import DataError, MissingToolError, StorageError
from wearkit.verification.certificate import signature
from wearkit.verification.certificate.certificate import certify
from wearkit.verification.certificate.check import checked
from wearkit.verification.certificate.proof import proof_files, write_certificate

Counts = NDArray[np.int16]


@pytest.fixture
def keys(tmp_path: Path, needs_module: Callable[[str, str], None]) -> Path:
    needs_module("cryptography", "pip install 'wearkit[sign]'")
    signature.write_keys(tmp_path / "key.pem")
    return tmp_path / "key.pem"


@pytest.fixture
def signed(
    keys: Path, bundle: Bundle, made_counts: Callable[..., Counts], tmp_path: Path
) -> tuple[Path, Path]:
    """The certificate and the public key."""
    files = proof_files(tmp_path / "proof.json", keys, force=False)
    assert files is not None
    done = verify(bundle, Device(bundle, made_counts(3).reshape(300, 3)).run())
    hello = done.session.stream.hello
    write_certificate(
        certify(bundle, "pty", hello, done.report, done.verifier, sign_key=files.sign_key), files
    )
    return files.json, keys.with_name("key.pem.pub")


def check(*words: object) -> int:
    return run(["certificate", "check", *map(str, words)])


def test_it_is_said_whose_it_is(
    signed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    proof, public = signed
    assert check(proof, "--public-key", public) == 0
    assert f"signed with the key of {public}" in capsys.readouterr().err
    assert check(proof) == 0
    assert "not checked (--public-key)" in capsys.readouterr().err
    assert "ed25519, public key" in proof.with_suffix(".md").read_text()


@pytest.mark.parametrize("name", ["port", "created_unix_s", "wearkit"])
def test_what_nothing_else_holds_is_held_by_the_signature(
    signed: tuple[Path, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proof, public = signed
    value: dict[str, Any] = json.loads(proof.read_text())
    value[name] = 1.5 if name == "created_unix_s" else "9.9.9"
    assert checked(value)
    proof.write_text(json.dumps(value))
    proof.with_suffix(".md").unlink()
    assert check(proof, "--public-key", public) == 1
    assert "changed after it was signed" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["stripped", "other key", "own key", "other algorithm"])
def test_a_signature_of_nobody_we_know_is_none(
    signed: tuple[Path, Path], tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proof, public = signed
    value: dict[str, Any] = json.loads(proof.read_text())
    unsigned = {name: content for name, content in value.items() if name != "signature"}
    other = signature.write_keys(tmp_path / "other.pem").with_suffix("")
    if how == "stripped":
        value["signature"] = None
    elif how == "other key":
        public = tmp_path / "other.pem.pub"
    elif how == "own key":  # with the right key's number beside it
        mine = signature.read_sign_key(other).sign(unsigned)
        value["signature"]["signature"] = mine["signature"]
    else:
        value["signature"]["algorithm"] = "none"
    proof.write_text(json.dumps(value))
    proof.with_suffix(".md").unlink()
    assert check(proof, "--public-key", public) == 1
    says = {"stripped": "is unsigned", "other key": "with another key", "own key": "not of this",
            "other algorithm": "not ed25519"}  # fmt: skip
    assert says[how] in capsys.readouterr().err


def test_keys_are_new_and_private(keys: Path) -> None:
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    with pytest.raises(StorageError, match="exists already"):
        signature.write_keys(keys)
    keys.with_name("key.pem.pub").unlink()
    with pytest.raises(StorageError, match="exists already"):
        signature.write_keys(keys)


@pytest.mark.parametrize("data", [b"", b"no key", b"\xff" * 20_000])
def test_a_file_that_is_no_key_is_refused(keys: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    for path in (tmp_path / "x", tmp_path / "none", keys.with_name("key.pem.pub")):
        with pytest.raises(DataError):
            signature.read_sign_key(path)


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for use in (signature.read_sign_key, signature.write_keys):
        with pytest.raises(MissingToolError, match=r"wearkit\[sign\]"):
            use(tmp_path / "key.pem")
