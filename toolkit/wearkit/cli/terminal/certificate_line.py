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
