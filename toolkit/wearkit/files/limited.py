"""Files of others are read up to a limit, and their digests in pieces."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from wearkit.errors import ModelFileError
from wearkit.files.strict_json import parse_json

MAX_JSON_BYTES = 4 << 20
_HASHED_AT_ONCE_BYTES = 1 << 20
BUNDLE_UNREADABLE = "Cannot read {path}: {reason}; export the bundle again."
RUN_UNREADABLE = "Cannot read {path} ({reason}): name a run written by wearkit train."


def read_limited(path: Path, limit_bytes: int, unreadable: str = BUNDLE_UNREADABLE) -> bytes:
    """The bytes of a file of a bundle or a run, up to `limit_bytes`.

    unreadable: the sentence for a file that cannot be read, with {path} and {reason} in it.
    Raises ModelFileError when the file is absent, unreadable, no plain file or too large.
    """
    try:
        with open_plain(path) as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(unreadable.format(path=path, reason=reason)) from error
    if len(data) > limit_bytes:
        raise ModelFileError(f"{path} is larger than {limit_bytes} bytes and is not read.")
    return data


def read_json(path: Path, format_name: str, version: int) -> dict[str, Any]:
    """A JSON object of that format. Raises ModelFileError, also for another version."""
    return json_object(path, read_limited(path, MAX_JSON_BYTES), format_name, version)


def json_object(path: Path, data: bytes, format_name: str, version: int) -> dict[str, Any]:
    """As `read_json` of a file that is read already. path: its name, for the sentence."""
    if len(data) > MAX_JSON_BYTES:
        raise ModelFileError(f"{path} is larger than {MAX_JSON_BYTES} bytes and is not read.")
    try:
        value = parse_json(data)
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


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading that is one: a pipe in its place would be waited for without end.

    Raises OSError when it cannot be opened, ModelFileError when it is something else.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ModelFileError(f"{path} is no plain file and is not read.")
    return os.fdopen(handle, "rb")


def file_sha256(path: Path) -> str:
    """Raises OSError when the file cannot be read."""
    with path.open("rb") as stream:
        return stream_sha256(stream)


def stream_sha256(stream: BinaryIO) -> str:
    """Of all that is left in it, read in pieces."""
    digest = hashlib.sha256()
    while chunk := stream.read(_HASHED_AT_ONCE_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
