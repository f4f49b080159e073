"""Everything a user can get wrong, one family per exit code.

The command line prints `str(error)` as one sentence that names the cause and the remedy, and
exits with the family's code. 0 is success, 1 a verification that found a difference or a gap,
2 a usage error (click's own), 130 an interrupt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from wearkit.verification.certificate.certificate import Certificate

LONGEST_MESSAGE = 1000


class WearkitError(Exception):
    """Base of every error wearkit raises on purpose. The message is one sentence.

    It may quote a file, which may hold anything: as text it is one printable line of at most
    LONGEST_MESSAGE characters, so that no file moves a terminal's cursor or floods it.

    fault: its code in wearkit.link.faults, where `wearkit live` counts it; else "".
    certificate: what was compared before it, where it ended a session that compared.
    """

    exit_code: ClassVar[int] = 1
    certificate: Certificate | None = None

    def __init__(self, message: str = "", *, fault: str = "") -> None:
        super().__init__(message)
        self.fault = fault

    def __str__(self) -> str:
        text = printable(super().__str__())
        half = LONGEST_MESSAGE // 2 - len(_CUT)
        return text if len(text) <= LONGEST_MESSAGE else text[:half] + _CUT + text[-half:]


_CUT = " ... "


def printable(text: str) -> str:
    """The text with every character that is not printable written out (\\x1b): for the terminal,
    whatever a file or a path holds."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class VerificationError(WearkitError):
    """Two things that must be equal differ."""

    exit_code = 1


class PortError(WearkitError):
    """A serial port is missing, busy, forbidden, or carries nothing that can be read."""

    exit_code = 3


class LinkLostError(WearkitError):
    """A port that worked went away."""

    exit_code = 4


class DataError(WearkitError):
    """A recording, its units, labels or subjects cannot be used."""

    exit_code = 5


class ModelFileError(WearkitError):
    """A checkpoint, graph or bundle is missing, damaged, or of another version."""

    exit_code = 6


class MissingToolError(WearkitError):
    """An optional package or program is not installed. The message says how to install it."""

    exit_code = 7


class StorageError(WearkitError):
    """A file could not be written (disk full, no permission)."""

    exit_code = 8
