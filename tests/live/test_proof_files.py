"""Where a certificate is written: no other file is lost, and none of its texts is markup."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, verify

from wearkit.api.live import open_live
from wearkit.api.verify import verify as verify_port
from wearkit.bundle.bundle import Bundle
from wearkit.cli.terminal.certificate_line import say_replaced
from wearkit.errors import StorageError
from wearkit.verification.certificate.certificate import Certificate, certify
from wearkit.verification.certificate.page import MARK, page_of, plain
from wearkit.verification.certificate.proof import ProofFiles, write_certificate

Counts = NDArray[np.int16]


@pytest.fixture
def certificate(bundle: Bundle, made_counts: Callable[..., Counts]) -> Certificate:
    run = verify(bundle, Device(bundle, made_counts(3).reshape(300, 3)).run())
    return certify(bundle, "pty", run.session.stream.hello, run.report, run.verifier)


def test_its_own_older_certificate_is_replaced(certificate: Certificate, tmp_path: Path) -> None:
    files = ProofFiles(tmp_path / "proof.json")
    write_certificate(certificate, files)
    write_certificate(replace(certificate, port="another"), files)
    assert json.loads(files.json.read_text())["port"] == "another"
    assert "| Port | another |" in files.page.read_text()


@pytest.mark.parametrize("name", ["README.json", "README.md"])
def test_nothing_of_somebody_elses_is_replaced(
    certificate: Certificate, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("# My project\n")
    files = ProofFiles(tmp_path / "README.json")
    with pytest.raises(StorageError, match=f"{name} is no certificate of wearkit"):
        files.check()
    with pytest.raises(StorageError, match=f"{name} is no certificate of wearkit"):
        write_certificate(certificate, files)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["# My project\n"]
    write_certificate(certificate, replace(files, force=True))
    assert files.page.read_text().startswith(MARK)


@pytest.mark.parametrize("name", ["proof.md", "proof.MD"])
def test_a_page_is_no_name_for_the_json(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=r"name it proof\.json"):
        ProofFiles(tmp_path / name, force=True).check()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_plain_file_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "proof.md")
    with pytest.raises(StorageError, match="is no plain file"):
        ProofFiles(tmp_path / "proof.json", force=True).check()


def test_force_says_what_it_replaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "proof.md").write_text("# Mine")
    say_replaced(tmp_path / "proof.json", force=False)
    assert capsys.readouterr().err == ""
    say_replaced(tmp_path / "proof.json", force=True)
    assert "proof.md, which is no certificate of wearkit, will be" in capsys.readouterr().err


def test_it_is_refused_before_the_port_is_opened(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    for start in (
        lambda: open_live("/nowhere", bundle, verify=True, certificate=tmp_path / "notes.json"),
        lambda: verify_port("/nowhere", bundle, certificate=tmp_path / "notes.json"),
        lambda: open_live(
            "/nowhere", bundle, verify=True, certificate=tmp_path / "a.json",
            record=tmp_path / "a.json",
        ),
    ):  # fmt: skip
        with pytest.raises(StorageError):
            start()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.json"]


HOSTILE = ["a | b", "<script>x</script>", "[go](http://x)", "`c`", "**b**", "_i_", "a\n## b",
           "\x1b]0;x\x07", "\u202eabc", "$x$", "&amp;", "![i](u)"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_one_line_without_markup(certificate: Certificate, text: str) -> None:
    plainly = plain(text)
    assert plainly.isprintable()
    assert not any(c in plainly.replace(f"\\{c}", "") for c in "|<>`*[]&$")
    value = certificate.to_json()
    tasks = {"posture": [text, *value["tasks"]["posture"][1:]]}
    page = page_of(value | {"port": text, "tasks": tasks, "error": text})
    usual = page_of(value | {"tasks": {"posture": value["tasks"]["posture"]}, "error": "x"})
    assert len(page.splitlines()) == len(usual.splitlines())
    assert f"| Port | {plainly} |" in page.splitlines()


def test_names_of_classes_stay_readable() -> None:
    assert plain("sit_to_stand") == "sit_to_stand"
