"""The certificate in examples/: whole, and at peace with itself and with its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from wearkit.verification.certificate.certificate import FORMAT, FORMAT_VERSION
from wearkit.verification.certificate.check import checked
from wearkit.verification.certificate.conditions import EQUIVALENT
from wearkit.verification.certificate.page import page_of


def faults_of(certificate: dict[str, Any], page: str) -> list[str]:
    """What a reader could object to; nothing in a good one."""
    count = certificate["windows_compared"]
    model, digest = certificate["model_id"], certificate["digest_sha256"]
    session, device = certificate["session"], certificate["device"]
    holds = {
        "format": certificate["format"] == FORMAT,
        "version": 1 <= certificate["format_version"] <= FORMAT_VERSION,
        "result": certificate["result"] == EQUIVALENT,
        "no difference": certificate["windows_differing"] == 0,
        "no first difference": certificate["first_difference"] is None,
        "many windows": count >= 10_000,
        "model": re.fullmatch("[0-9a-f]{64}", model) is not None,
        "device's model": device["model_id"] == model[:16],
        "sensor": (device["devid"], device["data_format"]) == (0xE5, 0x08),
        "digest": re.fullmatch("[0-9a-f]{64}", digest) is not None,
        "classes": all(sum(seen.values()) == count for seen in certificate["classes"].values()),
        "logits": certificate["logits_compared"] % count == 0,
        "sums": all(row["whole"] == row["parts"] for row in certificate["sums"]),
        "five sums": len(certificate["sums"]) == 5,
        "bytes": session["bytes_received"]
        == session["bytes_ok"] + session["bytes_rejected"] + session["bytes_ignored"],
        "windows": session["windows"] == session["windows_valid"] + session["windows_invalid"],
        "nothing lost": (session["missing_samples"], session["restarts"]) == (0, 0),
        "faults": certificate["faults"] == session["faults"],
        "page's ids": model in page and digest in page,
        "page's windows": f"{count} windows were computed" in page and " 0 differ," in page,
        "page's classes": all(
            f"| {label} | {windows} |" in page
            for seen in certificate["classes"].values()
            for label, windows in seen.items()
        ),
        "page's faults": all(
            f"| {code} | {windows} |" in page for code, windows in certificate["faults"].items()
        ),
    }
    return [name for name, good in holds.items() if not good]


def test_whoever_reads_it_can_check_it(certificate: tuple[dict[str, Any], str]) -> None:
    """All that follows from its list of windows, and its page. One of before there was a list is
    said to be none that can be checked."""
    value, page = certificate
    if value["format_version"] == 1:
        assert "window_list" not in value
        return
    assert checked(value).result == EQUIVALENT
    assert page == page_of(value)


@pytest.fixture
def certificate(repository: Path) -> tuple[dict[str, Any], str]:
    folder = repository / "examples" / "certificate"
    found = json.loads((folder / "equivalence.json").read_text(encoding="utf-8"))
    return found, (folder / "equivalence.md").read_text(encoding="utf-8")


def test_the_example_is_consistent(certificate: tuple[dict[str, Any], str]) -> None:
    assert faults_of(*certificate) == []


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("windows_differing", 1, ["no difference"]),
        ("model_id", "a9a4", ["model", "device's model"]),
        ("faults", {"STUCK": 1}, ["faults", "page's faults"]),
        ("digest_sha256", "0" * 64, ["page's ids"]),
    ],
)
def test_a_changed_one_is_not(
    certificate: tuple[dict[str, Any], str], key: str, value: object, named: list[str]
) -> None:
    found, page = certificate
    assert faults_of(found | {key: value}, page) == named
