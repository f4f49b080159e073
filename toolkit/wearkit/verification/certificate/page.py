"""The page of a certificate, written from its JSON alone: whoever has the one can make the other.

Nothing of it is believed to be plain: names, labels and words of a device are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wearkit.verification.certificate.conditions import RULES

MARK = "# Equivalence of device and host: "  # how every page of ours begins
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def page_of(certificate: Mapping[str, Any]) -> str:
    """certificate: as Certificate.to_json gives it, whole. The page has no other source."""
    digest = ("SHA-256 of all compared windows", certificate["digest_sha256"])
    faults = [(code, str(count)) for code, count in certificate["faults"].items()]
    sums = [(row["what"], f"{row['whole']} = {row['parts']}") for row in certificate["sums"]]
    lines = [
        f"{MARK}{plain(certificate['result'])}",
        "",
        f"{plain(certificate['headline'])}.",
        "",
        *_origin(certificate),
        f"{certificate['windows_compared']} windows were computed on the device and, from the "
        "same samples, by the integer reference on the host. "
        f"{certificate['windows_differing']} differ, in {certificate['logits_compared']} int8 "
        "logits.",
        "",
        *_end(certificate),
        *_table("", [*_about(certificate), digest]),
        *_table("Conditions", [_condition(entry) for entry in certificate["conditions"]]),
        "## What this does not prove",
        "",
        *(f"* {plain(sentence)}" for sentence in certificate["does_not_prove"]),
        "",
        *_classes(certificate),
        *_table("Faults", faults or [("none", "0")]),
        *_table("Sums", sums),
    ]
    return "\n".join(lines)


def plain(text: Any) -> str:
    """One line without markup, HTML or control characters."""
    printable = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(text))
    return _SPECIAL.sub(r"\\\1", printable)


def _origin(certificate: Mapping[str, Any]) -> list[str]:
    if certificate["replayed"]:
        return [
            "The windows were replayed through the link in the sensor's place: "
            f"{plain(certificate['replayed'])}.",
            "",
        ]
    return ["The sensor was simulated: nobody wore it.", ""] if certificate["simulated"] else []


def _end(certificate: Mapping[str, Any]) -> list[str]:
    difference, error = certificate["first_difference"], certificate["error"]
    lines = [] if difference is None else [plain(difference["sentence"]), ""]
    return lines + ([f"It ended with: {plain(error)}", ""] if error else [])


def _classes(certificate: Mapping[str, Any]) -> list[str]:
    """Every label of every head, so that a class that was not seen shows."""
    lines: list[str] = []
    for task, labels in certificate["tasks"].items():
        windows_by_label = certificate["classes"].get(task, {})
        rows = [(label, str(windows_by_label.get(label, 0))) for label in labels]
        lines += _table(f"Classes of {plain(task)}, windows", rows)
    return lines


def _about(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("Model", certificate["model_id"]),
        ("Rounding", certificate["rounding"]),
        ("Port", certificate["port"]),
        ("wearkit", certificate["wearkit"]),
    ]
    device, rate = certificate["device"], certificate["measured_rate"]
    if device is not None:
        rows.append(("Device", f"{device['uid']}, firmware {device['firmware']}"))
        rows.append(("Device's model", device["model_id"]))
    signature = certificate["signature"]
    signed = "unsigned" if signature is None else f"ed25519, public key {signature['public_key']}"
    rows.append(("Signature", signed))
    if rate is not None:
        measured = f"{rate['rate_hz']:.3f} +- {rate['error_hz']:.3f} Hz by {rate['source']} time"
        rows.append(("Measured rate", measured))
    return rows


def _condition(entry: Mapping[str, Any]) -> tuple[str, str]:
    counts = ", ".join(
        f"{name.replace('_', ' ')} {count}" for name, count in entry["counts"].items()
    )
    holds = "holds" if entry["holds"] else "DOES NOT HOLD"
    return RULES[entry["name"]].sentence, f"{holds}: {counts}"


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    head = [f"## {title}", ""] if title else []
    body = [f"| {plain(name)} | {plain(value)} |" for name, value in rows]
    return [*head, "| | |", "|---|---|", *body, ""]
