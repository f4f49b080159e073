"""Files of others are read up to a limit, and their digests in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from wearkit.errors import ModelFileError
from wearkit.files.strict_json import parse_json

_MAX_JSON_BYTES = 4 << 20
_HASHED_AT_ONCE_BYTES = 1 << 20
BUNDLE_UNREADABLE = "Cannot read {path}: {reason}; export the bundle again."
RUN_UNREADABLE = "Cannot read {path} ({reason}): name a run written by wearkit train."


def read_limited(path: Path, limit_bytes: int, unreadable: str = BUNDLE_UNREADABLE) -> bytes:
    """The bytes of a file of a bundle or a run, up to `limit_bytes`.

    unreadable: the sentence for a file that cannot be read, with {path} and {reason} in it.
    Raises ModelFileError when the file is absent, unreadable or too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(unreadable.format(path=path, reason=reason)) from error
    if len(data) > limit_bytes:
        raise ModelFileError(f"{path} is larger than {limit_bytes} bytes and is not read.")
    return data


def read_json(path: Path, format_name: str, version: int) -> dict[str, Any]:
    """A JSON object of that format. Raises ModelFileError, also for another version."""
    try:
        value = parse_json(read_limited(path, _MAX_JSON_BYTES))
    except ValueError as error:
        raise ModelFileError(f"{path} is not valid JSON; export the bundle again.") from error
    if not isinstance(value, dict) or value.get("format") != format_name:
        raise ModelFileError(f"{path} is not a {format_name} file.")
    if value.get("format_version") != version:
        raise ModelFileError(
            f"{path} has format version {value.get('format_version')!r} and this wearkit reads "
            f"{version}; export the run again with this version."
        )
    return value


def file_sha256(path: Path) -> str:
    """Raises OSError when the file cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASHED_AT_ONCE_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
