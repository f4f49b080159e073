"""What `wearkit live --verify` and `wearkit verify` say of the proof they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wearkit.verification.certificate.certificate import Certificate


def say_certificate(certificate: Certificate, path: Path, also: str = "") -> None:
    """One line on stderr, with both files."""
    click.echo(f"{certificate}{also} ({path}, {path.with_suffix('.md')}).", err=True)


def say_replaced(path: Path, *, force: bool) -> None:
    """What --force lets the certificate replace, before it does. path: of its JSON."""
    from wearkit.verification.certificate.proof import ProofFiles

    for foreign in ProofFiles(path).foreign() if force else []:
        click.echo(f"{foreign}, which is no certificate of wearkit, will be replaced.", err=True)
